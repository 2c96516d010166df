/* lib/http/head and request: the answer is the same in whatever pieces the head comes, and whatever is
 * taken is framed in one way only. */
#include "base/bug.h"
#include "http/bytes.h"
#include "http/path.h"
#include "http/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum http_head_status parse_in_steps(struct span bytes, size_t step, struct http_head *h)
{
	enum http_head_status status = HTTP_HEAD_MORE;
	size_t n = 0;

	http_head_begin(h, HTTP_REQUEST);
	do {
		n = bytes.n - n > step ? n + step : bytes.n;
		status = http_head_parse(h, span_of(bytes.p, n));
	} while (status == HTTP_HEAD_MORE && n < bytes.n);
	return status;
}

static unsigned count(const struct http_head *h, enum http_field_id id)
{
	unsigned n = 0;

	for (unsigned i = 0; i < h->n_fields; i++)
		n += h->fields[i].id == id;
	return n;
}

static void check_taken(const struct http_head *h, const struct http_request *r)
{
	unsigned lengths = count(h, HTTP_CONTENT_LENGTH),
		 codings = count(h, HTTP_TRANSFER_ENCODING);
	uint8_t path[HTTP_TARGET_MAX];

	BUG_ON(lengths + codings > 1 || count(h, HTTP_HOST) > 1);
	BUG_ON(h->minor == 1 && count(h, HTTP_HOST) != 1);
	BUG_ON((r->body.kind == HTTP_BODY_CHUNKED) != (codings == 1));
	BUG_ON(r->body.kind == HTTP_BODY_LENGTH && r->body.length == 0);
	BUG_ON(r->path.n == 0 || (r->path.p[0] != '/' && r->path.p[0] != '*'));
	BUG_ON(!http_is_all(r->path, HTTP_BYTE_TARGET) || !http_is_all(r->query, HTTP_BYTE_TARGET));
	BUG_ON(http_path_normalize(r->path, path) > (int)r->path.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t steps[] = {1, 2, 3, 100};
	static struct http_head whole, h;
	struct span bytes = span_of(data, size);
	enum http_head_status status = parse_in_steps(bytes, SIZE_MAX, &whole);
	struct http_request r;
	const char *why;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		enum http_head_status again = parse_in_steps(bytes, steps[i], &h);

		BUG_ON(again != status && !(again == HTTP_HEAD_BAD && status == HTTP_HEAD_BAD));
		if (status != HTTP_HEAD_DONE)
			continue;
		BUG_ON(h.len != whole.len || h.n_fields != whole.n_fields);
		BUG_ON(memcmp(h.fields, whole.fields, h.n_fields * sizeof(h.fields[0])) != 0);
	}
	BUG_ON(status == HTTP_HEAD_MORE && size >= HTTP_HEAD_MAX);
	if (status != HTTP_HEAD_DONE)
		return 0;
	BUG_ON(whole.len > size || memcmp(data + whole.len - 4, "\r\n\r\n", 4) != 0);
	BUG_ON(memchr(data, '\0', whole.len));
	if (http_request_judge(&whole, bytes, &r, &why) == 0)
		check_taken(&whole, &r);
	else
		BUG_ON(!why);
	return 0;
}

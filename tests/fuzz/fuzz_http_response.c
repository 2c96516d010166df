/* lib/http/response: the answer is the same in whatever pieces the head comes. */
#include "base/bug.h"
#include "http/response.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Parses as `bytes` come in, `step` at a time. */
static enum http_response_status parse_in_steps(
	struct span bytes, size_t step, struct http_response *r)
{
	enum http_response_status status = HTTP_RESPONSE_MORE;
	size_t n = 0;

	*r = (struct http_response){0};
	do {
		n = bytes.n - n > step ? n + step : bytes.n;
		status = http_response_parse(r, span_of(bytes.p, n));
	} while (status == HTTP_RESPONSE_MORE && n < bytes.n);
	return status;
}

static void check_done(const struct http_response *r, struct span bytes)
{
	BUG_ON(r->status != 101 && (r->status < 200 || r->status > 599));
	BUG_ON(r->minor > 1 || r->head_len > bytes.n || r->head_len > HTTP_RESPONSE_HEAD_MAX);
	BUG_ON(memcmp(bytes.p + r->head_len - 4, "\r\n\r\n", 4) != 0);
	BUG_ON(memchr(bytes.p, '\0', r->head_len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t steps[] = {1, 2, 3, 100};
	struct span bytes = span_of(data, size);
	struct http_response whole;
	enum http_response_status status = parse_in_steps(bytes, SIZE_MAX, &whole);

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct http_response r;

		BUG_ON(parse_in_steps(bytes, steps[i], &r) != status);
		BUG_ON(r.status != whole.status || r.head_len != whole.head_len ||
			r.error != whole.error);
	}
	if (status == HTTP_RESPONSE_DONE)
		check_done(&whole, bytes);
	BUG_ON(status == HTTP_RESPONSE_MORE && size >= HTTP_RESPONSE_HEAD_MAX);
	return 0;
}

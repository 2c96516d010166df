#include "http/head.h"

#include "http/bytes.h"

enum {
	VERSION_LEN = 8,       /* "HTTP/1.1" */
	VERSION_AND_CODE = 12, /* "HTTP/1.1 200" */
};

void http_head_begin(struct http_head *h, enum http_head_kind kind)
{
	h->kind = kind;
	h->len = h->_line = h->_scanned = 0;
	h->n_fields = h->status = h->code = 0;
	h->minor = 0;
	h->error = NULL;
	h->_in_fields = h->_skipped = false;
}

static enum http_head_status bad(struct http_head *h, uint16_t code, const char *why)
{
	h->code = code;
	h->error = why;
	return HTTP_HEAD_BAD;
}

static struct http_part part_of(struct span bytes, struct span part)
{
	return (struct http_part){(uint16_t)(part.p - bytes.p), (uint16_t)part.n};
}

/* --- start lines --- */

static bool is_version(const uint8_t *p)
{
	return memcmp(p, "HTTP/1.", 7) == 0 && (p[7] == '0' || p[7] == '1');
}

/* Something with the shape of a version, of which we know none but two. */
static bool is_other_version(struct span s)
{
	return s.n == VERSION_LEN && memcmp(s.p, "HTTP/", 5) == 0 &&
	       http_is_byte(s.p[5], HTTP_BYTE_DIGIT) && s.p[6] == '.' &&
	       http_is_byte(s.p[7], HTTP_BYTE_DIGIT);
}

static enum http_head_status take_version(struct http_head *h, struct span version)
{
	if (version.n != VERSION_LEN || !is_version(version.p))
		return is_other_version(version)
			       ? bad(h, 505, "a version other than HTTP/1.0 and HTTP/1.1")
			       : bad(h, 400, "not an HTTP/1 request line");
	h->minor = (uint8_t)(version.p[7] - '0');
	h->_in_fields = true;
	return HTTP_HEAD_MORE;
}

/* RFC 9112 3: method, one space, target, one space, version. */
static enum http_head_status take_request_line(
	struct http_head *h, struct span bytes, struct span line)
{
	const uint8_t *first = memchr(line.p, ' ', line.n), *last;
	struct span method, target;

	if (!first)
		return bad(h, 400, "not an HTTP/1 request line");
	method = span_of(line.p, (size_t)(first - line.p));
	if (method.n == 0 || !http_is_all(method, HTTP_BYTE_TOKEN))
		return bad(h, 400, "the method is not a token");
	if (method.n > HTTP_METHOD_MAX)
		return bad(h, 501, "the method is longer than 32 bytes");
	last = memchr(first + 1, ' ', line.n - method.n - 1);
	if (!last)
		return bad(h, 400, "not an HTTP/1 request line");
	target = span_of(first + 1, (size_t)(last - first - 1));
	if (target.n == 0 || !http_is_all(target, HTTP_BYTE_TARGET))
		return bad(h, 400, "the target holds a byte that no target does");
	if (target.n > HTTP_TARGET_MAX)
		return bad(h, 414, "the target is longer than 8192 bytes");
	h->method = part_of(bytes, method);
	h->target = part_of(bytes, target);
	return take_version(h, span_of(last + 1, (size_t)(span_end(line) - last - 1)));
}

/* RFC 9112 4. The space behind the code may be missing where there is no reason: common, and not
 * ambiguous. */
static enum http_head_status take_status_line(
	struct http_head *h, struct span bytes, struct span line)
{
	const uint8_t *p = line.p;

	if (line.n < VERSION_AND_CODE || !is_version(p) || p[8] != ' ')
		return bad(h, 502, "not an HTTP/1 status line");
	if (!http_is_all(span_of(p + 9, 3), HTTP_BYTE_DIGIT) || p[9] < '1' || p[9] > '5' ||
		(line.n > VERSION_AND_CODE && p[VERSION_AND_CODE] != ' '))
		return bad(h, 502, "status code is not 100 to 599");
	if (!http_is_all(line, HTTP_BYTE_TEXT))
		return bad(h, 502, "control byte in the status line");
	h->minor = (uint8_t)(p[7] - '0');
	h->status = (uint16_t)((p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0'));
	h->reason = (struct http_part){0};
	if (line.n > VERSION_AND_CODE + 1)
		h->reason = part_of(
			bytes, span_of(p + VERSION_AND_CODE + 1, line.n - VERSION_AND_CODE - 1));
	h->_in_fields = true;
	return HTTP_HEAD_MORE;
}

/* --- fields --- */

const char *http_field_line(struct span line, struct span *ret_name, struct span *ret_value)
{
	size_t name = 0;
	struct span value;

	if (line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t'))
		return "folded header field";
	while (name < line.n && http_is_byte(line.p[name], HTTP_BYTE_TOKEN))
		name++;
	if (name == 0 || name == line.n || line.p[name] != ':')
		return "header field without a proper name";
	value = span_of(line.p + name + 1, line.n - name - 1);
	if (!http_is_all(value, HTTP_BYTE_TEXT))
		return "control byte in a header field";
	*ret_name = span_of(line.p, name);
	*ret_value = http_trim(value);
	return NULL;
}

static uint16_t code_of(const struct http_head *h, uint16_t of_request)
{
	return h->kind == HTTP_REQUEST ? of_request : 502;
}

static enum http_head_status take_field(struct http_head *h, struct span bytes, struct span line)
{
	struct http_field *f = &h->fields[h->n_fields];
	struct span name, value;
	const char *wrong;

	if (h->n_fields == HTTP_FIELDS_MAX)
		return bad(h, code_of(h, 431), "more than 128 header fields");
	wrong = http_field_line(line, &name, &value);
	if (wrong)
		return bad(h, code_of(h, 400), wrong);
	f->name = part_of(bytes, name);
	f->value = part_of(bytes, value);
	f->id = (uint8_t)http_field_id(name);
	h->n_fields++;
	return HTTP_HEAD_MORE;
}

/* --- lines --- */

static enum http_head_status take_start(struct http_head *h, struct span bytes, struct span line)
{
	if (h->kind == HTTP_RESPONSE)
		return take_status_line(h, bytes, line);
	if (line.n > 0)
		return take_request_line(h, bytes, line);
	if (h->_skipped)
		return bad(h, 400, "more than one empty line before the request");
	h->_skipped = true;
	return HTTP_HEAD_MORE;
}

static enum http_head_status take_line(struct http_head *h, struct span bytes, struct span line)
{
	if (!h->_in_fields)
		return take_start(h, bytes, line);
	if (line.n > 0)
		return take_field(h, bytes, line);
	h->len = h->_line;
	return HTTP_HEAD_DONE;
}

/* What does not end within the limits: the target is to blame where it alone is too long. */
static enum http_head_status unfinished(struct http_head *h, size_t n)
{
	if (h->kind == HTTP_REQUEST && !h->_in_fields &&
		n - h->_line > HTTP_METHOD_MAX + HTTP_TARGET_MAX + VERSION_LEN + 4)
		return bad(h, 414, "the target is longer than 8192 bytes");
	return n == HTTP_HEAD_MAX ? bad(h, code_of(h, 431), "head above 32768 bytes")
				  : HTTP_HEAD_MORE;
}

/* A line that was not ended yet shows early that it will be of no use. */
static bool is_hopeless(const struct http_head *h, struct span rest)
{
	return !h->_in_fields && h->kind == HTTP_REQUEST && rest.n > 0 && rest.p[0] != '\r' &&
	       !http_is_byte(rest.p[0], HTTP_BYTE_TOKEN);
}

enum http_head_status http_head_parse(struct http_head *h, struct span bytes)
{
	size_t n = bytes.n < HTTP_HEAD_MAX ? bytes.n : HTTP_HEAD_MAX;
	enum http_head_status status;

	while (h->_scanned < n) {
		const uint8_t *lf = memchr(bytes.p + h->_scanned, '\n', n - h->_scanned);
		size_t start = h->_line, end;

		if (!lf) {
			h->_scanned = n;
			break;
		}
		end = (size_t)(lf - bytes.p);
		if (end == start || bytes.p[end - 1] != '\r')
			return bad(h, code_of(h, 400), "line that does not end with CRLF");
		h->_line = h->_scanned = end + 1;
		status = take_line(h, bytes, span_of(bytes.p + start, end - 1 - start));
		if (status != HTTP_HEAD_MORE)
			return status;
	}
	if (is_hopeless(h, span_of(bytes.p + h->_line, n - h->_line)))
		return bad(h, 400, "not an HTTP/1 request line");
	return unfinished(h, n);
}

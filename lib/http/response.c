#include "http/response.h"

#include "http/bytes.h"
#include "http/head.h"

enum {
	VERSION_AND_CODE = 12, /* "HTTP/1.1 200" */
	SWITCHING_PROTOCOLS = 101,
};

static enum http_response_status malformed(struct http_response *r, const char *why)
{
	r->error = why;
	return HTTP_RESPONSE_MALFORMED;
}

static enum http_response_status too_large(struct http_response *r, const char *why)
{
	r->error = why;
	return HTTP_RESPONSE_TOO_LARGE;
}

/* RFC 9112 4. The space behind the code may be missing where there is no reason: common, and not
 * ambiguous. */
static enum http_response_status take_status_line(struct http_response *r, struct span line)
{
	const uint8_t *p = line.p;

	if (line.n < VERSION_AND_CODE || memcmp(p, "HTTP/1.", 7) != 0 ||
		(p[7] != '0' && p[7] != '1') || p[8] != ' ')
		return malformed(r, "not an HTTP/1 status line");
	if (!http_is_all(span_of(p + 9, 3), HTTP_BYTE_DIGIT) || p[9] < '1' || p[9] > '5')
		return malformed(r, "status code is not 100 to 599");
	if (line.n > VERSION_AND_CODE && p[VERSION_AND_CODE] != ' ')
		return malformed(r, "status code is not 100 to 599");
	if (!http_is_all(line, HTTP_BYTE_TEXT))
		return malformed(r, "control byte in the status line");
	r->minor = (unsigned)(p[7] - '0');
	r->status = (unsigned)(p[9] - '0') * 100 + (unsigned)(p[10] - '0') * 10 +
		    (unsigned)(p[11] - '0');
	r->_in_fields = true;
	return HTTP_RESPONSE_MORE;
}

/* RFC 9112 5 */
static enum http_response_status take_field_line(struct http_response *r, struct span line)
{
	struct span name, value;
	const char *wrong;

	if (++r->_fields > HTTP_RESPONSE_FIELDS_MAX)
		return too_large(r, "more than 128 header fields");
	wrong = http_field_line(line, &name, &value);
	return wrong ? malformed(r, wrong) : HTTP_RESPONSE_MORE;
}

/* The empty line: the end, unless the response was an interim one (RFC 9110 15.2). */
static enum http_response_status end_head(struct http_response *r)
{
	if (r->status >= 200 || r->status == SWITCHING_PROTOCOLS) {
		r->head_len = r->_line;
		return HTTP_RESPONSE_DONE;
	}
	r->_in_fields = false;
	return HTTP_RESPONSE_MORE;
}

static enum http_response_status take_line(struct http_response *r, struct span line)
{
	if (!r->_in_fields)
		return take_status_line(r, line);
	return line.n == 0 ? end_head(r) : take_field_line(r, line);
}

enum http_response_status http_response_parse(struct http_response *r, struct span bytes)
{
	size_t n = bytes.n < HTTP_RESPONSE_HEAD_MAX ? bytes.n : HTTP_RESPONSE_HEAD_MAX;
	enum http_response_status status = HTTP_RESPONSE_MORE;

	while (r->_scanned < n) {
		const uint8_t *lf = memchr(bytes.p + r->_scanned, '\n', n - r->_scanned);
		size_t start = r->_line, end;

		if (!lf) {
			r->_scanned = n;
			break;
		}
		end = (size_t)(lf - bytes.p);
		if (end == start || bytes.p[end - 1] != '\r')
			return malformed(r, "line that does not end with CRLF");
		r->_line = r->_scanned = end + 1;
		status = take_line(r, span_of(bytes.p + start, end - 1 - start));
		if (status != HTTP_RESPONSE_MORE)
			return status;
	}
	return n == HTTP_RESPONSE_HEAD_MAX ? too_large(r, "head above 16384 bytes")
					   : HTTP_RESPONSE_MORE;
}

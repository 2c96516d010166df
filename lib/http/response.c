#include "http/response.h"

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

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* RFC 9110 5.6.2 */
static bool is_token_byte(uint8_t c)
{
	return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

/* RFC 9110 5.5: visible bytes, those above ASCII too, space and tab. */
static bool is_text(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((s.p[i] < 0x20 && s.p[i] != '\t') || s.p[i] == 0x7f)
			return false;
	return true;
}

/* RFC 9112 4. The space behind the code may be missing where there is no reason: common, and not
 * ambiguous. */
static enum http_response_status take_status_line(struct http_response *r, struct span line)
{
	const uint8_t *p = line.p;

	if (line.n < VERSION_AND_CODE || memcmp(p, "HTTP/1.", 7) != 0 ||
		(p[7] != '0' && p[7] != '1') || p[8] != ' ')
		return malformed(r, "not an HTTP/1 status line");
	if (!is_digit(p[9]) || !is_digit(p[10]) || !is_digit(p[11]) || p[9] < '1' || p[9] > '5')
		return malformed(r, "status code is not 100 to 599");
	if (line.n > VERSION_AND_CODE && p[VERSION_AND_CODE] != ' ')
		return malformed(r, "status code is not 100 to 599");
	if (!is_text(line))
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
	size_t name = 0;

	if (++r->_fields > HTTP_RESPONSE_FIELDS_MAX)
		return too_large(r, "more than 128 header fields");
	if (line.p[0] == ' ' || line.p[0] == '\t')
		return malformed(r, "folded header field");
	while (name < line.n && is_token_byte(line.p[name]))
		name++;
	if (name == 0 || name == line.n || line.p[name] != ':')
		return malformed(r, "header field without a proper name");
	if (!is_text(line))
		return malformed(r, "control byte in a header field");
	return HTTP_RESPONSE_MORE;
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

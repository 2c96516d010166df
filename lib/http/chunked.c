#include "http/chunked.h"

#include "http/bytes.h"
#include "http/head.h"

enum state { AT_SIZE, IN_DATA, AT_DATA_END, AT_TRAILER, AT_END, BAD };

enum { SIZE_DIGITS = 15 }; /* of hex: no chunk comes near, and no sum overflows */

static enum http_chunked_status bad(struct http_chunked *c, const char *why)
{
	c->error = why;
	c->_state = BAD;
	return HTTP_CHUNKED_BAD;
}

static void take(struct span *in, size_t n)
{
	*in = span_of(in->p + n, in->n - n);
}

/* The next whole line without its CRLF. MORE: there is none yet; DATA: *ret_line is it. */
static enum http_chunked_status next_line(
	struct http_chunked *c, struct span *in, size_t max, struct span *ret_line)
{
	size_t n = in->n < max + 2 ? in->n : max + 2;
	const uint8_t *lf = n > 0 ? memchr(in->p, '\n', n) : NULL;
	size_t end;

	if (!lf)
		return n == max + 2 ? bad(c, "a line that is too long in a chunked body")
				    : HTTP_CHUNKED_MORE;
	end = (size_t)(lf - in->p);
	if (end == 0 || in->p[end - 1] != '\r')
		return bad(c, "line that does not end with CRLF");
	*ret_line = span_of(in->p, end - 1);
	take(in, end + 1);
	return HTTP_CHUNKED_DATA;
}

static unsigned hex_value(uint8_t c)
{
	return (unsigned)(c <= '9' ? c - '0' : http_lower(c) - 'a' + 10);
}

static enum http_chunked_status take_size(struct http_chunked *c, struct span *in)
{
	struct span line;
	enum http_chunked_status status = next_line(c, in, HTTP_CHUNK_LINE_MAX, &line);
	size_t n = 0;

	if (status != HTTP_CHUNKED_DATA)
		return status;
	c->left = 0;
	for (; n < line.n && http_is_byte(line.p[n], HTTP_BYTE_HEX); n++)
		if (n < SIZE_DIGITS)
			c->left = c->left << 4 | hex_value(line.p[n]);
	if (n == 0 || n > SIZE_DIGITS)
		return bad(c, "a chunk's size is not a number");
	if (n < line.n && line.p[n] != ';')
		return bad(c, "neither an extension nor the end behind a chunk's size");
	if (!http_is_all(span_of(line.p + n, line.n - n), HTTP_BYTE_TEXT))
		return bad(c, "control byte in a chunk's extension");
	c->_state = c->left > 0 ? IN_DATA : AT_TRAILER;
	return HTTP_CHUNKED_DATA;
}

static enum http_chunked_status take_data(
	struct http_chunked *c, struct span *in, struct span *ret_run)
{
	size_t n = in->n < c->left ? in->n : (size_t)c->left;

	if (n == 0)
		return HTTP_CHUNKED_MORE;
	*ret_run = span_of(in->p, n);
	take(in, n);
	c->left -= n;
	if (c->left == 0)
		c->_state = AT_DATA_END;
	return HTTP_CHUNKED_DATA;
}

static enum http_chunked_status take_data_end(struct http_chunked *c, struct span *in)
{
	if (in->n > 0 && in->p[0] != '\r')
		return bad(c, "a chunk is longer than its size");
	if (in->n < 2)
		return HTTP_CHUNKED_MORE;
	if (in->p[1] != '\n')
		return bad(c, "a chunk is longer than its size");
	take(in, 2);
	c->_state = AT_SIZE;
	return HTTP_CHUNKED_DATA;
}

static enum http_chunked_status take_trailer(
	struct http_chunked *c, struct span *in, struct span *ret_run)
{
	enum http_chunked_status status = next_line(c, in, HTTP_TRAILER_LINE_MAX, ret_run);
	struct span name, value;
	const char *wrong;

	if (status != HTTP_CHUNKED_DATA)
		return status;
	if (ret_run->n == 0) {
		c->_state = AT_END;
		return HTTP_CHUNKED_DONE;
	}
	if (c->_trailers++ == HTTP_TRAILERS_MAX)
		return bad(c, "more than 32 trailer fields");
	wrong = http_field_line(*ret_run, &name, &value);
	return wrong ? bad(c, wrong) : HTTP_CHUNKED_TRAILER;
}

enum http_chunked_status http_chunked_next(
	struct http_chunked *c, struct span *in, struct span *ret_run)
{
	for (;;) {
		enum http_chunked_status status;

		switch ((enum state)c->_state) {
		case AT_SIZE:
			status = take_size(c, in);
			break;
		case IN_DATA:
			return take_data(c, in, ret_run);
		case AT_DATA_END:
			status = take_data_end(c, in);
			break;
		case AT_TRAILER:
			return take_trailer(c, in, ret_run);
		case AT_END:
			return HTTP_CHUNKED_DONE;
		case BAD:
		default:
			return HTTP_CHUNKED_BAD;
		}
		if (status != HTTP_CHUNKED_DATA)
			return status;
	}
}

void http_chunked_unread(struct http_chunked *c, size_t n)
{
	if (n == 0)
		return;
	c->left += n;
	c->_state = IN_DATA;
}

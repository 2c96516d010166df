#include "data/http2_server_head.h"

#include "http/bytes.h"
#include "http/head.h"
#include "http/status.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	FIELD_OVERHEAD = 32, /* that HTTP/2 counts for each (RFC 9113 6.5.2) */
	PSEUDO_FIELDS = 4,
	STATUS_LINE = 64,
};

/* --- a request --- */

static size_t count_lines(const uint8_t *bytes, size_t n)
{
	size_t lines = 0;

	for (size_t i = 0; i < n; i++)
		lines += bytes[i] == '\n';
	return lines;
}

/* The next line without its CRLF, taken off the front. */
static uint8_t *next_line(uint8_t **at, const uint8_t *end, size_t *ret_n)
{
	uint8_t *line = *at, *cr = memchr(line, '\r', (size_t)(end - line));

	*ret_n = (size_t)(cr - line);
	*at = cr + 2;
	return line;
}

static nghttp2_nv field(uint8_t *name, size_t name_len, uint8_t *value, size_t value_len)
{
	return (nghttp2_nv){name, value, name_len, value_len, NGHTTP2_NV_FLAG_NONE};
}

static nghttp2_nv pseudo(const char *name, uint8_t *value, size_t n)
{
	return field((uint8_t *)(uintptr_t)name, strlen(name), value, n);
}

/* What belongs to one connection of HTTP/1; TE says "trailers" or nothing. */
static bool goes_on(enum http_field_id id)
{
	switch (id) {
	case HTTP_CONNECTION:
	case HTTP_HOST:
	case HTTP_KEEP_ALIVE:
	case HTTP_PROXY_CONNECTION:
	case HTTP_TRANSFER_ENCODING:
	case HTTP_UPGRADE:
		return false;
	default:
		return true;
	}
}

/* METHOD SP TARGET SP HTTP/1.1 */
static size_t put_request_line(nghttp2_nv *to, uint8_t *line, size_t n)
{
	uint8_t *target = (uint8_t *)memchr(line, ' ', n) + 1;
	size_t method_len = (size_t)(target - line) - 1;

	to[0] = pseudo(":method", line, method_len);
	to[1] = pseudo(":path", target, n - method_len - 1 - strlen(" HTTP/1.1"));
	return 2;
}

/* Pseudo-fields come first: Host is the first line that follows the request's. */
static size_t put_field(nghttp2_nv *to, uint8_t *line, size_t n)
{
	struct span name, value;
	enum http_field_id id;
	uint8_t *value_at;

	http_field_line(span_of(line, n), &name, &value);
	id = http_field_id(name);
	value_at = line + (value.p - line);
	if (id == HTTP_HOST && value.n > 0) {
		*to = pseudo(":authority", value_at, value.n);
		return 1;
	}
	if (!goes_on(id))
		return 0;
	for (size_t i = 0; i < name.n; i++)
		line[i] = http_lower(line[i]);
	*to = field(line, name.n, value_at, value.n);
	return 1;
}

nghttp2_nv *http2_server_request(
	uint8_t *bytes, size_t n, const char *scheme, size_t *ret_len, size_t *ret_fields)
{
	nghttp2_nv *all = calloc(count_lines(bytes, n) + PSEUDO_FIELDS, sizeof(*all));
	uint8_t *at = bytes, *line;
	size_t fields, length;

	if (!all)
		return NULL;
	line = next_line(&at, bytes + n, &length);
	fields = put_request_line(all, line, length);
	all[fields++] = pseudo(":scheme", (uint8_t *)(uintptr_t)scheme, strlen(scheme));
	while ((line = next_line(&at, bytes + n, &length), length > 0))
		fields += put_field(all + fields, line, length);
	*ret_len = (size_t)(at - bytes);
	*ret_fields = fields;
	return all;
}

/* --- an answer --- */

static bool put_line(
	struct buffers *pool, struct http_buffer **b, struct span name, struct span value)
{
	if (!http_buffer_reserve(pool, b, name.n + value.n + 4))
		return false;
	http_buffer_put(*b, name);
	http_buffer_put(*b, span_str(": "));
	http_buffer_put(*b, value);
	http_buffer_put(*b, span_str("\r\n"));
	return true;
}

static bool take_status(struct http2_server_head *h, struct span value)
{
	uint64_t status;

	if (h->status != 0 || value.n != 3 || !http_number(value, &status) || status < 100)
		return false;
	h->status = (uint16_t)status;
	return true;
}

void http2_server_head_add(
	struct buffers *pool, struct http2_server_head *h, struct span name, struct span value)
{
	h->total += (uint32_t)(name.n + value.n + FIELD_OVERHEAD);
	h->is_bad |= h->total > HTTP_HEAD_MAX || h->n_fields == HTTP_FIELDS_MAX;
	if (h->is_bad)
		return;
	if (http_is(name, ":status")) {
		h->is_bad = !take_status(h, value);
		return;
	}
	h->n_fields++;
	h->is_bad = name.n == 0 || !http_is_all(name, HTTP_BYTE_TOKEN) ||
		    !http_is_all(value, HTTP_BYTE_TEXT) ||
		    !(goes_on(http_field_id(name)) || http_field_id(name) == HTTP_HOST) ||
		    !put_line(pool, &h->lines, name, value);
}

bool http2_server_head_write(
	struct buffers *pool, struct http2_server_head *h, struct http_buffer **to)
{
	struct span lines = http_buffer_held(h->lines);
	char start[STATUS_LINE];
	bool ok = !h->is_bad && h->status != 0 &&
		  http_buffer_reserve(pool, to, lines.n + STATUS_LINE + 2);

	if (ok) {
		snprintf(start, sizeof(start), "HTTP/1.1 %u %s\r\n", h->status,
			http_reason(h->status));
		http_buffer_put(*to, span_str(start));
		http_buffer_put(*to, lines);
		http_buffer_put(*to, span_str("\r\n"));
	}
	http2_server_head_release(pool, h);
	return ok;
}

void http2_server_head_release(struct buffers *pool, struct http2_server_head *h)
{
	http_buffer_drop(pool, &h->lines);
	*h = (struct http2_server_head){0};
}

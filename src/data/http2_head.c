#include "data/http2_head.h"

#include "http/bytes.h"

#include <stdio.h>

enum {
	FIELD_OVERHEAD = 32, /* that HTTP/2 counts for each (RFC 9113 6.5.2) */
	START_ROOM = 160, /* for what a request line, Host and Upgrade have around their values */
	SWITCHING = 101,
};

/* --- a request --- */

static bool append(struct buffers *pool, struct http_buffer **b, struct span text)
{
	if (!http_buffer_reserve(pool, b, text.n))
		return false;
	http_buffer_put(*b, text);
	return true;
}

/* Bytes that could end a line, or a part of one, make a request bad and are not written down. */
static bool keep(struct buffers *pool, struct http2_head *h, struct span value, uint8_t classes,
	struct http_part *ret)
{
	if (value.n == 0 || !http_is_all(value, classes) || ret->n > 0) {
		h->is_bad = true;
		return false;
	}
	ret->at = (uint16_t)http_buffer_held(h->raw).n;
	ret->n = (uint16_t)value.n;
	return append(pool, &h->raw, value);
}

static void add_pseudo(
	struct buffers *pool, struct http2_head *h, struct span name, struct span value)
{
	bool kept = true;

	if (http_is(name, ":method"))
		kept = keep(pool, h, value, HTTP_BYTE_TOKEN, &h->method);
	else if (http_is(name, ":path"))
		kept = keep(pool, h, value, HTTP_BYTE_TARGET, &h->path);
	else if (http_is(name, ":authority"))
		kept = keep(pool, h, value, HTTP_BYTE_TARGET, &h->authority);
	else if (http_is(name, ":protocol"))
		kept = keep(pool, h, value, HTTP_BYTE_TOKEN, &h->protocol);
	else if (!http_is(name, ":scheme") || !(http_is(value, "https") || http_is(value, "http")))
		h->is_bad = true;
	h->is_bad |= h->n_fields > 0;
	h->is_too_large |= !kept && !h->is_bad;
	h->lines = (uint32_t)http_buffer_held(h->raw).n;
}

static bool add_line(
	struct buffers *pool, struct http_buffer **b, struct span name, struct span value)
{
	return append(pool, b, name) && append(pool, b, span_str(": ")) && append(pool, b, value) &&
	       append(pool, b, span_str("\r\n"));
}

/* A cookie may come in crumbs, which are one field in HTTP/1 (RFC 9113 8.2.3). */
static bool add_crumb(struct buffers *pool, struct http2_head *h, struct span value)
{
	if (h->cookie && !append(pool, &h->cookie, span_str("; ")))
		return false;
	return append(pool, &h->cookie, value);
}

/* A tunnel has no body, and the key is ours to make (RFC 8441 5). */
static bool add_field_of_tunnel(
	struct buffers *pool, struct http2_head *h, struct span name, struct span value)
{
	if (http_field_id(name) == HTTP_CONTENT_LENGTH)
		h->is_bad = true;
	else if (!http_is(name, "sec-websocket-key"))
		return add_line(pool, &h->raw, name, value);
	return true;
}

static bool add_field(
	struct buffers *pool, struct http2_head *h, struct span name, struct span value)
{
	switch (http_field_id(name)) {
	case HTTP_COOKIE:
		return add_crumb(pool, h, value);
	case HTTP_CONNECTION:
	case HTTP_KEEP_ALIVE:
	case HTTP_PROXY_CONNECTION:
	case HTTP_TRANSFER_ENCODING:
	case HTTP_UPGRADE:
		h->is_bad = true;
		return true;
	default:
		return http2_head_asks_tunnel(h) ? add_field_of_tunnel(pool, h, name, value)
						 : add_line(pool, &h->raw, name, value);
	}
}

void http2_head_add(struct buffers *pool, struct http2_head *h, struct span name, struct span value)
{
	h->total += (uint32_t)(name.n + value.n + FIELD_OVERHEAD);
	if (h->total > HTTP_HEAD_MAX || h->n_fields >= HTTP_FIELDS_MAX)
		h->is_too_large = true;
	if (h->is_bad || h->is_too_large)
		return;
	if (name.n > 0 && name.p[0] == ':') {
		add_pseudo(pool, h, name, value);
		return;
	}
	h->n_fields++;
	if (name.n == 0 || !http_is_all(name, HTTP_BYTE_TOKEN) ||
		!http_is_all(value, HTTP_BYTE_TEXT)) {
		h->is_bad = true;
		return;
	}
	if (!add_field(pool, h, name, value))
		h->is_too_large = true;
}

static struct span part(const struct http2_head *h, struct http_part p)
{
	return http_part(http_buffer_held(h->raw), p);
}

/* What asks a server of HTTP/1.1 for the same. */
static bool add_upgrade(
	struct buffers *pool, struct http_buffer **b, struct span protocol, const char *key)
{
	return add_line(pool, b, span_str("connection"), span_str("upgrade")) &&
	       add_line(pool, b, span_str("upgrade"), protocol) &&
	       add_line(pool, b, span_str("sec-websocket-key"), span_str(key));
}

bool http2_head_write(
	struct buffers *pool, struct http2_head *h, const char *key, struct http_buffer **ret)
{
	bool tunnel = http2_head_asks_tunnel(h);
	struct span raw = http_buffer_held(h->raw);
	struct span lines = span_of(raw.p + h->lines, raw.n - h->lines);
	struct http_buffer *b = NULL;
	bool ok;

	if (!http_buffer_reserve(pool, &b, raw.n + http_buffer_held(h->cookie).n + START_ROOM))
		return false;
	ok = append(pool, &b, tunnel ? span_str("GET") : part(h, h->method)) &&
	     append(pool, &b, span_str(" ")) && append(pool, &b, part(h, h->path)) &&
	     append(pool, &b, span_str(" HTTP/1.1\r\n"));
	if (h->authority.n > 0)
		ok = ok && add_line(pool, &b, span_str("host"), part(h, h->authority));
	ok = ok && append(pool, &b, lines);
	if (h->cookie)
		ok = ok && add_line(pool, &b, span_str("cookie"), http_buffer_held(h->cookie));
	if (tunnel)
		ok = ok && add_upgrade(pool, &b, part(h, h->protocol), key);
	ok = ok && append(pool, &b, span_str("\r\n"));
	if (!ok)
		http_buffer_drop(pool, &b);
	*ret = b;
	return ok;
}

void http2_head_release(struct buffers *pool, struct http2_head *h)
{
	http_buffer_drop(pool, &h->raw);
	http_buffer_drop(pool, &h->cookie);
}

/* --- an answer --- */

static nghttp2_nv pair(uint8_t *name, size_t name_len, uint8_t *value, size_t value_len)
{
	return (nghttp2_nv){name, value, name_len, value_len, NGHTTP2_NV_FLAG_NONE};
}

static bool is_of_connection(enum http_field_id id)
{
	return id == HTTP_CONNECTION || id == HTTP_KEEP_ALIVE || id == HTTP_PROXY_CONNECTION ||
	       id == HTTP_TRANSFER_ENCODING || id == HTTP_UPGRADE;
}

size_t http2_head_fields(
	const struct http_head *h, uint8_t *bytes, char status[4], nghttp2_nv ret[HTTP2_FIELDS_MAX])
{
	static uint8_t status_name[] = ":status";
	size_t n = 0;

	snprintf(status, 4, "%u", h->status == SWITCHING ? 200u : h->status % 1000u);
	ret[n++] = pair(status_name, sizeof(status_name) - 1, (uint8_t *)status, 3);
	for (unsigned i = 0; i < h->n_fields; i++) {
		const struct http_field *f = &h->fields[i];
		uint8_t *name = bytes + f->name.at;

		if (is_of_connection((enum http_field_id)f->id))
			continue;
		for (unsigned k = 0; k < f->name.n; k++)
			name[k] = http_lower(name[k]);
		ret[n++] = pair(name, f->name.n, bytes + f->value.at, f->value.n);
	}
	return n;
}

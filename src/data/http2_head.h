/* Heads between HTTP/2 and HTTP/1: a request's fields are written down as HTTP/1 has them and then read by the one strict
 * parser there is (lib/http/head.h), and an answer's head goes the other way. So nothing can mean one thing here and
 * another behind (RFC 9113 8.2 and 10.3). owner: worker. */
#ifndef DATA_HTTP2_HEAD_H
#define DATA_HTTP2_HEAD_H

#include "data/http_buffer.h"
#include "http/head.h"

#include <nghttp2/nghttp2.h>

/* A request's head as its fields come. Begins as zeros. */
struct http2_head {
	struct http_buffer *raw;    /* values of pseudo-fields, then lines */
	struct http_buffer *cookie; /* its crumbs, put together */
	struct http_part method, path, authority, protocol;
	uint32_t lines; /* where the lines begin in raw */
	uint32_t total; /* bytes of all fields */
	uint16_t n_fields;
	bool is_bad; /* a field that no request has */
	bool is_too_large;
};

/* One field. What is wrong is remembered and told by the end. */
void http2_head_add(
	struct buffers *pool, struct http2_head *h, struct span name, struct span value);

/* It asks for a tunnel of another protocol (RFC 8441 4). */
static inline bool http2_head_asks_tunnel(const struct http2_head *h)
{
	return h->protocol.n > 0;
}

/* All have come: the text into *ret, which is empty; that of an Upgrade where a tunnel is asked for, with `key` as the key
 * of a WebSocket. False: out of memory. */
bool http2_head_write(
	struct buffers *pool, struct http2_head *h, const char *key, struct http_buffer **ret);
void http2_head_release(struct buffers *pool, struct http2_head *h);

/* The fields of an answer, whose head begins `bytes` and is changed: names become lower case. 101 is told as 200. */
enum { HTTP2_FIELDS_MAX = HTTP_FIELDS_MAX + 1 };
size_t http2_head_fields(const struct http_head *h, uint8_t *bytes, char status[4],
	nghttp2_nv ret[HTTP2_FIELDS_MAX]);

#endif

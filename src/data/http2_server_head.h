/* Heads between HTTP/1 and a server of HTTP/2: a request that was written down for a server becomes fields, and the fields of
 * an answer are written down as HTTP/1 has them and then read by the one strict parser there is. owner: worker. */
#ifndef DATA_HTTP2_SERVER_HEAD_H
#define DATA_HTTP2_SERVER_HEAD_H

#include "data/http_buffer.h"

#include <nghttp2/nghttp2.h>

/* The request whose head begins with `bytes`, which we wrote: *ret_len bytes of it. Names become lower case in place. The
 * array is the caller's to free, its parts point into the head. NULL: out of memory. */
nghttp2_nv *http2_server_request(
	uint8_t *bytes, size_t n, const char *scheme, size_t *ret_len, size_t *ret_fields);

/* An answer's head as its fields come. Begins as zeros. */
struct http2_server_head {
	struct http_buffer *lines;
	uint32_t total; /* bytes of all fields */
	uint16_t n_fields, status;
	bool is_bad; /* none that can be passed on, or too large */
};

void http2_server_head_add(
	struct buffers *pool, struct http2_server_head *h, struct span name, struct span value);

/* All have come: the text behind what *to holds, and h begins anew. False: it is none, or out of memory. */
bool http2_server_head_write(
	struct buffers *pool, struct http2_server_head *h, struct http_buffer **to);
void http2_server_head_release(struct buffers *pool, struct http2_server_head *h);

#endif

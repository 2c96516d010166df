/* HTTP/2 to servers, by libnghttp2 with prior knowledge (h2c, RFC 9113 3.3): streams of many exchanges share few connections of
 * a worker to a server. To an exchange a stream is an http_upstream as a connection of HTTP/1 is one: it takes the request as
 * text from x->to_server, and gives the head of the answer as text and then the body into u->in, so that what judges answers
 * and moves bodies is the same code.
 *
 * Bounds: HTTP2_SERVER_STREAMS streams of a connection, or what the server allows, if less: beyond that there is another
 * connection. A head of HTTP_HEAD_MAX bytes, HTTP2_SERVER_WINDOW bytes of a body for each stream. A request is given to a
 * connection when the server's SETTINGS are here: until then it does not stand. owner: worker. */
#ifndef DATA_HTTP2_SERVER_H
#define DATA_HTTP2_SERVER_H

#include "data/http_pool.h"

enum {
	HTTP2_SERVER_STREAMS = 100,
	HTTP2_SERVER_WINDOW = 32768, /* what a buffer holds */
};

/* A stream for the exchange, on a connection that stands or is on its way; or a positive errno in *ret_error.
 * `first`, where it is not empty, goes before all else on a connection of its own. */
struct http_upstream *http2_server_join(struct http *h, uint32_t server, const struct addr *to,
	struct span first, struct http_exchange *x, int *ret_error);

/* Takes what is there of the request. 0, or a negative errno; x->sent follows. */
int http2_server_send(struct http_exchange *x);

/* More of the answer into u->in. > 0; 0: all of it came; -EAGAIN; -EPROTO: it is none; -ECONNRESET: x->reset_code, where the server
 * reset the stream. */
ssize_t http2_server_read(struct http_upstream *u);

/* No byte of a body is still to come. */
bool http2_server_is_whole(struct http_upstream *u);

/* The server did nothing with the request: another may get it. */
bool http2_server_refused(struct http_upstream *u);

/* The exchange is done with it; what was not finished is reset. */
void http2_server_leave(struct http_upstream *u);

/* Connections without streams are closed, others get no more; of one server, or of all with UINT32_MAX. */
void http2_server_drop(struct http *h, uint32_t server);
void http2_server_drop_idle(struct http *h);

/* False: out of memory. Released when no stream is in use any more. */
bool http2_servers_init(struct http *h);
void http2_servers_release(struct http *h);

/* Sends what streams have given since the last turn. */
void http2_server_run_turns(struct http *h);

#endif

/* The inside of HTTP/2 to servers, for http2_server.c (connections) and http2_server_stream.c (their streams) only.
 * owner: worker. */
#ifndef DATA_HTTP2_SERVER_INSIDE_H
#define DATA_HTTP2_SERVER_INSIDE_H

#include "data/http2_server.h"
#include "data/http2_server_head.h"
#include "data/http_exchange.h"
#include "data/worker_inside.h"

struct http2_server_stream {
	struct http_upstream up;
	struct list all, ready; /* of server */
	struct http2_server *server;
	struct http2_server_head head;
	struct http_buffer *body; /* that nobody took yet */
	size_t held;	   /* bytes of the body that the server was not given back as window */
	struct mono since; /* the request was handed over */
	int32_t id;	   /* 0: it was not */
	int error;	   /* a positive errno */
	bool answered;	   /* the head of the answer is here, not an interim one */
	bool in_is_body;   /* up.in, which else holds heads */
	bool ended;	   /* the answer is whole */
	bool closed;	   /* nghttp2 forgot it */
	bool deferred;	   /* nghttp2 waits for more of the request */
	bool refused;
};

struct http2_server {
	struct list of_server; /* in pool->servers */
	struct list of_pool;   /* in pool->connections */
	struct list turn;      /* in pool->flushes */
	struct list all, ready;
	struct list mark; /* in `ready`, behind those whose turn it is */
	struct http *http;
	struct link link;
	nghttp2_session *session;
	struct http_buffer *out; /* frames */
	struct http_timer timer; /* while it has no streams */
	struct addr addr;
	struct mono heard;
	uint32_t id;			/* of the server */
	size_t held;			/* by all streams */
	unsigned n_streams, n_requests; /* of these, that were handed over */
	bool stands;			/* the server's SETTINGS came */
	bool served;			/* an answer, before */
	bool exclusive;			/* of one exchange */
	bool closing;			/* takes no more streams */
	bool dead;			/* its socket is closed */
};

static inline struct buffers *http2_server_pool(const struct http2_server *s)
{
	return &s->http->worker->buffers;
}

/* --- http2_server.c --- */

/* It has something to send, or streams that can go on: when the present callback is over. */
void http2_server_want_turn(struct http2_server *s);

/* Streams that it takes at once. */
uint32_t http2_server_streams_max(const struct http2_server *s);

/* --- http2_server_stream.c --- */

/* NULL: out of memory. */
struct http2_server_stream *http2_server_stream_new(
	struct http2_server *s, struct http_exchange *x);
void http2_server_stream_ready(struct http2_server_stream *st);

/* The connection stands; and: it is gone. */
void http2_server_stream_stands(struct http2_server_stream *st);
void http2_server_stream_lost(struct http2_server_stream *st, int error);

/* What nghttp2 tells of streams; NULL: out of memory. */
void http2_server_stream_callbacks(nghttp2_session_callbacks *on);

#endif

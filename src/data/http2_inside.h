/* The inside of HTTP/2 towards a client, for http2.c (the session) and http2_stream.c (its streams) only. owner: worker. */
#ifndef DATA_HTTP2_INSIDE_H
#define DATA_HTTP2_INSIDE_H

#include "data/http2.h"
#include "data/http2_head.h"
#include "data/http_exchange.h"
#include "data/worker_inside.h"

struct http2_stream {
	struct list all, ready; /* of h2 */
	struct http2 *h2;
	struct http_exchange *x;  /* NULL: not yet, or no more */
	struct http_buffer *in;	  /* of the request's body: what is taken from */
	struct http_buffers more; /* and what came behind that */
	struct http2_head head;
	struct http_trailers trailers; /* of the answer, when all else of it was handed over */
	size_t held;	/* bytes of the body that the client was not given back as window */
	uint32_t grown; /* of its window, beyond HTTP2_STREAM_WINDOW */
	uint32_t came;	/* bytes of the body since it last grew */
	int32_t id;
	bool ended;    /* the request is whole */
	bool closed;   /* nghttp2 forgot it */
	bool answered; /* the head of the answer was handed over */
	bool whole;    /* and all of its body */
	bool deferred; /* nghttp2 waits for more of it */
	bool resets;   /* the rest of the request is not wanted: say so behind the answer */
};

struct http2 {
	struct http_conn *conn;
	nghttp2_session *session;
	struct list all, ready;
	struct list mark;	 /* in `ready`, behind those whose turn it is */
	struct http_buffer *out; /* frames */
	struct mono idle_frames_since;
	unsigned idle_frames;
	size_t held;	       /* by all streams */
	uint32_t grown;	       /* of all streams' windows */
	uint32_t window_grown; /* of the connection's: what `grown` was at most; counts in http */
	unsigned n_open;
	bool drains;
	bool over;
};

static inline struct buffers *http2_pool(const struct http2 *h2)
{
	return &h2->conn->worker->buffers;
}

/* A request begins. NULL: out of memory. */
struct http2_stream *http2_stream_new(struct http2 *h2, int32_t id);
void http2_stream_free(struct http2_stream *s);

/* Its head is whole: the exchange begins. */
void http2_stream_begin(struct http2_stream *s);

/* It can go on; and: it does. The latter may free it. */
void http2_stream_ready(struct http2_stream *s);
void http2_stream_run(struct http2_stream *s);

/* The answer cannot go on, or shall not: the client gets this code. */
void http2_stream_abort(struct http2_stream *s, enum end_reason reason, uint32_t code);

/* Its exchange is over, answered or not. */
void http2_stream_end(struct http2_stream *s);

#endif

/* The inside of the relay, for http_relay.c (the driver), http_relay_request.c, http_relay_reply.c and http_relay_tunnel.c only.
 * Each of these moves what one side has for the other, and tells by x->moved whether that was anything. owner: worker. */
#ifndef DATA_HTTP_RELAY_INSIDE_H
#define DATA_HTTP_RELAY_INSIDE_H

#include "data/http_relay.h"
#include "data/worker_inside.h"

enum { HTTP_RELAY_CHUNK = 16384 }; /* bytes that a read of a body asks for */

static inline struct buffers *http_relay_pool(struct http_exchange *x)
{
	return &x->conn->worker->buffers;
}

static inline void http_relay_note_progress(struct http_exchange *x)
{
	x->moved = true;
	x->active = worker_now(x->conn->worker);
}

static inline enum http_relay_state http_relay_failed(
	struct http_exchange *x, int error, enum http_relay_state how)
{
	x->error = error;
	return how;
}

/* For the server: what is in x->to_server and was not sent. */
static inline struct span http_relay_unsent(const struct http_exchange *x)
{
	struct span held = http_buffer_held(x->to_server);

	return span_of(held.p + x->sent, held.n - x->sent);
}

/* --- http_relay_request.c: from the client to the server --- */

/* The request and its body, as far as both sides allow. */
enum http_relay_state http_relay_send_request(struct http_exchange *x);

/* What is unsent. */
enum http_relay_state http_relay_send_unsent(struct http_exchange *x);

/* --- http_relay_reply.c: from the server to the client --- */

/* The answer, its head and its body. HTTP_RELAY_DONE: the client has all of it. */
enum http_relay_state http_relay_take_reply(struct http_exchange *x);

/* What is in x->out. HTTP_RELAY_DONE: it is empty. */
enum http_relay_state http_relay_send_reply(struct http_exchange *x);

/* --- http_relay_tunnel.c: after 101 --- */

/* Bytes as they come, both ways. HTTP_RELAY_DONE: both sides have ended. */
enum http_relay_state http_relay_tunnel(struct http_exchange *x);

#endif

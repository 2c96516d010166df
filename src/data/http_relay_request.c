#include "data/http2_server.h"
#include "data/http_account.h"
#include "data/http_relay_inside.h"

#include <errno.h>

enum { REPLAY_MAX = 16384 }; /* a request up to here can be sent once more */

/* --- the request's body: from the client into x->to_server, of which all was sent --- */

/* Room behind what is kept for another try; where that would be too much there will be none. */
static bool reserve_for_server(struct http_exchange *x)
{
	size_t kept = http_buffer_held(x->to_server).n;

	if (x->replayable && kept + HTTP_FLOW_ROOM <= REPLAY_MAX)
		return http_buffer_reserve(http_relay_pool(x), &x->to_server, HTTP_FLOW_ROOM);
	x->replayable = false;
	x->sent = 0;
	if (x->to_server && http_buffer_room(x->to_server) + x->to_server->end >= HTTP_RELAY_CHUNK)
		x->to_server->start = x->to_server->end = 0;
	else
		http_buffer_drop(http_relay_pool(x), &x->to_server);
	return http_buffer_reserve(http_relay_pool(x), &x->to_server, HTTP_RELAY_CHUNK);
}

static enum http_relay_state move_body(struct http_exchange *x)
{
	struct http_buffer *to = x->to_server;
	struct span in = http_buffer_held(*x->in);
	size_t held = in.n, n;

	n = http_flow_move(&x->request_body, &in, to->bytes + to->end, http_buffer_room(to));
	to->end += (uint32_t)n;
	http_buffer_take(http_relay_pool(x), x->in, held - in.n);
	http_account_body(x, held - in.n);
	x->body_bytes += held - in.n;
	if (n > 0 || held > in.n)
		http_relay_note_progress(x);
	if (x->max_body > 0 && x->body_bytes > x->max_body)
		return HTTP_RELAY_TOO_LARGE;
	if (!http_trailers_cut(
		    http_relay_pool(x), &x->request_trailers, to, x->request_body.trailers))
		return HTTP_RELAY_TOO_LARGE;
	return x->request_body.error ? HTTP_RELAY_CLIENT_BAD : HTTP_RELAY_WAIT;
}

static enum http_relay_state read_straight(struct http_exchange *x, size_t max)
{
	struct http_conn *c = x->conn;
	struct http_buffer *to = x->to_server;
	ssize_t n;

	if (!c->link.readable)
		return HTTP_RELAY_WAIT;
	n = link_recv(&c->link, to->bytes + to->end, max);
	if (n == -EAGAIN)
		return HTTP_RELAY_WAIT;
	if (n <= 0)
		return http_relay_failed(x, (int)-n, HTTP_RELAY_CLIENT_GONE);
	to->end += (uint32_t)n;
	http_flow_passed(&x->request_body, (uint64_t)n);
	http_account_read(c, (size_t)n);
	http_account_body(x, (size_t)n);
	http_relay_note_progress(x);
	return HTTP_RELAY_WAIT;
}

/* An end is the body's where nothing else tells it; else it came too early. */
static enum http_relay_state body_ended(struct http_exchange *x)
{
	struct span trailers = http_trailers_text(&x->request_trailers);
	struct http_buffer *to;

	if (!http_buffer_reserve(
		    http_relay_pool(x), &x->to_server, trailers.n + HTTP_FLOW_OVERHEAD))
		return HTTP_RELAY_NO_MEMORY;
	to = x->to_server;
	to->end += (uint32_t)http_flow_close(&x->request_body, trailers, to->bytes + to->end);
	if (!x->request_body.done)
		return http_relay_failed(x, 0, HTTP_RELAY_CLIENT_GONE);
	http_relay_note_progress(x);
	return HTTP_RELAY_WAIT;
}

static enum http_relay_state read_body(struct http_exchange *x)
{
	uint64_t direct;

	if (!reserve_for_server(x))
		return HTTP_RELAY_NO_MEMORY;
	direct = http_flow_direct(&x->request_body, http_buffer_room(x->to_server));
	if (!*x->in && direct > 0 && x->carrier->is_plain)
		return read_straight(x, (size_t)direct);
	if (*x->in) {
		enum http_relay_state state = move_body(x);

		if (state != HTTP_RELAY_WAIT || x->moved)
			return state;
	}
	switch (x->carrier->read(x)) {
	case HTTP_GOT_BYTES:
		return move_body(x);
	case HTTP_GOT_NOTHING:
		return HTTP_RELAY_WAIT;
	case HTTP_GOT_END:
		return body_ended(x);
	case HTTP_GOT_RESET:
		return http_relay_failed(x, ECONNRESET, HTTP_RELAY_CLIENT_GONE);
	case HTTP_GOT_NO_MEMORY:
		break;
	}
	return HTTP_RELAY_NO_MEMORY;
}

/* --- towards the server --- */

void http_relay_sent(struct http_exchange *x, size_t n)
{
	struct http_upstream *u = x->upstream;

	if (!u->connected) {
		u->connected = true;
		http_account_server_opened(x);
	}
	x->sent += (uint32_t)n;
	http_relay_note_progress(x);
}

/* A server that takes no more may have answered before: that is what is left to read. */
static enum http_relay_state send_failed(struct http_exchange *x, int error)
{
	if (!x->upstream->connected)
		return http_relay_failed(x, error, HTTP_RELAY_UNANSWERED);
	x->send_broken = true;
	x->upstream->link.readable = true;
	return HTTP_RELAY_WAIT;
}

static enum http_relay_state send_to_stream(struct http_exchange *x)
{
	int error = http2_server_send(x);

	return error == 0 || error == -EAGAIN ? HTTP_RELAY_WAIT : send_failed(x, -error);
}

enum http_relay_state http_relay_send_unsent(struct http_exchange *x)
{
	struct link *link = &x->upstream->link;

	if (x->upstream->is_stream)
		return send_to_stream(x);
	while (http_relay_unsent(x).n > 0 && !link->blocked && !x->send_broken) {
		ssize_t n = link_send(link, http_relay_unsent(x));

		if (n == -EAGAIN)
			break;
		if (n < 0)
			return send_failed(x, (int)-n);
		http_relay_sent(x, (size_t)n);
	}
	return HTTP_RELAY_WAIT;
}

enum http_relay_state http_relay_send_request(struct http_exchange *x)
{
	enum http_relay_state state = http_relay_send_unsent(x);

	while (state == HTTP_RELAY_WAIT && http_relay_unsent(x).n == 0 && !x->request_body.done &&
		!x->send_broken) {
		bool moved = x->moved;

		x->moved = false;
		state = read_body(x);
		if (!x->moved) {
			x->moved = moved;
			break;
		}
		if (state == HTTP_RELAY_WAIT)
			state = http_relay_send_unsent(x);
	}
	return state;
}

#include "data/http_relay.h"

#include "base/bug.h"
#include "data/http2_server.h"
#include "data/http_account.h"
#include "data/http_compress.h"
#include "data/http_forward.h"
#include "data/http_pool.h"
#include "data/worker_inside.h"
#include "http/bytes.h"

#include <errno.h>

enum {
	CHUNK = 16384,	     /* bytes that a read of a body asks for */
	REPLY_CHUNK = 32768, /* of an answer's: two whole records of TLS */
	BULK_CHUNK = 65280,  /* to a client that keeps up: four, that fit one packet of 64 KiB */
	HEAD_READ = 3000,    /* nearly every answer's head fits, many a whole answer */
	REPLAY_MAX = 16384,  /* a request up to here can be sent once more */
	STEPS_PER_TURN = 32, /* of one exchange, before others have theirs */
};

static struct buffers *pool_of(struct http_exchange *x)
{
	return &x->conn->worker->buffers;
}

static void note_progress(struct http_exchange *x)
{
	x->moved = true;
	x->active = worker_now(x->conn->worker);
}

static enum http_relay_state failed(struct http_exchange *x, int error, enum http_relay_state how)
{
	x->error = error;
	return how;
}

/* --- the request's body: from the client into x->to_server, of which all was sent --- */

/* Room behind what is kept for another try; where that would be too much there will be none. */
static bool reserve_for_server(struct http_exchange *x)
{
	size_t kept = http_buffer_held(x->to_server).n;

	if (x->replayable && kept + HTTP_FLOW_ROOM <= REPLAY_MAX)
		return http_buffer_reserve(pool_of(x), &x->to_server, HTTP_FLOW_ROOM);
	x->replayable = false;
	x->sent = 0;
	if (x->to_server && http_buffer_room(x->to_server) + x->to_server->end >= CHUNK)
		x->to_server->start = x->to_server->end = 0;
	else
		http_buffer_drop(pool_of(x), &x->to_server);
	return http_buffer_reserve(pool_of(x), &x->to_server, CHUNK);
}

static enum http_relay_state move_body(struct http_exchange *x)
{
	struct http_buffer *to = x->to_server;
	struct span in = http_buffer_held(*x->in);
	size_t held = in.n, n;

	n = http_flow_move(&x->request_body, &in, to->bytes + to->end, http_buffer_room(to));
	to->end += (uint32_t)n;
	http_buffer_take(pool_of(x), x->in, held - in.n);
	http_account_body(x, held - in.n);
	x->body_bytes += held - in.n;
	if (n > 0 || held > in.n)
		note_progress(x);
	if (x->max_body > 0 && x->body_bytes > x->max_body)
		return HTTP_RELAY_TOO_LARGE;
	if (!http_trailers_cut(pool_of(x), &x->request_trailers, to, x->request_body.trailers))
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
		return failed(x, (int)-n, HTTP_RELAY_CLIENT_GONE);
	to->end += (uint32_t)n;
	http_flow_passed(&x->request_body, (uint64_t)n);
	http_account_read(c, (size_t)n);
	http_account_body(x, (size_t)n);
	note_progress(x);
	return HTTP_RELAY_WAIT;
}

/* An end is the body's where nothing else tells it; else it came too early. */
static enum http_relay_state body_ended(struct http_exchange *x)
{
	struct span trailers = http_trailers_text(&x->request_trailers);
	struct http_buffer *to;

	if (!http_buffer_reserve(pool_of(x), &x->to_server, trailers.n + HTTP_FLOW_OVERHEAD))
		return HTTP_RELAY_NO_MEMORY;
	to = x->to_server;
	to->end += (uint32_t)http_flow_close(&x->request_body, trailers, to->bytes + to->end);
	if (!x->request_body.done)
		return failed(x, 0, HTTP_RELAY_CLIENT_GONE);
	note_progress(x);
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
		return failed(x, ECONNRESET, HTTP_RELAY_CLIENT_GONE);
	case HTTP_GOT_NO_MEMORY:
		break;
	}
	return HTTP_RELAY_NO_MEMORY;
}

/* --- towards the server --- */

static struct span unsent(const struct http_exchange *x)
{
	struct span held = http_buffer_held(x->to_server);

	return span_of(held.p + x->sent, held.n - x->sent);
}

void http_relay_sent(struct http_exchange *x, size_t n)
{
	struct http_upstream *u = x->upstream;

	if (!u->connected) {
		u->connected = true;
		http_account_server_opened(x);
	}
	x->sent += (uint32_t)n;
	note_progress(x);
}

/* A server that takes no more may have answered before: that is what is left to read. */
static enum http_relay_state send_failed(struct http_exchange *x, int error)
{
	if (!x->upstream->connected)
		return failed(x, error, HTTP_RELAY_UNANSWERED);
	x->send_broken = true;
	x->upstream->link.readable = true;
	return HTTP_RELAY_WAIT;
}

static enum http_relay_state send_to_stream(struct http_exchange *x)
{
	int error = http2_server_send(x);

	return error == 0 || error == -EAGAIN ? HTTP_RELAY_WAIT : send_failed(x, -error);
}

static enum http_relay_state send_unsent(struct http_exchange *x)
{
	struct link *link = &x->upstream->link;

	if (x->upstream->is_stream)
		return send_to_stream(x);
	while (unsent(x).n > 0 && !link->blocked && !x->send_broken) {
		ssize_t n = link_send(link, unsent(x));

		if (n == -EAGAIN)
			break;
		if (n < 0)
			return send_failed(x, (int)-n);
		http_relay_sent(x, (size_t)n);
	}
	return HTTP_RELAY_WAIT;
}

static enum http_relay_state send_request(struct http_exchange *x)
{
	enum http_relay_state state = send_unsent(x);

	while (state == HTTP_RELAY_WAIT && unsent(x).n == 0 && !x->request_body.done &&
		!x->send_broken) {
		bool moved = x->moved;

		x->moved = false;
		state = read_body(x);
		if (!x->moved) {
			x->moved = moved;
			break;
		}
		if (state == HTTP_RELAY_WAIT)
			state = send_unsent(x);
	}
	return state;
}

/* --- from the server into x->out, which is empty --- */

/* > 0, 0, or a negative errno, as link_recv. */
static ssize_t read_server(struct http_exchange *x)
{
	struct http_upstream *u = x->upstream;
	ssize_t n;

	if (u->is_stream)
		return http2_server_read(u);
	if (!u->link.readable)
		return -EAGAIN;
	if (!http_buffer_reserve(pool_of(x), &u->in, u->in ? 1 : HEAD_READ))
		return -ENOMEM;
	n = link_recv(&u->link, u->in->bytes + u->in->end, http_buffer_room(u->in));
	if (n > 0)
		u->in->end += (uint32_t)n;
	else if (http_buffer_held(u->in).n == 0)
		http_buffer_drop(pool_of(x), &u->in);
	return n;
}

static enum http_relay_state move_reply(struct http_exchange *x)
{
	struct http_upstream *u = x->upstream;
	struct span in = http_buffer_held(u->in);
	size_t held = in.n, n, want = HTTP_FLOW_ROOM;

	if (x->reply_body.done || held == 0)
		return HTTP_RELAY_WAIT;
	if (held > want)
		want = held < CHUNK ? held : CHUNK;
	if (!http_buffer_reserve(pool_of(x), &x->out, want))
		return HTTP_RELAY_NO_MEMORY;
	n = http_flow_move(
		&x->reply_body, &in, x->out->bytes + x->out->end, http_buffer_room(x->out));
	x->out->end += (uint32_t)n;
	if (!http_trailers_cut(pool_of(x), &x->reply_trailers, x->out, x->reply_body.trailers))
		return HTTP_RELAY_SERVER_GONE;
	if (http_buffer_held(x->out).n == 0)
		http_buffer_drop(pool_of(x), &x->out);
	http_buffer_take(pool_of(x), &u->in, held - in.n);
	if (held > in.n)
		note_progress(x);
	return x->reply_body.error ? HTTP_RELAY_SERVER_GONE : HTTP_RELAY_WAIT;
}

/* A stream tells its end by itself: at once where there is no body, and with trailers behind one of whatever length. */
static void end_with_stream(struct http_exchange *x, struct http_reply *r)
{
	if (http2_server_is_whole(x->upstream)) {
		r->has_length |= x->carrier->is_plain && x->request.method != HTTP_HEAD &&
				 r->body.kind == HTTP_BODY_CLOSE;
		r->body.kind = HTTP_BODY_NONE;
	} else if (r->body.kind == HTTP_BODY_LENGTH) {
		r->body.kind = HTTP_BODY_CLOSE;
	}
}

/* The framing of the answer, towards this client. */
static void begin_reply_body(struct http_exchange *x, struct span bytes, struct http_reply *r)
{
	bool open_ended = r->body.kind == HTTP_BODY_CHUNKED || r->body.kind == HTTP_BODY_CLOSE;

	if (x->upstream->is_stream)
		end_with_stream(x, r);
	open_ended = open_ended && r->body.kind != HTTP_BODY_NONE;
	http_flow_begin(&x->reply_body, r->body,
		open_ended && x->request.minor == 1 && x->carrier->is_plain);
	x->reply_body.apart = !x->carrier->is_plain;
	if (open_ended && x->request.minor == 0)
		x->closes = true;
	/* The client may find that he need not send the rest; what he sends then is no request. */
	if (!x->request_body.done)
		x->closes = true;
	x->reply_keeps_alive = r->keeps_alive;
	http_compress_begin(x, bytes, r);
}

static bool is_wanted(const struct http_exchange *x, const struct http_reply *r)
{
	if (x->request.minor == 0)
		return false;
	return r->status != 100 || x->request.expects_continue;
}

static bool has_accepted(const struct http_exchange *x, struct span bytes)
{
	bool right = false;

	for (unsigned i = 0; i < x->head.n_fields; i++) {
		const struct http_field *f = &x->head.fields[i];

		if (!http_is(http_part(bytes, f->name), "sec-websocket-accept"))
			continue;
		if (right || !span_eq(http_part(bytes, f->value), span_str(x->websocket_accept)))
			return false;
		right = true;
	}
	return right;
}

/* It is us who asked for the switch, and so we who look whether it was understood. Any other success would be taken for
 * the tunnel by the client (RFC 8441 5). */
static bool may_answer_tunnel(
	const struct http_exchange *x, struct span bytes, const struct http_reply *r)
{
	if (r->status == 101)
		return http_is(r->upgrade, "websocket") && has_accepted(x, bytes);
	return r->status < 200 || r->status >= 300;
}

static void begin_tunnel(struct http_exchange *x)
{
	x->phase = HTTP_PHASE_TUNNEL;
	x->closes = true;
	if (x->asks_tunnel)
		x->status = 200; /* as the client gets it */
}

/* A whole head is in x->head. */
static enum http_relay_state take_head(struct http_exchange *x)
{
	struct http_upstream *u = x->upstream;
	struct span bytes = http_buffer_held(u->in);
	const struct http_asked asked = {
		.head = x->request.method == HTTP_HEAD, .upgrade = x->asked_upgrade};
	struct http_reply reply;
	const char *why;
	bool interim;

	if (!http_reply_judge(&x->head, bytes, asked, &reply, &why) ||
		(x->asks_tunnel && !may_answer_tunnel(x, bytes, &reply)))
		return HTTP_RELAY_SERVER_BAD;
	interim = http_reply_is_interim(&reply);
	if (!interim)
		begin_reply_body(x, bytes, &reply);
	if ((!interim || is_wanted(x, &reply)) && !http_forward_reply(x, bytes, &reply))
		return HTTP_RELAY_NO_MEMORY;
	http_buffer_take(pool_of(x), &u->in, x->head.len);
	http_head_begin(&x->head, HTTP_RESPONSE);
	note_progress(x);
	if (interim)
		return HTTP_RELAY_WAIT;
	x->status = reply.status;
	http_account_first_byte(x);
	if (reply.status == 101) {
		begin_tunnel(x);
		return HTTP_RELAY_WAIT;
	}
	return x->deflater ? HTTP_RELAY_WAIT : move_reply(x);
}

static enum http_relay_state no_more_head(struct http_exchange *x, ssize_t n)
{
	if (n == -EAGAIN)
		return HTTP_RELAY_WAIT;
	if (n == -ENOMEM)
		return HTTP_RELAY_NO_MEMORY;
	if (x->upstream->in || n == -EPROTO)
		return HTTP_RELAY_SERVER_BAD;
	return failed(x, n == 0 ? ECONNRESET : (int)-n, HTTP_RELAY_UNANSWERED);
}

static enum http_relay_state read_head(struct http_exchange *x)
{
	struct http_upstream *u = x->upstream;

	for (;;) {
		if (u->in) {
			switch (http_head_parse(&x->head, http_buffer_held(u->in))) {
			case HTTP_HEAD_DONE:
				return take_head(x);
			case HTTP_HEAD_BAD:
				return HTTP_RELAY_SERVER_BAD;
			case HTTP_HEAD_MORE:
				break;
			}
		}
		ssize_t n = read_server(x);

		if (n <= 0)
			return no_more_head(x, n);
	}
}

static enum http_relay_state reply_ended(struct http_exchange *x)
{
	struct span trailers = http_trailers_text(&x->reply_trailers);

	if (!http_buffer_reserve(pool_of(x), &x->out, trailers.n + HTTP_FLOW_OVERHEAD))
		return HTTP_RELAY_NO_MEMORY;
	x->out->end +=
		(uint32_t)http_flow_close(&x->reply_body, trailers, x->out->bytes + x->out->end);
	if (http_buffer_held(x->out).n == 0)
		http_buffer_drop(pool_of(x), &x->out);
	if (!x->reply_body.done)
		return HTTP_RELAY_SERVER_GONE;
	note_progress(x);
	return HTTP_RELAY_WAIT;
}

static enum http_relay_state read_reply_straight(struct http_exchange *x, uint64_t direct)
{
	struct link *link = &x->upstream->link;
	size_t chunk = x->keeps_up ? BULK_CHUNK : REPLY_CHUNK;
	ssize_t n;

	if (!link->readable)
		return HTTP_RELAY_WAIT;
	if (!http_buffer_reserve(pool_of(x), &x->out, direct < CHUNK ? CHUNK : chunk))
		return HTTP_RELAY_NO_MEMORY;
	if (direct > chunk)
		direct = chunk;
	n = link_recv(link, x->out->bytes + x->out->end, (size_t)direct);
	if (n > 0) {
		x->out->end += (uint32_t)n;
		http_flow_passed(&x->reply_body, (uint64_t)n);
		note_progress(x);
		return HTTP_RELAY_WAIT;
	}
	http_buffer_drop(pool_of(x), &x->out);
	if (n == -EAGAIN)
		return HTTP_RELAY_WAIT;
	return n == 0 ? reply_ended(x) : HTTP_RELAY_SERVER_GONE;
}

/* --- the same, compressed --- */

/* The server has closed: that is an end, or comes too early. */
static enum http_relay_state compressed_ended(struct http_exchange *x)
{
	uint8_t nothing[HTTP_FLOW_OVERHEAD];

	http_flow_close(&x->reply_body, span_of(NULL, 0), nothing);
	if (!x->reply_body.done)
		return HTTP_RELAY_SERVER_GONE;
	note_progress(x);
	return HTTP_RELAY_WAIT;
}

/* Reads more; a pause of the server is when what it has said so far shall arrive. */
static enum http_relay_state feed(struct http_exchange *x)
{
	ssize_t n = read_server(x);

	if (n > 0 || (n == -EAGAIN && http_compress_flush(x))) {
		x->moved = true;
		return HTTP_RELAY_WAIT;
	}
	if (n == -EAGAIN)
		return HTTP_RELAY_WAIT;
	if (n == -ENOMEM)
		return HTTP_RELAY_NO_MEMORY;
	return n == 0 ? compressed_ended(x) : HTTP_RELAY_SERVER_GONE;
}

static enum http_relay_state read_compressed(struct http_exchange *x)
{
	switch (http_compress_run(x, &x->upstream->in)) {
	case HTTP_COMPRESS_OUT:
	case HTTP_COMPRESS_DONE:
		note_progress(x);
		return HTTP_RELAY_WAIT;
	case HTTP_COMPRESS_MORE:
		return x->moved ? HTTP_RELAY_WAIT : feed(x);
	case HTTP_COMPRESS_BAD:
		return HTTP_RELAY_SERVER_GONE;
	case HTTP_COMPRESS_NO_MEMORY:
		break;
	}
	return HTTP_RELAY_NO_MEMORY;
}

static enum http_relay_state read_reply(struct http_exchange *x)
{
	uint64_t direct = http_flow_direct(&x->reply_body, UINT32_MAX);
	enum http_relay_state state = move_reply(x);
	ssize_t n;

	if (state != HTTP_RELAY_WAIT || x->out || x->reply_body.done)
		return state;
	if (direct > 0 && !x->upstream->in && !x->upstream->is_stream)
		return read_reply_straight(x, direct);
	n = read_server(x);
	if (n > 0)
		return move_reply(x);
	if (n == -EAGAIN)
		return HTTP_RELAY_WAIT;
	if (n == -ENOMEM)
		return HTTP_RELAY_NO_MEMORY;
	return n == 0 ? reply_ended(x) : HTTP_RELAY_SERVER_GONE;
}

/* --- towards the client --- */

/* HTTP_RELAY_DONE: x->out is empty. */
static enum http_relay_state send_reply(struct http_exchange *x)
{
	int error;

	if (!x->out)
		return HTTP_RELAY_DONE;
	error = x->carrier->send(x);
	x->keeps_up = error == 0;
	if (error == -EAGAIN)
		return HTTP_RELAY_WAIT;
	if (error < 0)
		return failed(x, -error, HTTP_RELAY_CLIENT_GONE);
	note_progress(x);
	return HTTP_RELAY_DONE;
}

static enum http_relay_state take_reply(struct http_exchange *x)
{
	enum http_relay_state state = send_reply(x);

	if (state != HTTP_RELAY_DONE)
		return state;
	if (http_exchange_has_all(x))
		return HTTP_RELAY_DONE;
	if (x->status == 0)
		state = read_head(x);
	else
		state = x->deflater ? read_compressed(x) : read_reply(x);
	if (state != HTTP_RELAY_WAIT || !x->out)
		return state;
	state = send_reply(x);
	if (state != HTTP_RELAY_DONE)
		return state;
	return http_exchange_has_all(x) ? HTTP_RELAY_DONE : HTTP_RELAY_WAIT;
}

/* --- after 101: bytes --- */

static enum http_relay_state end_of(struct http_exchange *x, bool *ended, enum end_reason reason)
{
	if (!x->client_ended && !x->server_ended)
		x->reason = (uint8_t)reason;
	*ended = true;
	note_progress(x);
	return HTTP_RELAY_WAIT;
}

/* What was read already; into *to, which is empty. */
static ssize_t take_over(struct http_buffer **in, struct http_buffer **to)
{
	*to = *in;
	*in = NULL;
	return (ssize_t)http_buffer_held(*to).n;
}

/* What was read before the switch, or is there now. */
static ssize_t fill(struct http_exchange *x, struct link *link, struct http_buffer **in,
	struct http_buffer **to)
{
	ssize_t n;

	if (*in)
		return take_over(in, to);
	if (!link->readable)
		return -EAGAIN;
	if (!http_buffer_reserve(pool_of(x), to, CHUNK))
		return -ENOMEM;
	n = link_recv(link, (*to)->bytes, http_buffer_room(*to));
	if (n > 0)
		(*to)->end += (uint32_t)n;
	else
		http_buffer_drop(pool_of(x), to);
	return n;
}

/* The same from the client. */
static ssize_t fill_from_client(struct http_exchange *x)
{
	struct http_conn *c = x->conn;
	ssize_t n;

	if (*x->in)
		return take_over(x->in, &x->to_server);
	if (x->carrier->is_plain) {
		n = fill(x, &c->link, x->in, &x->to_server);
		if (n > 0)
			http_account_read(c, (size_t)n);
		return n;
	}
	switch (x->carrier->read(x)) {
	case HTTP_GOT_BYTES:
		return take_over(x->in, &x->to_server);
	case HTTP_GOT_END:
		return 0;
	case HTTP_GOT_RESET:
		return -ECONNRESET;
	default:
		return -EAGAIN;
	}
}

static enum http_relay_state tunnel_to_server(struct http_exchange *x)
{
	ssize_t n;

	if (unsent(x).n == 0) {
		http_buffer_drop(pool_of(x), &x->to_server);
		x->sent = 0;
		if (x->client_ended)
			return HTTP_RELAY_WAIT;
		n = fill_from_client(x);
		if (n == -EAGAIN)
			return HTTP_RELAY_WAIT;
		if (n == 0) {
			link_end(&x->upstream->link);
			return end_of(x, &x->client_ended, END_CLIENT_CLOSED);
		}
		if (n < 0)
			return failed(x, (int)-n, HTTP_RELAY_CLIENT_GONE);
		http_account_body(x, (size_t)n);
		note_progress(x);
	}
	if (send_unsent(x) != HTTP_RELAY_WAIT || x->send_broken)
		return HTTP_RELAY_SERVER_GONE;
	return HTTP_RELAY_WAIT;
}

static enum http_relay_state tunnel_to_client(struct http_exchange *x)
{
	struct http_upstream *u = x->upstream;
	ssize_t n;

	if (!x->out && !x->server_ended) {
		n = fill(x, &u->link, &u->in, &x->out);
		if (n == -EAGAIN)
			return HTTP_RELAY_WAIT;
		if (n == 0) {
			x->carrier->end(x);
			return end_of(x, &x->server_ended, END_SERVER_CLOSED);
		}
		if (n < 0)
			return HTTP_RELAY_SERVER_GONE;
		note_progress(x);
	}
	return send_reply(x) == HTTP_RELAY_CLIENT_GONE ? HTTP_RELAY_CLIENT_GONE : HTTP_RELAY_WAIT;
}

bool http_relay_tunnel_is_over(const struct http_exchange *x)
{
	return x->client_ended && x->server_ended && !x->out && unsent(x).n == 0;
}

static enum http_relay_state tunnel(struct http_exchange *x)
{
	enum http_relay_state state = tunnel_to_server(x);

	if (state == HTTP_RELAY_WAIT)
		state = tunnel_to_client(x);
	return state == HTTP_RELAY_WAIT && http_relay_tunnel_is_over(x) ? HTTP_RELAY_DONE : state;
}

/* --- the driver --- */

static enum http_relay_state wait_for_edges(struct http_exchange *x)
{
	struct link *server = &x->upstream->link;

	if (!x->carrier->watch(x))
		return HTTP_RELAY_NO_MEMORY;
	if (!x->upstream->is_stream &&
		!link_watch(server, x->conn->worker->poller, server->blocked))
		return HTTP_RELAY_NO_MEMORY;
	return HTTP_RELAY_WAIT;
}

static enum http_relay_state step(struct http_exchange *x)
{
	enum http_relay_state state;

	if (x->phase == HTTP_PHASE_TUNNEL)
		return tunnel(x);
	state = send_request(x);
	return state == HTTP_RELAY_WAIT ? take_reply(x) : state;
}

enum http_relay_state http_relay_run(struct http_exchange *x)
{
	BUG_ON(!x->upstream);
	for (unsigned n = 0; n < STEPS_PER_TURN; n++) {
		enum http_relay_state state;

		x->moved = false;
		state = step(x);
		if (state != HTTP_RELAY_WAIT)
			return state;
		if (!x->moved)
			return wait_for_edges(x);
	}
	return HTTP_RELAY_TURN_OVER;
}

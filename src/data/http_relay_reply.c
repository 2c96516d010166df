#include "data/http2_server.h"
#include "data/http_account.h"
#include "data/http_compress.h"
#include "data/http_forward.h"
#include "data/http_pool.h"
#include "data/http_relay_inside.h"
#include "http/bytes.h"

#include <errno.h>

enum {
	REPLY_CHUNK = 32768, /* of an answer's body: two whole records of TLS */
	BULK_CHUNK = 65280,  /* to a client that keeps up: four, that fit one packet of 64 KiB */
	HEAD_READ = 3000,    /* nearly every answer's head fits, many a whole answer */
};

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
	if (!http_buffer_reserve(http_relay_pool(x), &u->in, u->in ? 1 : HEAD_READ))
		return -ENOMEM;
	n = link_recv(&u->link, u->in->bytes + u->in->end, http_buffer_room(u->in));
	if (n > 0)
		u->in->end += (uint32_t)n;
	else if (http_buffer_held(u->in).n == 0)
		http_buffer_drop(http_relay_pool(x), &u->in);
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
		want = held < HTTP_RELAY_CHUNK ? held : HTTP_RELAY_CHUNK;
	if (!http_buffer_reserve(http_relay_pool(x), &x->out, want))
		return HTTP_RELAY_NO_MEMORY;
	n = http_flow_move(
		&x->reply_body, &in, x->out->bytes + x->out->end, http_buffer_room(x->out));
	x->out->end += (uint32_t)n;
	if (!http_trailers_cut(
		    http_relay_pool(x), &x->reply_trailers, x->out, x->reply_body.trailers))
		return HTTP_RELAY_SERVER_GONE;
	if (http_buffer_held(x->out).n == 0)
		http_buffer_drop(http_relay_pool(x), &x->out);
	http_buffer_take(http_relay_pool(x), &u->in, held - in.n);
	if (held > in.n)
		http_relay_note_progress(x);
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
	http_buffer_take(http_relay_pool(x), &u->in, x->head.len);
	http_head_begin(&x->head, HTTP_RESPONSE);
	http_relay_note_progress(x);
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
	return http_relay_failed(x, n == 0 ? ECONNRESET : (int)-n, HTTP_RELAY_UNANSWERED);
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

	if (!http_buffer_reserve(http_relay_pool(x), &x->out, trailers.n + HTTP_FLOW_OVERHEAD))
		return HTTP_RELAY_NO_MEMORY;
	x->out->end +=
		(uint32_t)http_flow_close(&x->reply_body, trailers, x->out->bytes + x->out->end);
	if (http_buffer_held(x->out).n == 0)
		http_buffer_drop(http_relay_pool(x), &x->out);
	if (!x->reply_body.done)
		return HTTP_RELAY_SERVER_GONE;
	http_relay_note_progress(x);
	return HTTP_RELAY_WAIT;
}

static enum http_relay_state read_reply_straight(struct http_exchange *x, uint64_t direct)
{
	struct link *link = &x->upstream->link;
	size_t chunk = x->keeps_up ? BULK_CHUNK : REPLY_CHUNK;
	ssize_t n;

	if (!link->readable)
		return HTTP_RELAY_WAIT;
	if (!http_buffer_reserve(http_relay_pool(x), &x->out,
		    direct < HTTP_RELAY_CHUNK ? HTTP_RELAY_CHUNK : chunk))
		return HTTP_RELAY_NO_MEMORY;
	if (direct > chunk)
		direct = chunk;
	n = link_recv(link, x->out->bytes + x->out->end, (size_t)direct);
	if (n > 0) {
		x->out->end += (uint32_t)n;
		http_flow_passed(&x->reply_body, (uint64_t)n);
		http_relay_note_progress(x);
		return HTTP_RELAY_WAIT;
	}
	http_buffer_drop(http_relay_pool(x), &x->out);
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
	http_relay_note_progress(x);
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
		http_relay_note_progress(x);
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
enum http_relay_state http_relay_send_reply(struct http_exchange *x)
{
	int error;

	if (!x->out)
		return HTTP_RELAY_DONE;
	error = x->carrier->send(x);
	x->keeps_up = error == 0;
	if (error == -EAGAIN)
		return HTTP_RELAY_WAIT;
	if (error < 0)
		return http_relay_failed(x, -error, HTTP_RELAY_CLIENT_GONE);
	http_relay_note_progress(x);
	return HTTP_RELAY_DONE;
}

enum http_relay_state http_relay_take_reply(struct http_exchange *x)
{
	enum http_relay_state state = http_relay_send_reply(x);

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
	state = http_relay_send_reply(x);
	if (state != HTTP_RELAY_DONE)
		return state;
	return http_exchange_has_all(x) ? HTTP_RELAY_DONE : HTTP_RELAY_WAIT;
}

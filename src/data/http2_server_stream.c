#include "data/http2_server_inside.h"
#include "data/http2_window.h"
#include "data/http_account.h"
#include "data/http_relay.h"

#include <errno.h>
#include <stdlib.h>

enum { SILENCE_MS = 1000 };

static struct http2_server_stream *stream_of(struct http_upstream *u)
{
	return container_of(u, struct http2_server_stream, up);
}

void http2_server_stream_ready(struct http2_server_stream *st)
{
	if (list_is_empty(&st->ready))
		list_add_tail(&st->server->ready, &st->ready);
}

/* --- life --- */

struct http2_server_stream *http2_server_stream_new(struct http2_server *s, struct http_exchange *x)
{
	struct http2_server_stream *st = calloc(1, sizeof(*st));

	if (!st)
		return NULL;
	st->server = s;
	st->up = (struct http_upstream){
		.http = s->http,
		.exchange = x,
		.server_id = s->id,
		.is_stream = true,
		.connected = s->stands,
		.reused = s->served,
	};
	list_init(&st->up.of_server);
	list_init(&st->up.by_age);
	list_init(&st->ready);
	list_add_tail(&s->all, &st->all);
	s->n_streams++;
	return st;
}

/* The server gets back the window of what was taken. */
static void give_window(struct http2_server_stream *st)
{
	size_t now = http_buffer_held(st->body).n;

	if (st->in_is_body)
		now += http_buffer_held(st->up.in).n;
	if (now >= st->held || st->server->dead)
		return;
	if (st->closed)
		nghttp2_session_consume_connection(st->server->session, st->held - now);
	else
		nghttp2_session_consume(st->server->session, st->id, st->held - now);
	st->server->held -= st->held - now;
	st->held = now;
	http2_window_give(st->server->session, st->server->held);
	http2_server_want_turn(st->server);
}

/* A server that nothing was heard of for a while, and that left a request without an answer, may be gone without a word. */
static bool is_silent(const struct http2_server_stream *st)
{
	struct mono now = worker_now(st->server->http->worker);

	return st->id != 0 && !st->answered && !st->closed &&
	       mono_diff_us(st->since, now) > SILENCE_MS * 1000 &&
	       mono_diff_us(st->server->heard, now) > SILENCE_MS * 1000;
}

void http2_server_leave(struct http_upstream *u)
{
	struct http2_server_stream *st = stream_of(u);
	struct http2_server *s = st->server;
	struct buffers *pool = http2_server_pool(s);

	s->closing |= is_silent(st);
	s->served |= st->ended;
	http_buffer_drop(pool, &u->in);
	http_buffer_drop(pool, &st->body);
	give_window(st);
	if (!s->dead && st->id != 0 && !st->closed) {
		nghttp2_session_set_stream_user_data(s->session, st->id, NULL);
		nghttp2_submit_rst_stream(s->session, NGHTTP2_FLAG_NONE, st->id, NGHTTP2_CANCEL);
	}
	http2_server_head_release(pool, &st->head);
	list_del(&st->ready);
	list_del(&st->all);
	s->n_streams--;
	s->n_requests -= st->id != 0;
	http2_server_want_turn(s);
	free(st);
}

void http2_server_stream_stands(struct http2_server_stream *st)
{
	st->up.connected = true;
	http_account_server_opened(st->up.exchange);
	http2_server_stream_ready(st);
}

void http2_server_stream_lost(struct http2_server_stream *st, int error)
{
	if (!st->ended && st->error == 0)
		st->error = error;
	st->refused |= st->id == 0 && st->server->stands;
	st->closed = true;
	http2_server_stream_ready(st);
}

/* --- the request --- */

static struct span unsent(const struct http_exchange *x)
{
	struct span held = http_buffer_held(x->to_server);

	return span_of(held.p + x->sent, held.n - x->sent);
}

static bool is_request_whole(const struct http_exchange *x)
{
	return x->request_body.done && unsent(x).n == 0;
}

static uint32_t end_request(nghttp2_session *session, int32_t id, struct http_exchange *x)
{
	nghttp2_nv fields[HTTP_TRAILERS_MAX];
	size_t n = http_trailers_fields(&x->request_trailers, fields);

	if (n == 0 || nghttp2_submit_trailer(session, id, fields, n) != 0)
		return NGHTTP2_DATA_FLAG_EOF;
	return NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
}

static ssize_t on_read(nghttp2_session *session, int32_t id, uint8_t *buf, size_t length,
	uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct http2_server_stream *st = nghttp2_session_get_stream_user_data(session, id);
	struct http_exchange *x;
	struct span more;
	size_t n;

	(void)source;
	(void)user;
	if (!st)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	x = st->up.exchange;
	more = unsent(x);
	n = more.n < length ? more.n : length;
	if (n > 0 && more.p) {
		memcpy(buf, more.p, n);
		http_relay_sent(x, n);
	}
	if (unsent(x).n == 0)
		http2_server_stream_ready(st);
	if (is_request_whole(x))
		*flags |= end_request(session, id, x);
	else if (n == 0)
		st->deferred = true;
	return st->deferred ? NGHTTP2_ERR_DEFERRED : (ssize_t)n;
}

/* Another connection may have it. */
static int refuse(struct http2_server_stream *st)
{
	st->refused = true;
	st->error = ECONNRESET;
	return -ECONNRESET;
}

static int submit(struct http2_server_stream *st, struct http_exchange *x)
{
	const nghttp2_data_provider body = {.read_callback = on_read};
	struct http_buffer *b = x->to_server;
	size_t len, n;
	nghttp2_nv *fields = http2_server_request(
		b->bytes + b->start, http_buffer_held(b).n, http_conn_scheme(x->conn), &len, &n);
	bool empty;

	if (!fields)
		return -ENOMEM;
	http_relay_sent(x, len);
	empty = is_request_whole(x) && !x->request_trailers.lines;
	st->id = nghttp2_submit_request(
		st->server->session, NULL, fields, n, empty ? NULL : &body, st);
	free(fields);
	if (st->id > 0) {
		st->server->n_requests++;
		return 0;
	}
	st->id = 0;
	st->server->closing = true; /* ids have run out, or the server has said good-bye */
	return refuse(st);
}

int http2_server_send(struct http_exchange *x)
{
	struct http2_server_stream *st = stream_of(x->upstream);
	struct http2_server *s = st->server;

	if (st->error)
		return -st->error;
	if (!s->stands || (st->id != 0 && !st->deferred))
		return -EAGAIN; /* nghttp2 takes more by itself */
	if (st->closed)
		return -EPIPE;
	http2_server_want_turn(s);
	if (st->id == 0) {
		st->since = worker_now(s->http->worker);
		return s->closing || s->n_requests >= http2_server_streams_max(s) ? refuse(st)
										  : submit(st, x);
	}
	st->deferred = false;
	nghttp2_session_resume_data(s->session, st->id);
	return 0;
}

/* --- the answer --- */

ssize_t http2_server_read(struct http_upstream *u)
{
	struct http2_server_stream *st = stream_of(u);

	if (!u->in && st->body) {
		u->in = st->body;
		st->body = NULL;
		st->in_is_body = true;
	}
	give_window(st);
	if (u->in)
		return (ssize_t)http_buffer_held(u->in).n;
	if (st->ended)
		return 0;
	return st->error ? -st->error : -EAGAIN;
}

bool http2_server_is_whole(struct http_upstream *u)
{
	struct http2_server_stream *st = stream_of(u);

	return st->ended && !st->body;
}

bool http2_server_refused(struct http_upstream *u)
{
	return u->is_stream && stream_of(u)->refused;
}

/* --- what nghttp2 tells: it is noted here, and done when nghttp2 has returned --- */

static void fail(struct http2_server_stream *st, int error)
{
	st->error = error;
	nghttp2_submit_rst_stream(
		st->server->session, NGHTTP2_FLAG_NONE, st->id, NGHTTP2_PROTOCOL_ERROR);
	http2_server_stream_ready(st);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
	size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *user)
{
	struct http2_server_stream *st =
		nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	struct http2_server *s = user;

	(void)flags;
	if (!st || st->error)
		return 0;
	if (!st->answered)
		http2_server_head_add(http2_server_pool(s), &st->head, span_of(name, name_len),
			span_of(value, value_len));
	else if (!http_trailers_add(http2_server_pool(s), &st->up.exchange->reply_trailers,
			 span_of(name, name_len), span_of(value, value_len)))
		fail(st, EPROTO);
	return 0;
}

static void take_head(struct http2_server_stream *st)
{
	bool interim = st->head.status < 200;

	if (!http2_server_head_write(http2_server_pool(st->server), &st->head, &st->up.in))
		fail(st, EPROTO);
	else
		st->answered = !interim;
}

static void on_message_frame(struct http2_server_stream *st, const nghttp2_frame *frame)
{
	if (st->error)
		return;
	if (frame->hd.type == NGHTTP2_HEADERS && !st->answered)
		take_head(st);
	if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		st->ended = st->error == 0;
	http2_server_stream_ready(st);
}

static void on_settings(struct http2_server *s)
{
	if (s->stands)
		return;
	s->stands = true;
	list_for_each (it, &s->all)
		http2_server_stream_stands(container_of(it, struct http2_server_stream, all));
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct http2_server *s = user;
	struct http2_server_stream *st =
		nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	switch (frame->hd.type) {
	case NGHTTP2_HEADERS:
	case NGHTTP2_DATA:
		if (st)
			on_message_frame(st, frame);
		break;
	case NGHTTP2_SETTINGS:
		if (!(frame->hd.flags & NGHTTP2_FLAG_ACK))
			on_settings(s);
		break;
	case NGHTTP2_GOAWAY: /* streams that it leaves out are closed as refused */
		s->closing = true;
		break;
	default:
		break;
	}
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
	size_t length, void *user)
{
	struct http2_server_stream *st = nghttp2_session_get_stream_user_data(session, id);
	struct http2_server *s = user;

	(void)flags;
	if (!st || st->error) { /* nobody takes it */
		nghttp2_session_consume(session, id, length);
		http2_window_give(session, s->held);
		return 0;
	}
	if (!http_buffer_reserve(http2_server_pool(s), &st->body, length)) {
		nghttp2_session_consume(session, id, length);
		fail(st, ENOMEM);
		return 0;
	}
	http_buffer_put(st->body, span_of(data, length));
	st->held += length;
	s->held += length;
	http2_server_stream_ready(st);
	return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
	struct http2_server_stream *st = nghttp2_session_get_stream_user_data(session, id);

	(void)user;
	if (!st)
		return 0;
	st->refused = code == NGHTTP2_REFUSED_STREAM && !st->answered;
	if (!st->ended)
		st->up.exchange->reset_code = code;
	http2_server_stream_lost(st, code == NGHTTP2_PROTOCOL_ERROR ? EPROTO : ECONNRESET);
	return 0;
}

void http2_server_stream_callbacks(nghttp2_session_callbacks *on)
{
	nghttp2_session_callbacks_set_on_header_callback(on, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(on, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(on, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(on, on_close);
}

#include "base/bug.h"
#include "data/http2_inside.h"
#include "data/http2_window.h"
#include "data/http_account.h"
#include "data/http_proxy.h"
#include "data/http_relay.h"

#include <errno.h>
#include <stdlib.h>

static const struct config_listener_timeouts *timeouts_of(const struct http2 *h2)
{
	return &http_conn_listener(h2->conn)->timeouts;
}

void http2_stream_ready(struct http2_stream *s)
{
	if (list_is_empty(&s->ready))
		list_add_tail(&s->h2->ready, &s->ready);
}

/* --- the life of a stream --- */

struct http2_stream *http2_stream_new(struct http2 *h2, int32_t id)
{
	struct http2_stream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->h2 = h2;
	s->id = id;
	list_init(&s->ready);
	list_add_tail(&h2->all, &s->all);
	if (h2->n_open++ == 0)
		http_conn_set_deadline(h2->conn, 0);
	if (nghttp2_session_get_stream_user_data(h2->session, id) == NULL)
		nghttp2_session_set_stream_user_data(h2->session, id, s);
	return s;
}

/* --- the window of its body --- */

/* The connection's grows with those of its streams, so that streams whose servers are slow leave as much for others as they did
 * before any had grown. */
static bool grow_connection(struct http2 *h2, uint32_t by)
{
	uint32_t *all = &h2->conn->worker->http->http2_grown;
	uint32_t grown = h2->grown + by, more;

	if (grown <= h2->window_grown)
		return true;
	more = grown - h2->window_grown;
	if (grown > HTTP2_GROWN_MAX || *all + more > HTTP2_ALL_GROWN_MAX ||
		nghttp2_session_set_local_window_size(
			h2->session, NGHTTP2_FLAG_NONE, 0, (int32_t)(HTTP2_WINDOW + grown)) != 0)
		return false;
	h2->window_grown = grown;
	*all += more;
	return true;
}

/* All that came was taken, and that was a whole window: it is this window that the client waits for. So it is doubled. */
static void grow_window(struct http2_stream *s)
{
	uint32_t window = HTTP2_STREAM_WINDOW + s->grown;

	if (s->came < window || s->ended || !grow_connection(s->h2, window) ||
		nghttp2_session_set_local_window_size(
			s->h2->session, NGHTTP2_FLAG_NONE, s->id, (int32_t)(2 * window)) != 0)
		return;
	s->grown += window;
	s->h2->grown += window;
	s->came = 0;
}

/* The client gets back the window of what was taken, or thrown away. */
static void give_window(struct http2_stream *s)
{
	size_t now = http_buffer_held(s->in).n + s->more.bytes;

	if (now >= s->held)
		return;
	if (s->closed)
		nghttp2_session_consume_connection(s->h2->session, s->held - now);
	else
		nghttp2_session_consume(s->h2->session, s->id, s->held - now);
	s->h2->held -= s->held - now;
	s->held = now;
	http2_window_give(s->h2->session, s->h2->held);
	if (now == 0 && !s->closed && s->x)
		grow_window(s);
}

static void drop_body(struct http2_stream *s)
{
	http_buffer_drop(http2_pool(s->h2), &s->in);
	http_buffers_drop(http2_pool(s->h2), &s->more);
	give_window(s);
}

void http2_stream_end(struct http2_stream *s)
{
	struct http_exchange *x = s->x;

	if (!x)
		return;
	s->x = NULL;
	http_account_end(x);
	http_exchange_free(x);
	drop_body(s);
}

void http2_stream_free(struct http2_stream *s)
{
	struct http2 *h2 = s->h2;

	BUG_ON(s->x);
	drop_body(s);
	h2->grown -= s->grown;
	http2_head_release(http2_pool(h2), &s->head);
	http_trailers_drop(http2_pool(h2), &s->trailers);
	list_del(&s->ready);
	list_del(&s->all);
	if (--h2->n_open == 0)
		http_conn_set_deadline(h2->conn, timeouts_of(h2)->idle_ms);
	free(s);
}

/* The answer cannot go on, or shall not. */
void http2_stream_abort(struct http2_stream *s, enum end_reason reason, uint32_t code)
{
	if (s->x && s->x->reason == END_ANSWERED)
		s->x->reason = (uint8_t)reason;
	if (s->x && s->x->phase == HTTP_PHASE_TUNNEL)
		code = NGHTTP2_CANCEL; /* what a reset is called there (RFC 8441 5) */
	http2_stream_end(s);
	if (!s->closed)
		nghttp2_submit_rst_stream(s->h2->session, NGHTTP2_FLAG_NONE, s->id, code);
}

/* --- the answer: from the exchange to nghttp2 --- */

static bool is_whole(const struct http_exchange *x)
{
	return !x || x->phase == HTTP_PHASE_OURS || http_exchange_has_all(x);
}

static bool has_bytes(const struct http_exchange *x)
{
	return x && (x->out || x->rest.n > 0);
}

static size_t take_bytes(struct http_exchange *x, uint8_t *to, size_t max)
{
	struct span from = x->out ? http_buffer_held(x->out) : x->rest;
	size_t n = from.n < max ? from.n : max;

	memcpy(to, from.p, n);
	if (x->out)
		http_buffer_take(&x->conn->worker->buffers, &x->out, n);
	else
		x->rest = span_of(x->rest.p + n, x->rest.n - n);
	http_account_answer(x, n);
	x->active = worker_now(x->conn->worker);
	return n;
}

/* Trailers are a head of their own, of which nghttp2 takes a copy. */
static uint32_t end_body(struct http2_stream *s)
{
	nghttp2_nv fields[HTTP_TRAILERS_MAX];
	size_t n = http_trailers_fields(s->x ? &s->x->reply_trailers : &s->trailers, fields);

	if (n == 0 || nghttp2_submit_trailer(s->h2->session, s->id, fields, n) != 0)
		return NGHTTP2_DATA_FLAG_EOF;
	return NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
}

static ssize_t on_read(nghttp2_session *session, int32_t id, uint8_t *buf, size_t length,
	uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct http2_stream *s = source->ptr;
	size_t n = 0;

	(void)session;
	(void)id;
	(void)user;
	while (n < length && has_bytes(s->x))
		n += take_bytes(s->x, buf + n, length - n);
	if (!has_bytes(s->x)) {
		http2_stream_ready(s);
		s->whole = is_whole(s->x);
	}
	if (s->whole)
		*flags |= end_body(s);
	s->deferred = n == 0 && !s->whole;
	return s->deferred ? NGHTTP2_ERR_DEFERRED : (ssize_t)n;
}

/* One head from the front of x->out. False: out of memory. */
static bool submit_head(struct http2_stream *s)
{
	struct http_exchange *x = s->x;
	struct span bytes = http_buffer_held(x->out);
	nghttp2_data_provider body = {.source.ptr = s, .read_callback = on_read};
	nghttp2_nv fields[HTTP2_FIELDS_MAX];
	struct http_head h;
	char status[4];
	bool interim, empty;
	size_t n;
	int error;

	http_head_begin(&h, HTTP_RESPONSE);
	if (http_head_parse(&h, bytes) != HTTP_HEAD_DONE)
		BUG_ON(true); /* it is we who wrote it */
	n = http2_head_fields(&h, x->out->bytes + x->out->start, status, fields);
	interim = h.status < 200 && x->phase != HTTP_PHASE_TUNNEL;
	empty = h.len == bytes.n && x->rest.n == 0 && is_whole(x) && !x->reply_trailers.lines;
	if (interim)
		error = nghttp2_submit_headers(
			s->h2->session, NGHTTP2_FLAG_NONE, s->id, NULL, fields, n, NULL);
	else
		error = nghttp2_submit_response(
			s->h2->session, s->id, fields, n, empty ? NULL : &body);
	s->answered = !interim;
	s->whole |= !interim && empty;
	http_buffer_take(http2_pool(s->h2), &x->out, h.len);
	http_account_answer(x, h.len);
	return error >= 0;
}

static struct http2_stream *stream_of(struct http_exchange *x)
{
	return container_of(x->in, struct http2_stream, in);
}

/* nghttp2 asks for more, or for the end. */
static void resume(struct http2_stream *s)
{
	if (s->deferred)
		nghttp2_session_resume_data(s->h2->session, s->id);
	s->deferred = false;
}

static void carrier_end(struct http_exchange *x)
{
	resume(stream_of(x));
}

static int carrier_send(struct http_exchange *x)
{
	struct http2_stream *s = stream_of(x);

	if (s->closed && has_bytes(x))
		return -ECONNRESET;
	while (x->out && !s->answered)
		if (!submit_head(s))
			return -ENOMEM;
	if (!has_bytes(x))
		return 0;
	resume(s);
	return -EAGAIN;
}

/* --- the carrier --- */

static enum http_got carrier_read(struct http_exchange *x)
{
	struct http2_stream *s = stream_of(x);

	if (!s->in)
		s->in = http_buffers_pop(&s->more);
	if (s->in)
		return HTTP_GOT_BYTES;
	if (s->closed && !s->ended)
		return HTTP_GOT_RESET;
	return s->ended ? HTTP_GOT_END : HTTP_GOT_NOTHING;
}

static bool carrier_watch(struct http_exchange *x)
{
	(void)x; /* the connection does */
	return true;
}

static bool carrier_is_gone(const struct http_exchange *x)
{
	return container_of(x->in, const struct http2_stream, in)->closed;
}

static void carrier_drive(struct http_exchange *x)
{
	struct http_conn *c = x->conn;

	http2_stream_ready(stream_of(x));
	http_conn_drive(c);
}

/* Answers that come in the same turn leave in one record and one send. */
static void carrier_wake(struct http_exchange *x)
{
	http2_stream_ready(stream_of(x));
	http_conn_take_turn(x->conn);
}

static void carrier_finish(struct http_exchange *x, enum end_reason reason)
{
	struct http_conn *c = x->conn;

	http2_stream_abort(stream_of(x), reason, NGHTTP2_INTERNAL_ERROR);
	http_conn_drive(c);
}

static const struct http_carrier carrier = {
	.read = carrier_read,
	.send = carrier_send,
	.watch = carrier_watch,
	.is_gone = carrier_is_gone,
	.end = carrier_end,
	.drive = carrier_drive,
	.wake = carrier_wake,
	.finish = carrier_finish,
};

/* --- streams that can go on --- */

/* The answer is handed over; what of it is not sent yet is nghttp2's, or an end that it still has to ask for. */
static void complete(struct http2_stream *s)
{
	s->resets = !s->ended;
	s->trailers = s->x->reply_trailers;
	s->x->reply_trailers = (struct http_trailers){0};
	http2_stream_end(s);
	resume(s);
}

static void send_ours(struct http2_stream *s)
{
	int error = s->x->status == 0 ? -ENOMEM : carrier_send(s->x);

	if (error == 0)
		complete(s);
	else if (error != -EAGAIN)
		http2_stream_abort(s, END_NO_MEMORY, NGHTTP2_INTERNAL_ERROR);
	else
		http_proxy_keep_time(s->x);
}

/* The end of a tunnel may be as both wanted it. */
static void break_off(struct http2_stream *s)
{
	const struct http_exchange *x = s->x;

	if (x->phase == HTTP_PHASE_TUNNEL && http_relay_tunnel_is_over(x))
		complete(s);
	else
		http2_stream_abort(s, END_SERVER_RESET,
			x->reset_code ? x->reset_code : NGHTTP2_INTERNAL_ERROR);
}

static void go_on(struct http2_stream *s)
{
	if (s->x->phase == HTTP_PHASE_OURS) {
		send_ours(s);
		return;
	}
	switch (http_proxy_run(s->x)) {
	case HTTP_PROXY_WAIT:
		break;
	case HTTP_PROXY_TURN_OVER:
		http2_stream_ready(s);
		break;
	case HTTP_PROXY_OURS:
		send_ours(s);
		break;
	case HTTP_PROXY_DONE:
		complete(s);
		break;
	case HTTP_PROXY_ENDED:
	case HTTP_PROXY_NEXT:
		break_off(s);
		break;
	}
	if (s->x)
		give_window(s);
}

/* Both ends of a tunnel have said that they are through, but the server has not taken all of it yet. */
static bool has_more_for_server(const struct http2_stream *s)
{
	return s->x && s->x->phase == HTTP_PHASE_TUNNEL && s->ended && s->whole &&
	       s->h2->n_open <= HTTP2_STREAMS_MAX;
}

void http2_stream_run(struct http2_stream *s)
{
	list_del(&s->ready);
	if (s->x && (!s->closed || s->whole))
		go_on(s);
	if (!s->closed || has_more_for_server(s))
		return;
	if (s->x && s->x->reason == END_ANSWERED)
		s->x->reason = END_CLIENT_RESET;
	http2_stream_end(s);
	http2_stream_free(s);
}

/* --- the request --- */

static void refuse_head(struct http2_stream *s)
{
	if (s->head.is_bad)
		http_exchange_refuse(
			s->x, 400, END_REQUEST_MALFORMED, "a field that no request of HTTP/2 has");
	else
		http_exchange_refuse(s->x, 431, END_REQUEST_TOO_LARGE, "head above 32768 bytes");
}

static bool write_head(struct http2_stream *s)
{
	char key[WEBSOCKET_KEY + 1] = "";

	if (s->x->asks_tunnel &&
		!websocket_ask(&s->h2->conn->worker->prng, key, s->x->websocket_accept))
		return false;
	return http2_head_write(http2_pool(s->h2), &s->head, key, &s->in);
}

/* The text of the head is read as one of HTTP/1 would be. */
void http2_stream_begin(struct http2_stream *s)
{
	struct http2 *h2 = s->h2;
	struct http_exchange *x = http_exchange_new(h2->conn, &carrier, &s->in);

	if (!x) {
		nghttp2_submit_rst_stream(
			h2->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_REFUSED_STREAM);
		return;
	}
	s->x = x;
	h2->conn->requests++;
	x->asks_tunnel = http2_head_asks_tunnel(&s->head);
	x->has_open_body = !s->ended && !x->asks_tunnel;
	if (s->head.is_bad || s->head.is_too_large || !write_head(s))
		refuse_head(s);
	else if (http_head_parse(&x->head, http_buffer_held(s->in)) == HTTP_HEAD_DONE)
		http_exchange_begin(x);
	else
		http_exchange_refuse(
			x, x->head.code ? x->head.code : 400, END_REQUEST_MALFORMED, x->head.error);
	if (x->phase == HTTP_PHASE_OURS)
		http_buffer_drop(http2_pool(h2), &s->in);
	http2_head_release(http2_pool(h2), &s->head);
	http2_stream_ready(s);
}

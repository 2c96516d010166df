#include "data/http2.h"

#include "base/bug.h"
#include "data/http2_head.h"
#include "data/http_account.h"
#include "data/http_exchange.h"
#include "data/http_proxy.h"
#include "data/worker_inside.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdlib.h>

enum {
	STEPS_PER_TURN = 16, /* of one connection, before others have theirs */
	GATHER = 16384,	     /* frames are put together up to here before they are sent */
	MAX_ACKS = 100,	     /* answers to pings and settings that may wait */
};

struct http2_stream {
	struct list all, ready; /* of h2 */
	struct http2 *h2;
	struct http_exchange *x; /* NULL: not yet, or no more */
	struct http_buffer *in;	 /* of the request's body */
	struct http2_head head;
	size_t held; /* bytes of the body that the client was not given back as window */
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
	unsigned n_open;
	bool drains;
	bool over;
};

static struct buffers *pool_of(const struct http2 *h2)
{
	return &h2->conn->worker->buffers;
}

static const struct config_listener_timeouts *timeouts_of(const struct http2 *h2)
{
	return &h2->conn->worker->config->listeners[h2->conn->listener].timeouts;
}

static void make_ready(struct http2_stream *s)
{
	if (list_is_empty(&s->ready))
		list_add_tail(&s->h2->ready, &s->ready);
}

/* --- the life of a stream --- */

static struct http2_stream *stream_new(struct http2 *h2, int32_t id)
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

/* The client gets back the window of what was taken, or thrown away. */
static void give_window(struct http2_stream *s)
{
	size_t now = http_buffer_held(s->in).n;

	if (now >= s->held)
		return;
	if (s->closed)
		nghttp2_session_consume_connection(s->h2->session, s->held - now);
	else
		nghttp2_session_consume(s->h2->session, s->id, s->held - now);
	s->held = now;
}

static void end_exchange(struct http2_stream *s)
{
	struct http_exchange *x = s->x;

	if (!x)
		return;
	s->x = NULL;
	http_account_end(x);
	http_exchange_free(x);
	http_buffer_drop(pool_of(s->h2), &s->in);
	give_window(s);
}

static void stream_free(struct http2_stream *s)
{
	struct http2 *h2 = s->h2;

	BUG_ON(s->x);
	http_buffer_drop(pool_of(h2), &s->in);
	give_window(s);
	http2_head_release(pool_of(h2), &s->head);
	list_del(&s->ready);
	list_del(&s->all);
	if (--h2->n_open == 0)
		http_conn_set_deadline(h2->conn, timeouts_of(h2)->idle_ms);
	free(s);
}

/* The answer cannot go on, or shall not. */
static void abort_stream(struct http2_stream *s, enum end_reason reason, uint32_t code)
{
	if (s->x && s->x->reason == END_ANSWERED)
		s->x->reason = (uint8_t)reason;
	end_exchange(s);
	if (!s->closed)
		nghttp2_submit_rst_stream(s->h2->session, NGHTTP2_FLAG_NONE, s->id, code);
}

/* --- the answer: from the exchange to nghttp2 --- */

static bool is_whole(const struct http_exchange *x)
{
	return !x || x->phase == HTTP_PHASE_OURS || (x->status != 0 && x->reply_body.done);
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
		make_ready(s);
		s->whole = is_whole(s->x);
	}
	if (s->whole)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
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
	interim = h.status < 200;
	empty = h.len == bytes.n && x->rest.n == 0 && is_whole(x);
	if (interim)
		error = nghttp2_submit_headers(
			s->h2->session, NGHTTP2_FLAG_NONE, s->id, NULL, fields, n, NULL);
	else
		error = nghttp2_submit_response(
			s->h2->session, s->id, fields, n, empty ? NULL : &body);
	s->answered = !interim;
	s->whole |= !interim && empty;
	http_buffer_take(pool_of(s->h2), &x->out, h.len);
	http_account_answer(x, h.len);
	return error >= 0;
}

static struct http2_stream *stream_of(struct http_exchange *x)
{
	return container_of(x->in, struct http2_stream, in);
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
	if (s->deferred)
		nghttp2_session_resume_data(s->h2->session, s->id);
	s->deferred = false;
	return -EAGAIN;
}

/* --- the carrier --- */

static enum http_got carrier_read(struct http_exchange *x)
{
	struct http2_stream *s = stream_of(x);

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

static void carrier_drive(struct http_exchange *x)
{
	struct http_conn *c = x->conn;

	make_ready(stream_of(x));
	http_conn_drive(c);
}

static void carrier_finish(struct http_exchange *x, enum end_reason reason)
{
	struct http_conn *c = x->conn;

	abort_stream(stream_of(x), reason, NGHTTP2_INTERNAL_ERROR);
	http_conn_drive(c);
}

static const struct http_carrier carrier = {
	.read = carrier_read,
	.send = carrier_send,
	.watch = carrier_watch,
	.drive = carrier_drive,
	.finish = carrier_finish,
};

/* --- streams that can go on --- */

/* The answer is handed over; what of it is not sent yet is nghttp2's, or an end that it still has to ask for. */
static void complete(struct http2_stream *s)
{
	s->resets = !s->ended;
	end_exchange(s);
	if (s->deferred)
		nghttp2_session_resume_data(s->h2->session, s->id);
	s->deferred = false;
}

static void send_ours(struct http2_stream *s)
{
	int error = s->x->status == 0 ? -ENOMEM : carrier_send(s->x);

	if (error == 0)
		complete(s);
	else if (error != -EAGAIN)
		abort_stream(s, END_NO_MEMORY, NGHTTP2_INTERNAL_ERROR);
	else
		http_proxy_keep_time(s->x);
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
		make_ready(s);
		break;
	case HTTP_PROXY_OURS:
		send_ours(s);
		break;
	case HTTP_PROXY_DONE:
		complete(s);
		break;
	case HTTP_PROXY_ENDED:
	case HTTP_PROXY_NEXT:
		abort_stream(s, END_SERVER_RESET, NGHTTP2_INTERNAL_ERROR);
		break;
	}
	if (s->x)
		give_window(s);
}

static void run_stream(struct http2_stream *s)
{
	list_del(&s->ready);
	if (s->x && (!s->closed || s->whole))
		go_on(s);
	if (!s->closed)
		return;
	if (s->x && s->x->reason == END_ANSWERED)
		s->x->reason = END_CLIENT_RESET;
	end_exchange(s);
	stream_free(s);
}

/* Those that are ready now; who gets ready again is for the next time. True: there were some. */
static bool run_ready(struct http2 *h2)
{
	if (list_is_empty(&h2->ready))
		return false;
	list_add_tail(&h2->ready, &h2->mark);
	while (h2->ready.next != &h2->mark)
		run_stream(container_of(h2->ready.next, struct http2_stream, ready));
	list_del(&h2->mark);
	return true;
}

/* --- what nghttp2 tells: it is noted here, and done when nghttp2 has returned --- */

/* Ids only grow (RFC 9113 5.1.1). nghttp2 passes over one that did not, as over a late frame of a stream that was closed;
 * but of those it remembers as many as may be open. */
static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *user)
{
	(void)user;
	if (hd->type == NGHTTP2_HEADERS && hd->stream_id % 2 == 1 &&
		hd->stream_id < nghttp2_session_get_last_proc_stream_id(session) &&
		!nghttp2_session_find_stream(session, hd->stream_id))
		nghttp2_session_terminate_session(session, NGHTTP2_PROTOCOL_ERROR);
	return 0;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct http2 *h2 = user;

	(void)session;
	if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	return stream_new(h2, frame->hd.stream_id) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
	size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *user)
{
	struct http2 *h2 = user;
	struct http2_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	(void)flags;
	if (s && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		http2_head_add(
			pool_of(h2), &s->head, span_of(name, name_len), span_of(value, value_len));
	return 0;
}

static void refuse_head(struct http2_stream *s)
{
	if (s->head.is_bad)
		http_exchange_refuse(
			s->x, 400, END_REQUEST_MALFORMED, "a field that no request of HTTP/2 has");
	else
		http_exchange_refuse(s->x, 431, END_REQUEST_TOO_LARGE, "head above 32768 bytes");
}

/* The text of the head is read as one of HTTP/1 would be. */
static void begin_exchange(struct http2_stream *s)
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
	x->has_open_body = !s->ended;
	if (s->head.is_bad || s->head.is_too_large ||
		!http2_head_write(pool_of(h2), &s->head, &s->in))
		refuse_head(s);
	else if (http_head_parse(&x->head, http_buffer_held(s->in)) == HTTP_HEAD_DONE)
		http_exchange_begin(x);
	else
		http_exchange_refuse(
			x, x->head.code ? x->head.code : 400, END_REQUEST_MALFORMED, x->head.error);
	if (x->phase == HTTP_PHASE_OURS)
		http_buffer_drop(pool_of(h2), &s->in);
	http2_head_release(pool_of(h2), &s->head);
	make_ready(s);
}

/* Frames that ask for nothing cost us and not the client. */
static int count_idle_frame(struct http2 *h2)
{
	struct mono now = worker_now(h2->conn->worker);

	if (mono_diff_us(h2->idle_frames_since, now) > HTTP2_IDLE_FRAMES_MS * 1000ull) {
		h2->idle_frames_since = now;
		h2->idle_frames = 0;
	}
	if (++h2->idle_frames == HTTP2_IDLE_FRAMES_MAX) {
		h2->conn->reason = END_CLIENT_FLOOD;
		nghttp2_session_terminate_session(h2->session, NGHTTP2_ENHANCE_YOUR_CALM);
	}
	return 0;
}

static bool is_idle_frame(const nghttp2_frame *frame)
{
	switch (frame->hd.type) {
	case NGHTTP2_RST_STREAM:
	case NGHTTP2_PRIORITY:
		return true;
	case NGHTTP2_PING:
	case NGHTTP2_SETTINGS:
		return !(frame->hd.flags & NGHTTP2_FLAG_ACK);
	case NGHTTP2_DATA:
		return frame->hd.length == 0 && !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
	default:
		return false;
	}
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct http2 *h2 = user;
	struct http2_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	if (is_idle_frame(frame))
		return count_idle_frame(h2);
	if (!s || (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA))
		return 0;
	s->ended |= (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
	if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		begin_exchange(s);
	else if (s->ended)
		make_ready(s);
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
	size_t length, void *user)
{
	struct http2 *h2 = user;
	struct http2_stream *s = nghttp2_session_get_stream_user_data(session, id);

	(void)flags;
	if (!s || !s->x || s->x->phase == HTTP_PHASE_OURS) { /* nobody takes it */
		nghttp2_session_consume(session, id, length);
		return 0;
	}
	if (!http_buffer_reserve(pool_of(h2), &s->in, length)) {
		nghttp2_session_consume_connection(session, length);
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_INTERNAL_ERROR);
		return 0;
	}
	http_buffer_put(s->in, span_of(data, length));
	s->held += length;
	make_ready(s);
	return 0;
}

static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct http2_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	bool last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

	(void)user;
	if (s && last && s->resets &&
		(frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS))
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR);
	return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
	struct http2_stream *s = nghttp2_session_get_stream_user_data(session, id);

	(void)code;
	(void)user;
	if (!s)
		return 0;
	s->closed = true;
	make_ready(s);
	return 0;
}

/* --- the session --- */

static int open_session(struct http2 *h2)
{
	nghttp2_session_callbacks *on;
	nghttp2_option *option;
	int error;

	if (nghttp2_session_callbacks_new(&on) != 0)
		return -1;
	if (nghttp2_option_new(&option) != 0) {
		nghttp2_session_callbacks_del(on);
		return -1;
	}
	nghttp2_session_callbacks_set_on_begin_frame_callback(on, on_begin_frame);
	nghttp2_session_callbacks_set_on_begin_headers_callback(on, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(on, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(on, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(on, on_data);
	nghttp2_session_callbacks_set_on_frame_send_callback(on, on_sent);
	nghttp2_session_callbacks_set_on_stream_close_callback(on, on_close);
	nghttp2_option_set_no_auto_window_update(option, 1);
	nghttp2_option_set_max_outbound_ack(option, MAX_ACKS);
	error = nghttp2_session_server_new2(&h2->session, on, h2, option);
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(on);
	return error;
}

bool http2_begin(struct http_conn *c)
{
	static const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, HTTP2_STREAMS_MAX},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, HTTP2_STREAM_WINDOW},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HTTP_HEAD_MAX},
	};
	struct http2 *h2 = calloc(1, sizeof(*h2));

	if (!h2)
		return false;
	h2->conn = c;
	list_init(&h2->all);
	list_init(&h2->ready);
	if (open_session(h2) != 0) {
		free(h2);
		return false;
	}
	c->h2 = h2;
	return nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, settings, 3) == 0 &&
	       nghttp2_session_set_local_window_size(
		       h2->session, NGHTTP2_FLAG_NONE, 0, HTTP2_WINDOW) == 0;
}

void http2_end(struct http_conn *c, enum end_reason reason)
{
	struct http2 *h2 = c->h2;

	if (!h2)
		return;
	list_for_each_safe (it, &h2->all) {
		struct http2_stream *s = container_of(it, struct http2_stream, all);

		if (s->x && s->x->reason == END_ANSWERED)
			s->x->reason = (uint8_t)reason;
		end_exchange(s);
		stream_free(s);
	}
	nghttp2_session_del(h2->session);
	http_buffer_drop(pool_of(h2), &h2->out);
	free(h2);
	c->h2 = NULL;
}

/* --- bytes --- */

/* True: something came, or an end. Who does not read what we send is not read either. */
static bool read_frames(struct http2 *h2)
{
	struct http_conn *c = h2->conn;
	ssize_t n;

	if (!c->link.readable || h2->over || (c->link.blocked && h2->out))
		return false;
	n = link_recv(&c->link, c->worker->scratch, WORKER_CHUNK);
	if (n == -EAGAIN)
		return false;
	if (n <= 0) {
		c->reason = n == 0 ? END_CLIENT_CLOSED : END_CLIENT_RESET;
		h2->over = true;
		return true;
	}
	http_account_read(c, (size_t)n);
	n = nghttp2_session_mem_recv(h2->session, c->worker->scratch, (size_t)n);
	if (n < 0) {
		c->reason = n == NGHTTP2_ERR_FLOODED ? END_CLIENT_FLOOD : END_REQUEST_MALFORMED;
		nghttp2_session_terminate_session(h2->session, n == NGHTTP2_ERR_FLOODED
								       ? NGHTTP2_ENHANCE_YOUR_CALM
								       : NGHTTP2_PROTOCOL_ERROR);
		h2->over = true;
	}
	return true;
}

/* Frames into h2->out, as many as make a good send. True: there were some. */
static bool gather(struct http2 *h2)
{
	bool any = false;

	while (http_buffer_held(h2->out).n < GATHER) {
		const uint8_t *frame;
		ssize_t n = nghttp2_session_mem_send(h2->session, &frame);

		if (n <= 0)
			break;
		if (!http_buffer_reserve(pool_of(h2), &h2->out, (size_t)n)) {
			h2->conn->reason = END_NO_MEMORY;
			h2->over = true;
			break;
		}
		http_buffer_put(h2->out, span_of(frame, (size_t)n));
		any = true;
	}
	return any;
}

static bool send_frames(struct http2 *h2)
{
	struct http_conn *c = h2->conn;
	bool any = false;

	while (!c->link.blocked && (gather(h2) || h2->out)) {
		ssize_t n = link_send(&c->link, http_buffer_held(h2->out));

		if (n == -EAGAIN)
			break;
		if (n < 0) {
			c->reason = END_CLIENT_RESET;
			h2->over = true;
			break;
		}
		http_account_sent(c, (size_t)n);
		http_buffer_take(pool_of(h2), &h2->out, (size_t)n);
		any = true;
	}
	return any;
}

/* Nothing is left to do: the client has said good-bye, or we have. */
static bool is_over(struct http2 *h2)
{
	if (h2->over)
		return true;
	if (h2->out)
		return false;
	if (h2->drains && h2->n_open == 0)
		return true;
	return !nghttp2_session_want_read(h2->session) && !nghttp2_session_want_write(h2->session);
}

enum http2_state http2_run(struct http_conn *c)
{
	struct http2 *h2 = c->h2;

	for (unsigned n = 0; n < STEPS_PER_TURN; n++) {
		bool moved = read_frames(h2);

		moved |= run_ready(h2);
		moved |= send_frames(h2);
		if (is_over(h2))
			return HTTP2_OVER;
		if (!moved)
			return HTTP2_WAIT;
	}
	return HTTP2_TURN_OVER;
}

/* --- the end, and what control asks --- */

bool http2_drains(const struct http_conn *c)
{
	return c->h2->drains;
}

void http2_drain(struct http_conn *c, enum end_reason reason)
{
	struct http2 *h2 = c->h2;

	c->reason = (uint8_t)reason;
	h2->drains = true;
	nghttp2_submit_goaway(h2->session, NGHTTP2_FLAG_NONE,
		nghttp2_session_get_last_proc_stream_id(h2->session), NGHTTP2_NO_ERROR, NULL, 0);
	http_conn_drive(c);
}

void http2_close_server(struct http_conn *c, uint32_t server, enum end_reason reason)
{
	bool any = false;

	list_for_each (it, &c->h2->all) {
		struct http2_stream *s = container_of(it, struct http2_stream, all);

		if (!s->x || !s->x->counts_server || s->x->server_id != server)
			continue;
		abort_stream(s, reason, NGHTTP2_INTERNAL_ERROR);
		any = true;
	}
	if (any)
		http_conn_drive(c);
}

struct http_exchange *http2_exchange(const struct http_conn *c)
{
	list_for_each (it, &c->h2->all) {
		struct http2_stream *s = container_of(it, struct http2_stream, all);

		if (s->x)
			return s->x;
	}
	return NULL;
}

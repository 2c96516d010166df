#include "data/http2_inside.h"
#include "data/http2_window.h"
#include "data/http_account.h"

#include <errno.h>
#include <stdlib.h>

enum {
	STEPS_PER_TURN = 16, /* of one connection, before others have theirs */
	GATHER = 16384,	     /* frames are put together up to here before they are sent */
	MAX_ACKS = 100,	     /* answers to pings and settings that may wait */
};

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
	return http2_stream_new(h2, frame->hd.stream_id) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
	size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *user)
{
	struct http2 *h2 = user;
	struct http2_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	(void)flags;
	if (s && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		http2_head_add(http2_pool(h2), &s->head, span_of(name, name_len),
			span_of(value, value_len));
	else if (s && s->x &&
		 !http_trailers_add(http2_pool(h2), &s->x->request_trailers,
			 span_of(name, name_len), span_of(value, value_len)))
		nghttp2_submit_rst_stream(
			session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_ENHANCE_YOUR_CALM);
	return 0;
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
		http2_stream_begin(s);
	else if (s->ended)
		http2_stream_ready(s);
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
		http2_window_give(session, h2->held);
		return 0;
	}
	if (!http_buffers_put(http2_pool(h2), &s->more, span_of(data, length))) {
		nghttp2_session_consume_connection(session, length);
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_INTERNAL_ERROR);
		return 0;
	}
	s->held += length;
	h2->held += length;
	s->came += (uint32_t)length;
	http2_stream_ready(s);
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
	http2_stream_ready(s);
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
		{NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
	};
	enum { N_SETTINGS = sizeof(settings) / sizeof(settings[0]) };
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
	return nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, settings, N_SETTINGS) == 0 &&
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
		http2_stream_end(s);
		http2_stream_free(s);
	}
	nghttp2_session_del(h2->session);
	c->worker->http->http2_grown -= h2->window_grown;
	http_buffer_drop(http2_pool(h2), &h2->out);
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
		if (!http_buffer_reserve(http2_pool(h2), &h2->out, (size_t)n)) {
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
		http_buffer_take(http2_pool(h2), &h2->out, (size_t)n);
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

/* Those that are ready now; who gets ready again is for the next time. True: there were some. */
static bool run_ready(struct http2 *h2)
{
	if (list_is_empty(&h2->ready))
		return false;
	list_add_tail(&h2->ready, &h2->mark);
	while (h2->ready.next != &h2->mark)
		http2_stream_run(container_of(h2->ready.next, struct http2_stream, ready));
	list_del(&h2->mark);
	return true;
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
		http2_stream_abort(s, reason, NGHTTP2_INTERNAL_ERROR);
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

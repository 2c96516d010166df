#include "data/http2_server_inside.h"

#include "net/stream.h"

#include <errno.h>
#include <stdlib.h>

enum {
	STEPS_PER_TURN = 16, /* of one connection, before others have theirs */
	GATHER = 16384,	     /* frames are put together up to here before they are sent */
	IDLE_MS = 30000,     /* without streams: as connections of HTTP/1 */
	MAX_ACKS = 100,	     /* answers to pings and settings that may wait */
	WINDOW = HTTP2_SERVER_STREAMS *
		 HTTP2_SERVER_WINDOW, /* no stream waits for what another holds */
};

static struct http_pool *pool_of(const struct http2_server *s)
{
	return &s->http->pool;
}

void http2_server_want_turn(struct http2_server *s)
{
	if (list_is_empty(&s->turn))
		list_add_tail(&pool_of(s)->flushes, &s->turn);
}

/* --- life --- */

static void server_free(struct http2_server *s)
{
	list_del(&s->of_server);
	list_del(&s->of_pool);
	list_del(&s->turn);
	http_stop_timer(s->http, &s->timer);
	link_close(&s->link, s->http->worker->poller);
	nghttp2_session_del(s->session);
	http_buffer_drop(http2_server_pool(s), &s->out);
	free(s);
}

/* Streams learn of it one by one. */
static void fail(struct http2_server *s, int error)
{
	if (s->dead)
		return;
	s->dead = s->closing = true;
	link_close(&s->link, s->http->worker->poller);
	http_buffer_drop(http2_server_pool(s), &s->out);
	list_for_each (it, &s->all)
		http2_server_stream_lost(container_of(it, struct http2_server_stream, all), error);
}

/* Good-bye is said as far as the socket takes it at once. */
static void say_goodbye(struct http2_server *s)
{
	const uint8_t *frame;
	ssize_t n;

	if (s->dead || s->out || nghttp2_session_terminate_session(s->session, NGHTTP2_NO_ERROR))
		return;
	n = nghttp2_session_mem_send(s->session, &frame);
	if (n > 0)
		link_send(&s->link, span_of(frame, (size_t)n));
}

static void on_idle(struct http_timer *t)
{
	struct http2_server *s = container_of(t, struct http2_server, timer);

	if (s->n_streams > 0)
		return;
	say_goodbye(s);
	server_free(s);
}

static nghttp2_session *open_session(struct http2_server *s)
{
	nghttp2_session_callbacks *on;
	nghttp2_session *session = NULL;
	nghttp2_option *option;

	if (nghttp2_session_callbacks_new(&on) != 0)
		return NULL;
	if (nghttp2_option_new(&option) == 0) {
		http2_server_stream_callbacks(on);
		nghttp2_option_set_no_auto_window_update(option, 1);
		nghttp2_option_set_max_outbound_ack(option, MAX_ACKS);
		if (nghttp2_session_client_new2(&session, on, s, option) != 0)
			session = NULL;
		nghttp2_option_del(option);
	}
	nghttp2_session_callbacks_del(on);
	return session;
}

static bool say_hello(struct http2_server *s)
{
	static const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, HTTP2_SERVER_WINDOW},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HTTP_HEAD_MAX},
	};

	return nghttp2_submit_settings(s->session, NGHTTP2_FLAG_NONE, settings, 3) == 0 &&
	       nghttp2_session_set_local_window_size(s->session, NGHTTP2_FLAG_NONE, 0, WINDOW) == 0;
}

static void on_edge(struct watch *watch, unsigned edges);

static struct http2_server *server_new(
	struct http *h, uint32_t id, const struct addr *to, int *ret_error)
{
	struct http2_server *s = calloc(1, sizeof(*s));
	int fd;

	*ret_error = ENOMEM;
	if (!s)
		return NULL;
	s->http = h;
	s->session = open_session(s);
	fd = s->session && say_hello(s) ? stream_connect(to, h->worker->listeners.fd_end) : -ENOMEM;
	if (fd < 0) {
		*ret_error = -fd;
		nghttp2_session_del(s->session);
		free(s);
		return NULL;
	}
	stream_set_nodelay(fd);
	s->id = id;
	s->addr = *to;
	list_init(&s->turn);
	list_init(&s->all);
	list_init(&s->ready);
	wheel_timer_init(&s->timer.wheel);
	s->timer.cb = on_idle;
	link_init(&s->link, fd, on_edge);
	list_add_tail(list_made(&h->pool.servers[id].all), &s->of_server);
	list_add_tail(&h->pool.connections, &s->of_pool);
	http2_server_want_turn(s);
	return s;
}

/* --- choosing a connection --- */

/* Before the server has said how many it allows, what it said last time is believed. */
uint32_t http2_server_streams_max(const struct http2_server *s)
{
	struct http_servers *known = &pool_of(s)->servers[s->id];
	uint32_t max = HTTP2_SERVER_STREAMS, theirs;

	if (!s->stands)
		return known->streams_max > 0 ? known->streams_max : max;
	theirs = nghttp2_session_get_remote_settings(
		s->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
	known->streams_max = theirs < max ? theirs : max;
	return known->streams_max;
}

static bool has_room(const struct http2_server *s, const struct addr *to)
{
	return !s->closing && !s->exclusive && addr_eq(&s->addr, to) &&
	       s->n_streams < http2_server_streams_max(s);
}

static struct http2_server *find_server(struct http *h, uint32_t id, const struct addr *to)
{
	list_for_each (it, list_made(&h->pool.servers[id].all)) {
		struct http2_server *s = container_of(it, struct http2_server, of_server);

		if (has_room(s, to))
			return s;
	}
	return NULL;
}

static struct http2_server *new_server(
	struct http *h, uint32_t id, const struct addr *to, struct span first, int *ret_error)
{
	struct http2_server *s = server_new(h, id, to, ret_error);

	if (!s || first.n == 0)
		return s;
	s->exclusive = true;
	if (!http_buffer_reserve(http2_server_pool(s), &s->out, first.n)) {
		*ret_error = ENOMEM;
		server_free(s);
		return NULL;
	}
	http_buffer_put(s->out, first);
	return s;
}

struct http_upstream *http2_server_join(struct http *h, uint32_t server, const struct addr *to,
	struct span first, struct http_exchange *x, int *ret_error)
{
	struct http2_server *s = first.n == 0 ? find_server(h, server, to) : NULL;
	struct http2_server_stream *st;

	if (!s)
		s = new_server(h, server, to, first, ret_error);
	if (!s)
		return NULL;
	http_stop_timer(h, &s->timer);
	st = http2_server_stream_new(s, x);
	*ret_error = ENOMEM;
	return st ? &st->up : NULL;
}

/* --- bytes --- */

/* True: something came, or an end. What does not take what we send is not read either. */
static bool read_frames(struct http2_server *s)
{
	struct worker *w = s->http->worker;
	ssize_t n;

	if (s->dead || !s->link.readable || (s->link.blocked && s->out))
		return false;
	n = link_recv(&s->link, w->scratch, WORKER_CHUNK);
	if (n == -EAGAIN)
		return false;
	if (n <= 0) {
		fail(s, n == 0 ? ECONNRESET : (int)-n);
		return true;
	}
	s->heard = worker_now(w);
	n = nghttp2_session_mem_recv(s->session, w->scratch, (size_t)n);
	if (n < 0)
		fail(s, EPROTO);
	return true;
}

/* Frames into s->out, as many as make a good send. */
static bool gather(struct http2_server *s)
{
	bool any = false;

	while (http_buffer_held(s->out).n < GATHER) {
		const uint8_t *frame;
		ssize_t n = nghttp2_session_mem_send(s->session, &frame);

		if (n <= 0)
			break;
		if (!http_buffer_reserve(http2_server_pool(s), &s->out, (size_t)n)) {
			fail(s, ENOMEM);
			return false;
		}
		http_buffer_put(s->out, span_of(frame, (size_t)n));
		any = true;
	}
	return any;
}

static bool send_frames(struct http2_server *s)
{
	bool any = false;

	while (!s->dead && !s->link.blocked && (gather(s) || s->out)) {
		ssize_t n = link_send(&s->link, http_buffer_held(s->out));

		if (n == -EAGAIN)
			break;
		if (n < 0) {
			fail(s, (int)-n);
			return true;
		}
		http_buffer_take(http2_server_pool(s), &s->out, (size_t)n);
		any = true;
	}
	return any;
}

/* --- the driver --- */

static void run_stream(struct http2_server_stream *st)
{
	struct http_exchange *x = st->up.exchange;

	list_del(&st->ready);
	x->carrier->wake(x); /* may free both */
}

/* Those that are ready now; who gets ready again is for the next time. True: there were some. */
static bool run_ready(struct http2_server *s)
{
	if (list_is_empty(&s->ready))
		return false;
	list_add_tail(&s->ready, &s->mark);
	while (s->ready.next != &s->mark)
		run_stream(container_of(s->ready.next, struct http2_server_stream, ready));
	list_del(&s->mark);
	return true;
}

/* No stream is left: it waits for the next, or is closed. */
static void rest(struct http2_server *s)
{
	if (s->dead) {
		server_free(s);
	} else if (s->closing || s->exclusive || s->http->worker->draining) {
		say_goodbye(s);
		server_free(s);
	} else if (!wheel_is_armed(&s->timer.wheel)) {
		http_set_timer(
			s->http, &s->timer, mono_add_ms(worker_now(s->http->worker), IDLE_MS));
	}
}

static void run(struct http2_server *s)
{
	bool moved = true;

	for (unsigned n = 0; moved && n < STEPS_PER_TURN; n++) {
		moved = read_frames(s);
		moved |= run_ready(s);
		moved |= send_frames(s);
	}
	if (!nghttp2_session_want_read(s->session) && !nghttp2_session_want_write(s->session))
		fail(s, s->closing ? ECONNRESET : EPROTO);
	if (!s->dead && !link_watch(&s->link, s->http->worker->poller, s->link.blocked))
		fail(s, ENOMEM);
	if (moved || !list_is_empty(&s->ready))
		http2_server_want_turn(s);
	else if (s->n_streams == 0)
		rest(s);
}

static void on_edge(struct watch *watch, unsigned edges)
{
	struct http2_server *s = container_of(watch, struct http2_server, link.watch);

	link_note(&s->link, edges);
	run(s);
}

void http2_server_run_turns(struct http *h)
{
	struct list *all = &h->pool.flushes, *mark = &h->pool.flush_mark;

	if (list_is_empty(all))
		return;
	list_add_tail(all, mark);
	while (all->next != mark) {
		struct http2_server *s = container_of(all->next, struct http2_server, turn);

		list_del(&s->turn);
		run(s);
	}
	list_del(mark);
}

/* --- what control asks --- */

static void drop(struct http2_server *s)
{
	s->closing = true;
	if (s->n_streams == 0)
		http2_server_want_turn(s);
}

static void drop_all(struct http *h, uint32_t server, bool only_idle)
{
	list_for_each (it, &h->pool.connections) {
		struct http2_server *s = container_of(it, struct http2_server, of_pool);

		if ((server == UINT32_MAX || s->id == server) && (s->n_streams == 0 || !only_idle))
			drop(s);
	}
}

void http2_server_drop(struct http *h, uint32_t server)
{
	drop_all(h, server, false);
}

void http2_server_drop_idle(struct http *h)
{
	drop_all(h, UINT32_MAX, true);
}

/* --- life, of all --- */

bool http2_servers_init(struct http *h)
{
	list_init(&h->pool.connections);
	list_init(&h->pool.flushes);
	h->pool.servers = calloc(h->worker->tally->max_servers + 1, sizeof(*h->pool.servers));
	return h->pool.servers != NULL;
}

void http2_servers_release(struct http *h)
{
	if (!h->pool.servers)
		return;
	list_for_each_safe (it, &h->pool.connections)
		server_free(container_of(it, struct http2_server, of_pool));
	free(h->pool.servers);
	h->pool.servers = NULL;
}

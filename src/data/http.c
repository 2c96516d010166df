#include "data/http.h"

#include "data/http2.h"
#include "data/http2_server.h"
#include "data/http_auth.h"
#include "data/http_compress.h"
#include "data/http_conn.h"
#include "data/http_pool.h"
#include "data/http_proxy.h"
#include "data/http_queue.h"
#include "data/tls.h"
#include "data/worker_inside.h"
#include "order.h"

#include <stdlib.h>
#include <time.h>

enum { WHEEL_SLOTS = 1024, WHEEL_STEP_MS = 20 };

/* --- time --- */

static void start_tick(struct http *h)
{
	const struct timeval tv = {.tv_usec = WHEEL_STEP_MS * 1000};

	if (!event_pending(&h->tick, EV_TIMEOUT, NULL))
		event_add(&h->tick, &tv);
}

void http_set_timer(struct http *h, struct http_timer *t, struct mono deadline)
{
	if (wheel_is_empty(&h->wheel))
		wheel_advance(&h->wheel, worker_now(h->worker), NULL, NULL);
	wheel_add(&h->wheel, &t->wheel, deadline);
	if (deadline.us != MONO_NEVER.us)
		start_tick(h);
}

void http_stop_timer(struct http *h, struct http_timer *t)
{
	wheel_del(&h->wheel, &t->wheel);
}

static void on_deadline(struct wheel_timer *t, void *arg)
{
	struct http_timer *timer = container_of(t, struct http_timer, wheel);

	(void)arg;
	timer->cb(timer);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct http *h = arg;

	(void)fd;
	(void)what;
	wheel_advance(&h->wheel, worker_now(h->worker), on_deadline, h);
	if (wheel_is_empty(&h->wheel))
		event_del(&h->tick);
}

const char *http_date(struct http *h)
{
	uint64_t second = worker_now(h->worker).us / 1000000;
	struct timespec now;
	struct tm tm;

	if (h->date[0] && second == h->date_second)
		return h->date;
	h->date_second = second;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	/* The names of days and months are English: no locale is ever set. */
	strftime(h->date, sizeof(h->date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	return h->date;
}

/* --- turns --- */

void http_run_turns(struct http *h)
{
	list_add_tail(&h->turns, &h->mark);
	while (h->turns.next != &h->mark) {
		struct http_conn *c = container_of(h->turns.next, struct http_conn, turn);

		list_del(&c->turn);
		http_conn_drive(c);
	}
	list_del(&h->mark);
	http2_server_run_turns(h);
}

/* --- life --- */

struct http *http_new(struct worker *w)
{
	struct http *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->worker = w;
	list_init(&h->conns);
	list_init(&h->turns);
	list_init(&h->free);
	list_init(&h->verifying);
	list_init(&h->deflaters);
	event_assign(&h->tick, w->base, -1, EV_PERSIST, on_tick, h);
	if (http_pool_init(h) && http_queue_init(h) &&
		wheel_init(&h->wheel, WHEEL_SLOTS, WHEEL_STEP_MS * 1000, worker_now(w)))
		return h;
	free(h->pool.by_server);
	http2_servers_release(h);
	http_queue_release(h);
	free(h);
	return NULL;
}

void http_close(struct http *h, const struct order *o)
{
	if (o->kind == ORDER_CLOSE_SERVER)
		http_pool_drop(h, o->server);
	if (o->kind == ORDER_CLOSE_SERVER)
		http2_server_drop(h, o->server);
	list_for_each_safe (it, &h->conns) {
		struct http_conn *c = container_of(it, struct http_conn, open);

		if (c->h2 && o->kind == ORDER_CLOSE_SERVER)
			http2_close_server(c, o->server, o->reason);
		else if (http_conn_is_meant(c, o))
			http_conn_finish(c, o->reason);
	}
}

void http_drain(struct http *h)
{
	http_pool_drop(h, UINT32_MAX);
	http2_server_drop_idle(h);
	list_for_each_safe (it, &h->conns) {
		struct http_conn *c = container_of(it, struct http_conn, open);

		if (c->h2)
			http2_drain(c, END_STOPPING);
		else if (http_conn_is_idle(c))
			http_conn_finish(c, END_STOPPING);
	}
}

void http_free(struct http *h)
{
	const struct order all = {.kind = ORDER_CLOSE_ALL, .reason = END_STOPPING};

	if (!h)
		return;
	http_close(h, &all);
	list_for_each_safe (it, &h->free)
		free(container_of(it, struct http_conn, open));
	tls_worker_end(h);
	http_pool_release(h);
	http_queue_release(h);
	http_auth_release(h);
	http_compress_release(h);
	event_del(&h->tick);
	wheel_release(&h->wheel);
	free(h);
}

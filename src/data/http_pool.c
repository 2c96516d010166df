#include "data/http_pool.h"

#include "base/bug.h"
#include "data/http2_server.h"
#include "data/http_exchange.h"
#include "data/worker_inside.h"
#include "net/stream.h"

#include <stdlib.h>
#include <sys/resource.h>

enum {
	IDLE_MS = 30000, /* servers close what is idle for longer, or soon will */
	IDLE_MAX = 4096, /* of one worker */
	IDLE_SHARE = 16, /* of the descriptors, at most one in so many is idle */
};

/* --- closing --- */

static void forget(struct http_upstream *u)
{
	list_del(&u->of_server);
	list_del(&u->by_age);
}

static void give_back(struct http_upstream *u, void (*close)(struct link *l, struct poller *p))
{
	struct worker *w = u->http->worker;

	if (u->is_stream) {
		http2_server_leave(u);
		return;
	}
	if (!list_is_empty(&u->by_age))
		u->http->pool.n_idle--;
	forget(u);
	close(&u->link, w->poller);
	http_buffer_drop(&w->buffers, &u->in);
	free(u);
}

void http_pool_close(struct http_upstream *u)
{
	give_back(u, link_close);
}

void http_pool_reset(struct http_upstream *u)
{
	give_back(u, link_reset);
}

void http_pool_drop(struct http *h, uint32_t server)
{
	list_for_each_safe (it, &h->pool.idle) {
		struct http_upstream *u = container_of(it, struct http_upstream, by_age);

		if (server == UINT32_MAX || u->server_id == server)
			http_pool_close(u);
	}
}

/* --- idle --- */

static struct http_upstream *oldest(struct http_pool *p)
{
	return list_is_empty(&p->idle) ? NULL
				       : container_of(p->idle.next, struct http_upstream, by_age);
}

static void on_old(struct http_timer *t)
{
	struct http *h = container_of(t, struct http, pool.timer);
	struct mono now = worker_now(h->worker);
	struct http_upstream *u;

	while ((u = oldest(&h->pool)) != NULL) {
		struct mono due = mono_add_ms(u->idle_since, IDLE_MS);

		if (!mono_reached(now, due)) {
			http_set_timer(h, &h->pool.timer, due);
			return;
		}
		http_pool_close(u);
	}
}

/* Nothing is expected of a server that nobody asked: an end, or bytes that nobody must get. */
static void on_server(struct watch *watch, unsigned edges)
{
	struct http_upstream *u = container_of(watch, struct http_upstream, link.watch);

	link_note(&u->link, edges);
	if (u->exchange)
		u->exchange->carrier->wake(u->exchange);
	else if (edges & (POLLER_READ | POLLER_END | POLLER_ERROR))
		http_pool_close(u);
}

void http_pool_keep(struct http_upstream *u)
{
	struct http *h = u->http;

	if (u->is_stream) {
		http2_server_leave(u);
		return;
	}
	u->exchange = NULL;
	u->reused = true;
	if (u->link.ended || u->link.failed || u->in || h->worker->draining || h->pool.max == 0 ||
		!link_watch(&u->link, h->worker->poller, false)) {
		http_pool_close(u);
		return;
	}
	if (h->pool.n_idle == h->pool.max)
		http_pool_close(oldest(&h->pool));
	u->idle_since = worker_now(h->worker);
	list_add_tail(list_made(&h->pool.by_server[u->server_id]), &u->of_server);
	list_add_tail(&h->pool.idle, &u->by_age);
	h->pool.n_idle++;
	if (!wheel_is_armed(&h->pool.timer.wheel))
		http_set_timer(h, &h->pool.timer, mono_add_ms(u->idle_since, IDLE_MS));
}

struct http_upstream *http_pool_take(
	struct http *h, uint32_t server, bool sure, struct http_exchange *x)
{
	struct list *all = list_made(&h->pool.by_server[server]);

	while (!list_is_empty(all)) {
		struct http_upstream *u = container_of(all->prev, struct http_upstream, of_server);

		if (sure && link_is_over(&u->link)) {
			http_pool_close(u);
			continue;
		}
		forget(u);
		h->pool.n_idle--;
		u->exchange = x;
		return u;
	}
	return NULL;
}

/* --- new --- */

struct http_upstream *http_pool_connect(struct http *h, uint32_t server, const struct addr *to,
	struct http_exchange *x, int *ret_error)
{
	struct http_upstream *u = malloc(sizeof(*u));
	int fd;

	*ret_error = ENOMEM;
	if (!u)
		return NULL;
	fd = stream_connect(to, h->worker->listeners.fd_end);
	if (fd < 0) {
		*ret_error = -fd;
		free(u);
		return NULL;
	}
	stream_set_nodelay(fd);
	*u = (struct http_upstream){.http = h, .exchange = x, .server_id = server};
	list_init(&u->of_server);
	list_init(&u->by_age);
	link_init(&u->link, fd, on_server);
	return u;
}

/* --- life --- */

static unsigned idle_max(const struct worker *w)
{
	struct rlimit limit;
	rlim_t max;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	max = limit.rlim_cur / (IDLE_SHARE * w->config->workers);
	return max < IDLE_MAX ? (unsigned)max : IDLE_MAX;
}

bool http_pool_init(struct http *h)
{
	uint32_t n = h->worker->tally->max_servers;

	h->pool.max = idle_max(h->worker);
	h->pool.by_server = calloc(n + 1, sizeof(struct list));
	list_init(&h->pool.idle);
	wheel_timer_init(&h->pool.timer.wheel);
	h->pool.timer.cb = on_old;
	return h->pool.by_server != NULL && http2_servers_init(h);
}

void http_pool_release(struct http *h)
{
	http_pool_drop(h, UINT32_MAX);
	http2_servers_release(h);
	http_stop_timer(h, &h->pool.timer);
	free(h->pool.by_server);
}

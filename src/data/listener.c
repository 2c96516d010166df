#include "data/listener.h"

#include "data/account.h"
#include "data/http_conn.h"
#include "data/worker_inside.h"
#include "net/stream.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/resource.h>

enum {
	BATCH_MAX = 64,
	/* Descriptors that are never given to new clients: half for the servers' sockets and pipes
	 * of those who are in, half for control. */
	FD_RESERVE_MAX = 256,
	QUIET_MS = 1000, /* without a pause, before we say that accepting has resumed */
};

bool listener_is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* --- who may come in --- */

static const struct config_rate_limit *rate_of(const struct worker *w, uint16_t listener)
{
	static const struct config_rate_limit none;
	const struct config_listener *l = generation_listener(worker_newest(w), listener);

	return l ? &l->rate_limit : &none;
}

static enum end_reason admit_by_rate(struct worker *w, uint16_t listener, uint64_t hash)
{
	const struct config_rate_limit *conf = rate_of(w, listener);
	const struct sources_limit limit = {
		.count = conf->count,
		.per_us = conf->per_ms * 1000,
		.burst = conf->burst,
	};
	struct sources *rated = load_sources_of(&w->load->per_listener[listener]);
	uint64_t wait_us;

	if (conf->count == 0 ||
		sources_take(rated, hash, worker_now(w), &limit, &wait_us) != SOURCES_TOO_FAST)
		return END_REASONS;
	tally_add(&w->tally->listeners[listener].limited_rate, 1);
	return END_LIMIT_RATE;
}

static enum end_reason admit_by_number(
	struct worker *w, uint16_t listener, uint64_t hash, bool *ret_counted)
{
	const struct sources_limit limit = {
		.max_connections = w->config->limits.connections_per_source,
	};

	if (limit.max_connections == 0)
		return END_REASONS;
	switch (sources_enter(load_sources_of(&w->load->per_source), hash, worker_now(w), &limit)) {
	case SOURCES_OK:
		*ret_counted = true;
		return END_REASONS;
	case SOURCES_OK_UNTRACKED:
		tally_add(&w->tally->listeners[listener].untracked_sources, 1);
		return END_REASONS;
	case SOURCES_TOO_MANY:
	case SOURCES_TOO_FAST:
		break;
	}
	tally_add(&w->tally->listeners[listener].limited_source, 1);
	return END_LIMIT_PER_SOURCE;
}

enum end_reason listener_admit(
	struct worker *w, uint16_t listener, const struct addr *client, bool *ret_counted)
{
	enum end_reason refused;
	uint64_t hash;

	*ret_counted = false;
	if (view_is_banned(worker_view(w), client)) {
		tally_add(&w->tally->listeners[listener].banned, 1);
		return END_BANNED;
	}
	if (w->config->limits.connections_per_source == 0 && rate_of(w, listener)->count == 0)
		return END_REASONS;
	hash = load_hash_source(w->load, client);
	refused = admit_by_number(w, listener, hash, ret_counted);
	if (refused != END_REASONS)
		return refused;
	refused = admit_by_rate(w, listener, hash);
	if (refused != END_REASONS && *ret_counted) {
		sources_leave(load_sources_of(&w->load->per_source), hash);
		*ret_counted = false;
	}
	return refused;
}

void listener_leave(struct worker *w, const struct addr *client)
{
	sources_leave(load_sources_of(&w->load->per_source), load_hash_source(w->load, client));
}

/* Unread bytes wait, so that the close is a reset: the cheapest no. */
void listener_turn_away(
	struct listener *l, int fd, const struct addr *client, enum end_reason reason, bool counted)
{
	account_refused(l, fd, client, reason);
	if (counted)
		listener_leave(l->worker, client);
	stream_close(fd);
	load_leave(l->worker->load);
	l->worker->some_ended = true;
}

/* --- accepting --- */

/* False: this was the last one for now. */
static bool accept_one(struct listener *l)
{
	struct worker *w = l->worker;
	struct addr client;
	int fd;

	if (!load_enter(w->load, w->config->limits.connections)) {
		listeners_pause(w, 0);
		return false;
	}
	fd = stream_accept(l->fd, &client);
	if (fd < 0) {
		load_leave(w->load);
		if (listener_is_shortage(-fd))
			listeners_pause(w, -fd);
		return fd == -ECONNABORTED; /* that client is gone, the next one may not be */
	}
	tally_add(&l->tally->accepted, 1);
	worker_view(w); /* l->conf is the newest that it can be */
	if ((unsigned)fd >= w->listeners.fd_ceiling)
		listeners_pause(w, EMFILE);
	if (l->conf->mode == MODE_HTTP)
		http_conn_accept(l, fd, &client);
	else
		conn_accept(l, fd, &client);
	return !w->listeners.paused;
}

/* Level-triggered, and it tries as many as the last wakes found: at a steady rate no accept fails
 * just to learn that there is nothing more. */
static void on_connections(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;
	unsigned n = 0;

	(void)fd;
	(void)what;
	while (n < l->batch && accept_one(l))
		n++;
	if (n == l->batch && n < BATCH_MAX)
		l->batch *= 2;
	else if (n < l->batch)
		l->batch = n > 0 ? n : 1;
}

static struct listener *listener_of(struct list *node)
{
	return container_of(node, struct listener, all);
}

static void accept_waiting(struct listener *l)
{
	while (!l->worker->listeners.paused && accept_one(l))
		;
}

void listeners_accept_waiting(struct worker *w)
{
	list_for_each (it, &w->listeners.all)
		accept_waiting(listener_of(it));
}

/* --- pauses --- */

void listeners_pause(struct worker *w, int error)
{
	struct listeners *ls = &w->listeners;
	struct report *r;

	if (ls->paused || w->draining)
		return;
	ls->paused = true;
	ls->short_of = error != 0;
	ls->last_pause = worker_now(w);
	list_for_each (it, &ls->all)
		event_del(&listener_of(it)->event);
	if (error != 0) {
		pipes_trim(&w->pipes);
		spares_trim(&w->spares);
	}
	tally_add(&w->tally->accept_pauses, 1);
	worker_want_tick(w);
	if (ls->reported)
		return;
	ls->reported = true;
	r = report_new(REPORT_PAUSED, w->setup.index);
	if (r)
		r->error = error;
	worker_report(w, r);
}

static bool watch_all(struct listeners *ls)
{
	list_for_each (it, &ls->all)
		if (event_add(&listener_of(it)->event, NULL) < 0)
			return false;
	return true;
}

/* A try would cost the reserve one descriptor at a time. */
static bool has_room(struct worker *w)
{
	const struct listeners *ls = &w->listeners;
	uint32_t open = atomic_load_explicit(&w->load->connections, memory_order_relaxed);

	return open < w->config->limits.connections &&
	       (!ls->short_of || list_is_empty(&ls->all) ||
		       stream_next_number(listener_of(ls->all.next)->fd) < ls->fd_ceiling);
}

void listeners_resume(struct worker *w)
{
	struct listeners *ls = &w->listeners;

	if (w->draining)
		return;
	if (ls->paused && has_room(w))
		ls->paused = !watch_all(ls);
	if (ls->paused || !ls->reported)
		return;
	if (mono_diff_us(ls->last_pause, worker_now(w)) < QUIET_MS * 1000)
		return;
	ls->reported = false;
	worker_report(w, report_new(REPORT_RESUMED, w->setup.index));
}

/* --- life --- */

/* The kernel hands out the lowest free number: one near the limit says that nearly all are taken. */
void listeners_reserve(struct listeners *ls)
{
	struct rlimit limit;
	rlim_t reserve;

	ls->fd_ceiling = ls->fd_end = UINT_MAX;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		return;
	reserve = limit.rlim_cur / 8;
	if (reserve > FD_RESERVE_MAX)
		reserve = FD_RESERVE_MAX;
	ls->fd_ceiling = (unsigned)(limit.rlim_cur - reserve);
	ls->fd_end = (unsigned)(limit.rlim_cur - reserve / 2);
}

static struct listener *find(const struct listeners *ls, uint32_t number)
{
	list_for_each (it, &ls->all)
		if (listener_of(it)->number == number)
			return listener_of(it);
	return NULL;
}

static void listener_free(struct listener *l)
{
	event_del(&l->event);
	pins_drop(&l->worker->pins, l->pin);
	list_del(&l->all);
	free(l);
}

/* NULL: out of memory. */
static struct listener *add(struct worker *w, const struct generation_socket *socket)
{
	struct listeners *ls = &w->listeners;
	struct listener *l = malloc(sizeof(*l));

	if (!l)
		return NULL;
	*l = (struct listener){
		.worker = w,
		.fd = socket->fds[w->setup.index],
		.number = socket->number,
		.batch = 1,
		.pin = pins_add(&w->pins, w->pins.newest),
	};
	list_add_tail(&ls->all, &l->all);
	event_assign(&l->event, w->base, l->fd, EV_READ | EV_PERSIST, on_connections, l);
	if (ls->paused || w->draining || event_add(&l->event, NULL) == 0)
		return l;
	listener_free(l);
	return NULL;
}

static bool follow_one(struct worker *w, const struct generation_socket *socket)
{
	struct listener *l = find(&w->listeners, socket->number);

	if (!l)
		l = add(w, socket);
	if (!l)
		return false;
	l->slot = socket->listener;
	l->conf = worker_newest(w)->listeners[l->slot];
	l->tally = &w->tally->listeners[l->slot];
	pins_renew(&w->pins, &l->pin);
	return true;
}

bool listeners_follow(struct worker *w)
{
	const struct generation *g = worker_newest(w);
	bool ok = true;

	for (size_t i = 0; i < g->n_sockets; i++)
		ok &= follow_one(w, &g->sockets[i]);
	return ok;
}

void listeners_give_up(struct worker *w, uint32_t number)
{
	struct listener *l = find(&w->listeners, number);

	if (!l)
		return;
	accept_waiting(l);
	listener_free(l);
}

bool listeners_init(struct worker *w)
{
	list_init(&w->listeners.all);
	return listeners_follow(w);
}

void listeners_stop(struct worker *w)
{
	list_for_each (it, &w->listeners.all)
		event_del(&listener_of(it)->event);
}

void listeners_release(struct worker *w)
{
	if (w->listeners.all.next)
		list_for_each_safe (it, &w->listeners.all)
			listener_free(listener_of(it));
}

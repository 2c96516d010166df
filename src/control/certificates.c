#include "control/certificates.h"

#include "control/carry.h"
#include "control/cluster.h"
#include "log.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { LOOK_S = 2, COMPLAINT_MS = 60000 };

_Static_assert((unsigned)TICKETS_SECRET_BYTES == CARRY_SECRET_BYTES, "as it is carried");

struct certificates {
	struct control *control;
	struct view_tls *served; /* one use of it is ours, the next is the servers' */
	struct event *timer;
	struct mono complained;		      /* of a listener left without any; us 0: never */
	uint8_t secret[TICKETS_SECRET_BYTES]; /* of local tickets: dies with the process */
	/* of the cluster's, as they were last */
	uint8_t shared[TICKETS_SECRETS_MAX][TICKETS_SECRET_BYTES];
	size_t n_shared;
};

static const struct config_listener *listener(const struct certificates *all, size_t i)
{
	return &all->control->config->listeners[i];
}

static uint16_t slot_of(const struct certificates *all, size_t i)
{
	return all->control->generation->listener_slots[i];
}

static struct certs *served_of(const struct certificates *all, size_t i)
{
	uint16_t slot = slot_of(all, i);

	return slot < all->served->n_certs ? all->served->certs[slot] : NULL;
}

/* --- tickets --- */

static bool wants(const struct config *c, enum config_tickets kind)
{
	for (size_t i = 0; i < c->n_listeners; i++)
		if (c->listeners[i].tls && c->listeners[i].tls->session_tickets == kind)
			return true;
	return false;
}

/* The keys of the cluster may have been changed. */
static bool shared_have_changed(struct certificates *all)
{
	uint8_t now[TICKETS_SECRETS_MAX][TICKETS_SECRET_BYTES] = {0};
	size_t n = cluster_derive(all->control->cluster, "tickets.", now, TICKETS_SECRETS_MAX);
	bool changed = n != all->n_shared || memcmp(now, all->shared, sizeof(now)) != 0;

	memcpy(all->shared, now, sizeof(now));
	all->n_shared = n;
	sodium_memzero(now, sizeof(now));
	return changed;
}

static bool make_tickets(struct certificates *all, const struct config *c, struct view_tls *next)
{
	uint64_t wall_s = log_wall_us() / 1000000;

	if (wants(c, TICKETS_LOCAL)) {
		next->local = tickets_new(all->secret, 1, wall_s);
		if (!next->local)
			return false;
	}
	if (wants(c, TICKETS_CLUSTER))
		next->cluster = tickets_new(all->shared[0], all->n_shared, wall_s);
	return !wants(c, TICKETS_CLUSTER) || next->cluster != NULL;
}

static bool is_old(const struct tickets *t)
{
	return t && t->period != log_wall_us() / 1000000 / TICKETS_PERIOD_S;
}

static bool tickets_are_old(struct certificates *all)
{
	bool changed = wants(all->control->config, TICKETS_CLUSTER) && shared_have_changed(all);

	return changed || is_old(all->served->local) || is_old(all->served->cluster);
}

/* --- certificates --- */

static void say(void *arg, const char *path, const char *why, bool kept)
{
	const struct config_listener *l = arg;

	if (kept)
		log_warning("tls",
			"listener %s: %s cannot be taken up: %s; the certificate read before is "
			"served on; mend the file, it is looked at every %d s",
			l->name, path, why, LOOK_S);
	else
		log_warning("tls", "listener %s: %s is left out: %s", l->name, path, why);
}

static void say_taken(struct certificates *all, const struct config_listener *l, size_t n)
{
	log_notice("tls", "listener %s serves %zu certificate%s as its files are now", l->name, n,
		n == 1 ? "" : "s");
	events_add(all->control->events, "listener %s took up its certificates anew", l->name);
}

static void complain(struct certificates *all, const struct config_listener *l, const char *why)
{
	struct mono now = mono_now();

	if (all->complained.us && !mono_reached(now, mono_add_ms(all->complained, COMPLAINT_MS)))
		return;
	all->complained = now;
	log_warning("tls", "listener %s goes on with the certificates it has: %s", l->name,
		why[0] ? why : "its files give none");
}

/* Those of one listener for the next view: as they are, or read again. */
static struct certs *renew(struct certificates *all, size_t i, bool *ret_changed)
{
	const struct config_listener *l = listener(all, i);
	struct certs *before = served_of(all, i), *now;
	char why[CERT_WHY_MAX];

	if (!before || !certs_are_stale(before))
		return certs_use(before);
	now = certs_load(l->tls, before, say, (void *)(uintptr_t)l, why);
	if (!now) {
		complain(all, l, why);
		return certs_use(before);
	}
	*ret_changed = true;
	say_taken(all, l, certs_count(now));
	return now;
}

/* --- publishing --- */

static void serve(struct certificates *all, struct view_tls *next)
{
	view_tls_drop(all->served);
	all->served = next;
	servers_set_tls(all->control->servers, view_tls_use(next));
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct certificates *all = arg;
	struct view_tls *next = view_tls_new(all->control->generation->n_listeners);
	bool changed = next && tickets_are_old(all);

	(void)fd;
	(void)what;
	if (!next)
		return; /* the next turn will do */
	for (size_t i = 0; i < all->control->config->n_listeners; i++)
		next->certs[slot_of(all, i)] = renew(all, i, &changed);
	if (changed && make_tickets(all, all->control->config, next))
		serve(all, next);
	else
		view_tls_drop(next);
}

/* --- life --- */

struct view_tls *certificates_prepare(struct certificates *all, const struct generation *g)
{
	struct view_tls *next = view_tls_new(g->n_listeners);

	if (!next)
		return NULL;
	for (size_t i = 0; i < g->n_listeners; i++)
		if (g->listeners[i] && g->listeners[i]->tls)
			next->certs[i] = certs_use(g->listeners[i]->tls->certs);
	if (make_tickets(all, g->config, next))
		return next;
	view_tls_drop(next);
	return NULL;
}

void certificates_commit(struct certificates *all, struct view_tls *next)
{
	serve(all, next);
}

static bool begin(struct certificates *all)
{
	const struct timeval interval = {.tv_sec = LOOK_S};
	struct view_tls *first = certificates_prepare(all, all->control->generation);

	if (!first)
		return false;
	all->timer = event_new(all->control->base, -1, EV_PERSIST, on_timer, all);
	if (!all->timer || event_add(all->timer, &interval) < 0) {
		view_tls_drop(first);
		return false;
	}
	serve(all, first);
	return true;
}

struct certificates *certificates_new(struct control *c)
{
	struct certificates *all = calloc(1, sizeof(*all));

	if (!all)
		return NULL;
	all->control = c;
	if (!carry_secret(c, "tickets", all->secret))
		randombytes_buf(all->secret, sizeof(all->secret));
	shared_have_changed(all);
	if (begin(all))
		return all;
	certificates_free(all);
	return NULL;
}

void certificates_free(struct certificates *all)
{
	if (!all)
		return;
	if (all->timer)
		event_free(all->timer);
	view_tls_drop(all->served);
	sodium_memzero(all->secret, sizeof(all->secret));
	sodium_memzero(all->shared, sizeof(all->shared));
	free(all);
}

const uint8_t *certificates_secret(const struct certificates *all)
{
	return all->secret;
}

const struct view_tls *certificates_served(const struct certificates *all)
{
	return all ? all->served : NULL;
}

const struct certs *certificates_of(const struct certificates *all, size_t listener)
{
	return all && all->served ? served_of(all, listener) : NULL;
}

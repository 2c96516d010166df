#include "control/listing.h"

#include "base/list.h"

#include <stdlib.h>

struct listings {
	struct control *control;
	struct list active;
	unsigned n;
	uint64_t next_tag;
};

struct listing {
	struct list node;
	struct listings *all;
	uint64_t tag;
	struct event *timeout;
	void (*done)(void *arg);
	void *arg;
	bool over; /* done was called */
	size_t n_reports;
	struct report *reports[]; /* room for one a worker */
};

struct listings *listings_new(struct control *c)
{
	struct listings *all = calloc(1, sizeof(*all));

	if (!all)
		return NULL;
	all->control = c;
	list_init(&all->active);
	return all;
}

void listings_free(struct listings *all)
{
	free(all);
}

static struct listing *find(const struct listings *all, uint64_t tag)
{
	list_for_each (it, &all->active) {
		struct listing *l = container_of(it, struct listing, node);

		if (l->tag == tag)
			return l;
	}
	return NULL;
}

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct listing *l = arg;

	(void)fd;
	(void)what;
	l->over = true;
	l->done(l->arg);
}

void listings_report(struct listings *all, struct report *r)
{
	struct listing *l = find(all, r->tag);

	if (!l || l->over || l->n_reports == all->control->n_workers) {
		report_free(r);
		return;
	}
	l->reports[l->n_reports++] = r;
	if (l->n_reports == all->control->n_workers)
		event_active(l->timeout, EV_TIMEOUT, 0);
}

struct listing *listing_start(struct listings *all, enum order_kind kind, uint32_t max,
	void (*done)(void *arg), void *arg)
{
	struct control *c = all->control;
	struct timeval wait = {LISTING_WAIT_MS / 1000, LISTING_WAIT_MS % 1000 * 1000};
	struct order order = {.kind = kind, .max = max, .tag = ++all->next_tag};
	struct listing *l;

	if (all->n == LISTINGS_MAX)
		return NULL;
	l = calloc(1, sizeof(*l) + c->n_workers * sizeof(l->reports[0]));
	if (!l)
		return NULL;
	l->all = all;
	l->tag = order.tag;
	l->done = done;
	l->arg = arg;
	l->timeout = evtimer_new(c->base, on_timeout, l);
	if (!l->timeout || evtimer_add(l->timeout, &wait) < 0) {
		if (l->timeout)
			event_free(l->timeout);
		free(l);
		return NULL;
	}
	list_add_tail(&all->active, &l->node);
	all->n++;
	control_order_all(c, &order);
	return l;
}

void listing_free(struct listing *l)
{
	if (!l)
		return;
	list_del(&l->node);
	l->all->n--;
	event_free(l->timeout);
	for (size_t i = 0; i < l->n_reports; i++)
		report_free(l->reports[i]);
	free(l);
}

size_t listing_reports(const struct listing *l)
{
	return l->n_reports;
}

const struct report *listing_report(const struct listing *l, size_t i)
{
	return l->reports[i];
}

size_t listing_missing(const struct listing *l)
{
	return l->all->control->n_workers - l->n_reports;
}

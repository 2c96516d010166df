/* What lib/gossip reports: the log and the list of events are told, lifelines follow, and then the subscribers. */
#include "control/cluster_epoch.h"
#include "control/cluster_inside.h"
#include "control/events.h"
#include "control/notifier.h"
#include "log.h"

#include <stdio.h>
#include <string.h>

/* --- members --- */

static const char *const state_words[] = {
	[GOSSIP_ALIVE] = "alive",
	[GOSSIP_SUSPECT] = "suspect",
	[GOSSIP_DEAD] = "dead",
	[GOSSIP_LEFT] = "left",
};

/* How the change is told: "is dead: last heard 87 ms ago, its connection has ended". */
static void why_dead(const struct cluster *cl, const struct gossip_member *g, char *ret, size_t n)
{
	struct mono now = mono_now();
	bool ended = cl->line_id == g->id &&
		     mono_diff_us(cl->line_ended, now) < UINT64_C(1000) * cl->conf->silent_ms;

	if (g->heard_at.us == 0)
		snprintf(ret, n, ": so say its observers");
	else
		snprintf(ret, n, ": last heard %llu ms ago%s",
			(unsigned long long)mono_diff_us(g->heard_at, now) / 1000,
			ended ? ", its connection has ended" : "");
}

static const char *what_now(const struct gossip_event *e)
{
	switch (e->state) {
	case GOSSIP_ALIVE:
		return e->was == e->state ? "joined" : "is alive again";
	case GOSSIP_SUSPECT:
		return "is suspect";
	case GOSSIP_DEAD:
		return "is dead";
	case GOSSIP_LEFT:
		return "has left";
	}
	return "changed";
}

/* A doubt that is cleared up again is no news. */
static bool is_news(const struct gossip_event *e)
{
	return e->state != GOSSIP_SUSPECT &&
	       !(e->state == GOSSIP_ALIVE && e->was == GOSSIP_SUSPECT);
}

static void notify_member(struct cluster *cl, const char *name, const char *addr, const char *state)
{
	const struct notifier_var vars[] = {
		{"MEMBER", name}, {"ADDRESS", addr}, {"STATE", state}, {0}};

	notifier_add(cl->setup.notifier, "member", vars);
}

static void say_member(struct cluster *cl, const struct gossip_event *e)
{
	char why[96] = "", where[ADDR_TEXT_MAX];
	struct gossip_member g;
	struct addr a;

	if (!gossip_find(cl->gossip, e->id, &g) || g.self)
		return;
	a = cluster_addr_from(&g.addr);
	if (e->state == GOSSIP_DEAD || e->state == GOSSIP_SUSPECT)
		why_dead(cl, &g, why, sizeof(why));
	addr_format(&a, where);
	if (!is_news(e))
		log_info("cluster", "%s (%s) %s%s", g.name, where,
			e->state == GOSSIP_ALIVE ? "is no longer suspect" : what_now(e), why);
	else if (e->state == GOSSIP_DEAD)
		log_warning("cluster", "%s (%s) %s%s", g.name, where, what_now(e), why);
	else
		log_notice("cluster", "%s (%s) %s", g.name, where, what_now(e));
	if (!is_news(e))
		return;
	if (cl->setup.events)
		events_add(cl->setup.events, "cluster: %s %s%s", g.name, what_now(e), why);
	notify_member(cl, g.name, where, state_words[e->state]);
}

static void tell_member(struct cluster *cl, uint64_t id)
{
	cl->unsure = true;
	for (unsigned i = 0; i < cl->n_subscribers; i++) {
		const struct cluster_subscriber *s = &cl->subscribers[i];
		const struct cluster_member *m = cluster_find(cl, id);

		if (m && s->hooks->member)
			s->hooks->member(s->arg, m);
	}
}

static void on_member(struct cluster *cl, const struct gossip_event *e)
{
	cl->news++;
	cl->reorder = cl->reorder || e->was == e->state;
	say_member(cl, e);
	tell_member(cl, e->id);
}

static void on_details(struct cluster *cl, uint64_t id)
{
	cl->reorder = true;
	tell_member(cl, id);
}

static void on_forgotten(struct cluster *cl, uint64_t id)
{
	const char *name;

	cl->reorder = true;
	cluster_entries_refresh(cl);
	name = cluster_gone_name(cl, id);
	log_notice("cluster", "%s is forgotten", name);
	if (cl->setup.events)
		events_add(cl->setup.events, "cluster: %s is forgotten", name);
	notify_member(cl, name, NULL, "forgotten");
	for (unsigned i = 0; i < cl->n_subscribers; i++)
		if (cl->subscribers[i].hooks->forgotten)
			cl->subscribers[i].hooks->forgotten(cl->subscribers[i].arg, id);
}

/* --- what they say --- */

/* A value of its own for as long as the hooks run: each may call the cluster. */
struct value {
	uint8_t bytes[GOSSIP_MESSAGE_MAX + ITEMS_KEY_MAX];
	size_t n;
};

static struct span keep(struct value *v, struct span s)
{
	struct span kept = span_of(v->bytes + v->n, s.n);

	if (s.n > sizeof(v->bytes) - v->n)
		return span_of(NULL, 0);
	if (s.n > 0)
		memcpy(v->bytes + v->n, s.p, s.n);
	v->n += s.n;
	return kept;
}

static void on_record(struct cluster *cl, const struct gossip_event *e)
{
	struct value v = {.n = 0};
	struct span value = keep(&v, e->value);
	uint64_t id = e->id;
	uint16_t key = e->key;

	cl->news++;
	if (key == CLUSTER_RECORD_NODE)
		tell_member(cl, id);
	for (unsigned i = 0; i < cl->n_subscribers; i++)
		if (cl->subscribers[i].hooks->record)
			cl->subscribers[i].hooks->record(cl->subscribers[i].arg, id, key, value);
}

static void on_item(struct cluster *cl, const struct item *item)
{
	struct value v = {.n = 0};
	struct cluster_item copy = {
		.kind = item->kind,
		.key = keep(&v, item->key),
		.value = keep(&v, item->value),
		.stamp = item->stamp,
		.origin = item->node,
		.until = item->until,
	};

	for (unsigned i = 0; i < cl->n_subscribers; i++)
		if (cl->subscribers[i].hooks->item)
			cl->subscribers[i].hooks->item(cl->subscribers[i].arg, &copy);
}

static void on_message(struct cluster *cl, const struct gossip_event *e)
{
	struct value v = {.n = 0};
	struct span value = keep(&v, e->value);
	uint64_t id = e->id;
	uint8_t kind = e->kind;

	for (unsigned i = 0; i < cl->n_subscribers; i++)
		if (cl->subscribers[i].hooks->message)
			cl->subscribers[i].hooks->message(cl->subscribers[i].arg, id, kind, value);
}

/* --- the rest --- */

static void on_lifeline_wanted(struct cluster *cl, const struct gossip_event *e)
{
	struct addr to = cluster_addr_from(&e->addr);

	if (!cl->lifelines)
		return;
	if (e->wanted)
		lifelines_want(cl->lifelines, e->id, &to);
	else
		lifelines_unwant(cl->lifelines, e->id);
}

static void on_epoch(struct cluster *cl, uint64_t epoch)
{
	log_warning("cluster",
		"others know a later start of this node: it goes on with epoch %llu; if this comes "
		"again and again, two nodes are called %s",
		(unsigned long long)epoch, cl->setup.config->node);
	cluster_epoch_keep(cl->setup.store, epoch);
}

void cluster_dispatch(struct cluster *cl, const struct gossip_event *e)
{
	switch (e->event) {
	case GOSSIP_EVENT_MEMBER:
		on_member(cl, e);
		break;
	case GOSSIP_EVENT_DETAILS:
		on_details(cl, e->id);
		break;
	case GOSSIP_EVENT_FORGOTTEN:
		on_forgotten(cl, e->id);
		break;
	case GOSSIP_EVENT_RECORD:
		on_record(cl, e);
		break;
	case GOSSIP_EVENT_ITEM:
		on_item(cl, &e->item);
		break;
	case GOSSIP_EVENT_MESSAGE:
		on_message(cl, e);
		break;
	case GOSSIP_EVENT_LIFELINE:
		on_lifeline_wanted(cl, e);
		break;
	case GOSSIP_EVENT_EPOCH:
		on_epoch(cl, e->epoch);
		break;
	}
}

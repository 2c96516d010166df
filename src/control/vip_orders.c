/* What lib/elect orders is carried out: addresses are put on interfaces and taken away, records and messages sent, and what
 * became of it is told to the log, the events and the notifier. */
#include "base/wire.h"
#include "control/cluster.h"
#include "control/events.h"
#include "control/notifier.h"
#include "control/state.h"
#include "control/vip_inside.h"
#include "control/vip_seen.h"
#include "log.h"

#include <stdio.h>

static const char *name_of(const struct vip *v, uint64_t id)
{
	const struct cluster_member *m = id ? cluster_find(v->control->cluster, id) : NULL;

	return m ? m->name : id ? "a forgotten node" : "nobody";
}

/* For programs that move addresses which a provider's API assigns. */
static void notify(struct vip *v, const struct vip_slot *s, const char *state, const char *owner,
	enum elect_cause cause)
{
	const struct notifier_var vars[] = {
		{"VIP", s->conf->text},
		{"INTERFACE", s->conf->interface},
		{"STATE", state},
		{"OWNER", owner},
		{"CAUSE", cause != ELECT_CAUSE_NONE ? elect_cause_text(cause) : NULL},
		{0},
	};

	notifier_add(v->control->notifier, "vip", vars);
}

/* For nodes that have no virtual addresses themselves: only what fits, which is all of any use. */
void vip_publish(struct vip *v)
{
	uint8_t value[CLUSTER_VALUE_MAX];
	struct wire_writer w = wire_write(value, sizeof(value));
	size_t n = 0;

	for (size_t i = 0; i < v->n_slots && !w.failed; i++) {
		vip_seen_put(
			&w, v->slots[i].conf, v->slots[i].held ? v->slots[i].since_wall_us : 0);
		if (!w.failed)
			n = wire_written(&w);
	}
	cluster_publish(v->control->cluster, CLUSTER_RECORD_VIPS, span_of(value, n));
}

static void on_hold(struct vip *v, const struct elect_event *e, struct mono now)
{
	struct vip_slot *s = &v->slots[e->vip];
	bool ok = vip_hold_add(v, s, now);

	elect_held(v->elect, now, e->vip, ok);
	if (!ok)
		return;
	s->taken++;
	notify(v, s, "taken", v->control->config->node, e->cause);
	if (e->node != 0 && e->node != cluster_self(v->control->cluster)) {
		const char *from = name_of(v, e->node);

		log_notice("vip", "%s is taken over from %s: %s (term %llu)", s->text, from,
			elect_cause_text(e->cause), (unsigned long long)e->term);
		events_add(v->control->events, "vip: %s is taken over from %s: %s", s->text, from,
			elect_cause_text(e->cause));
	} else {
		log_notice("vip", "%s is taken: %s (term %llu)", s->text,
			elect_cause_text(ELECT_WAS_FREE), (unsigned long long)e->term);
		events_add(v->control->events, "vip: %s is taken: %s", s->text,
			elect_cause_text(ELECT_WAS_FREE));
	}
}

static void on_drop(struct vip *v, const struct elect_event *e, struct mono now)
{
	struct vip_slot *s = &v->slots[e->vip];
	char to[128] = "";

	if (e->cause == ELECT_HANDED_OVER)
		vip_hold_hand_over(v, s, now);
	else
		vip_hold_drop(v, s);
	s->dropped++;
	notify(v, s, "dropped", e->node ? name_of(v, e->node) : NULL, e->cause);
	if (e->node != 0)
		snprintf(to, sizeof(to), " to %s", name_of(v, e->node));
	if (e->cause == ELECT_HANDED_OVER)
		log_notice("vip", "%s is handed over%s", s->text, to);
	else
		log_warning(
			"vip", "%s is let go of%s: %s", s->text, to, elect_cause_text(e->cause));
	events_add(v->control->events, "vip: %s is let go of%s: %s", s->text, to,
		elect_cause_text(e->cause));
}

static void on_owner(struct vip *v, const struct elect_event *e)
{
	struct vip_slot *s = &v->slots[e->vip];
	uint64_t self = cluster_self(v->control->cluster);

	s->since_wall_us = log_wall_us();
	vip_publish(v);
	s->moves += e->was != 0 || e->node != 0;
	if (e->node == self || (e->was == self && e->node == 0))
		return; /* said already */
	notify(v, s, "moved", e->node ? name_of(v, e->node) : NULL, ELECT_CAUSE_NONE);
	log_info("vip", "%s is owned by %s (term %llu), before by %s", s->text, name_of(v, e->node),
		(unsigned long long)e->term, name_of(v, e->was));
	if (e->was != self)
		events_add(v->control->events, "vip: %s is owned by %s, before by %s", s->text,
			name_of(v, e->node), name_of(v, e->was));
}

static void on_quorum(struct vip *v, const struct elect_event *e)
{
	if (e->ok)
		log_notice("vip", "quorum: %s", e->text);
	else
		log_warning("vip", "no quorum: %s; this node holds no virtual address", e->text);
	events_add(v->control->events, "vip: %s: %s", e->ok ? "quorum" : "no quorum", e->text);
}

static void on_moved(struct vip *v, const struct elect_event *e)
{
	for (size_t i = 0; i < VIP_WAITERS_MAX; i++) {
		struct vip_waiter w = v->waiters[i];

		if (!w.cb || w.slot != e->vip)
			continue;
		v->waiters[i].cb = NULL;
		w.cb(w.arg, e->ok, e->text);
	}
}

/* Kept at once: a command that struck a voter off is answered when that is on disk. */
static void on_voter(struct vip *v, const struct elect_event *e)
{
	if (!cluster_item_set(v->control->cluster, CLUSTER_ITEM_VOTER, e->key, e->value))
		log_error("vip", "the table of items is full: a change of the voters is lost; lift "
				 "bans (unban) to "
				 "make room");
	state_save(v->control);
}

void vip_carry_out(struct vip *v, const struct elect_event *e, struct mono now)
{
	struct cluster *cl = v->control->cluster;

	switch (e->kind) {
	case ELECT_DROP:
		on_drop(v, e, now);
		break;
	case ELECT_HOLD:
		on_hold(v, e, now);
		break;
	case ELECT_ANNOUNCE:
		if (v->slots[e->vip].held)
			vip_hold_announce(v, &v->slots[e->vip], now);
		break;
	case ELECT_PUBLISH:
		cluster_publish(cl, CLUSTER_RECORD_CLAIMS, e->value);
		break;
	case ELECT_VOTER:
		on_voter(v, e);
		break;
	case ELECT_SEND:
		cluster_send(cl, e->node, e->message, e->value);
		break;
	case ELECT_ASK:
		vip_gateway_ask(v, now);
		break;
	case ELECT_OWNER:
		on_owner(v, e);
		break;
	case ELECT_QUORUM:
		on_quorum(v, e);
		break;
	case ELECT_MOVED:
		on_moved(v, e);
		break;
	case ELECT_STOPPED:
		v->stopped = true;
		break;
	}
}

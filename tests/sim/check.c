#include "check.h"

#include "base/bug.h"
#include "network.h"
#include "node.h"

#include <stdlib.h>

enum {
	SWEEP_US = 250000,
	SETTLED_US = 2500000, /* after which a run may end, once all agree */
	PENDING_MAX = 256,
	KNOWN_US = 1500000, /* after which two that know each other know what each holds */
	CALM_US = 1000000,  /* before a write is timed */
};

struct seen {
	uint64_t epoch;
	uint32_t incarnation;
};

struct overlap {
	uint32_t vip, a, b;
	uint64_t from, since_a, since_b;
};

struct written {
	uint8_t kind, key_n;
	uint8_t key[32];
	uint64_t stamp, at;
};

struct check {
	struct seen *seen; /* [observer][target], the observer itself included */
	struct overlap overlaps[PENDING_MAX];
	struct written written[PENDING_MAX];
	uint32_t n_overlaps, n_written;	   /* rings */
	uint64_t both_since[SIM_VIPS_MAX]; /* two processes hold it */
	bool innocent;			   /* nothing happens that may kill */
	bool shrinks;			   /* voters may become fewer than is safe */
};

/* Faults that do not keep packets of the living from each other for long. */
static bool is_innocent(const struct scenario *c)
{
	uint32_t loss = c->loss;

	for (uint32_t i = 0; i < c->n_faults; i++) {
		switch (c->faults[i].kind) {
		case FAULT_LOSS:
			loss += (uint32_t)c->faults[i].p;
			break;
		case FAULT_GATEWAY:
		case FAULT_DOUBLE:
		case FAULT_SHUFFLE:
		case FAULT_REPLAY:
		case FAULT_CLOCK:
		case FAULT_ITEM:
		case FAULT_RECORD:
		case FAULT_MOVE:
		case FAULT_PRIORITY:
		case FAULT_FORGET:
		case FAULT_STUCK:
		case FAULT_CANNOT:
		case FAULT_DIGEST:
		case FAULT_ITEMS:
		case FAULT_RECORDS:
			break;
		default:
			return false;
		}
	}
	return loss <= 200;
}

/* An operator may strike off whoever lives unheard; and of three voters one that leaves makes two, who ask the gateway. */
static bool shrinks(const struct sim *s, enum fault_kind kind)
{
	return kind == FAULT_FORGET || (kind == FAULT_LEAVE && s->scenario.gateway);
}

void check_init(struct sim *s)
{
	s->check = calloc(1, sizeof *s->check);
	BUG_ON(!s->check);
	s->check->seen = calloc((size_t)s->n * s->n, sizeof(struct seen));
	BUG_ON(!s->check->seen);
	s->check->innocent = is_innocent(&s->scenario);
	for (uint32_t i = 0; i < s->scenario.n_faults; i++)
		s->check->shrinks |= shrinks(s, s->scenario.faults[i].kind);
	agenda_put(&s->agenda, SWEEP_US, EVENT_SWEEP, 0, 0, 0);
}

void check_release(struct sim *s)
{
	free(s->check->seen);
	free(s->check);
	s->check = NULL;
}

void sim_forgive(struct sim *s)
{
	s->check->innocent = false;
}

static struct seen *seen_of(struct sim *s, const struct node *observer, const struct node *target)
{
	return &s->check->seen[observer->index * s->n + target->index];
}

/* Its memory of others begins anew; of its own epoch, its disk knows. */
void check_started(struct sim *s, struct node *node)
{
	for (uint32_t i = 0; i < s->n; i++)
		*seen_of(s, node, &s->nodes[i]) = (struct seen){0};
}

static void check_number(struct sim *s, struct node *observer, const struct node *target,
	uint64_t epoch, uint32_t incarnation)
{
	struct seen *seen = seen_of(s, observer, target);

	if (epoch < seen->epoch || (epoch == seen->epoch && incarnation < seen->incarnation))
		sim_fail(s, observer, "%s goes back from %llu/%u to %llu/%u", target->name,
			(unsigned long long)seen->epoch, seen->incarnation,
			(unsigned long long)epoch, incarnation);
	*seen = (struct seen){epoch, incarnation};
}

void check_member(struct sim *s, struct node *observer, const struct gossip_event *event)
{
	static const char *const names[] = {"alive", "suspect", "dead", "left"};
	const struct node *target = sim_node(s, event->id);
	struct gossip_member m;

	if (!target || !gossip_find(observer->gossip, event->id, &m)) {
		sim_fail(s, observer, "an event of a member that does not exist");
		return;
	}
	sim_say(s, observer, "%s is %s (%llu/%u)", target->name, names[event->state],
		(unsigned long long)m.epoch, m.incarnation);
	check_number(s, observer, target, m.epoch, m.incarnation);
	if (event->state == GOSSIP_DEAD && event->was != event->state) {
		s->figures.deaths++;
		if (s->check->innocent) {
			s->figures.false_deaths++;
			sim_fail(s, observer, "%s is declared dead, and nothing is wrong with it",
				target->name);
		}
	}
	if (s->on_state)
		s->on_state(s, observer, event->id, event->state);
}

void check_forgotten(struct sim *s, struct node *observer, uint64_t id)
{
	const struct node *target = sim_node(s, id);

	if (target)
		*seen_of(s, observer, target) = (struct seen){0};
}

/* --- owners --- */

static uint32_t holders(const struct sim *s, uint32_t vip)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n; i++)
		n += s->nodes[i].holds[vip] && s->nodes[i].state == NODE_RUNNING;
	return n;
}

/* Two voters may both reach the gateway and not each other: then both own, as documented. */
static bool is_exclusive(const struct sim *s)
{
	return s->scenario.quorum && !s->check->shrinks &&
	       (s->scenario.balancers > 2 || !s->scenario.gateway);
}

/* Terms begin anew where nobody is left who remembers them: what counts is who has the address now. */
static void check_term(struct sim *s, struct node *node, uint32_t vip)
{
	for (uint32_t i = 0; i < s->n; i++) {
		const struct node *other = &s->nodes[i];

		if (other != node && other->state == NODE_RUNNING && other->holds[vip] &&
			other->term[vip] == node->term[vip])
			sim_fail(s, node, "holds vip %u with term %llu, and so does %s", vip,
				(unsigned long long)node->term[vip], other->name);
	}
}

static void await_end_of_overlap(struct sim *s, uint32_t vip, uint32_t a, uint32_t b)
{
	struct check *c = s->check;
	uint32_t i = c->n_overlaps++ % PENDING_MAX;

	c->overlaps[i] =
		(struct overlap){vip, a, b, s->now, s->nodes[a].since[vip], s->nodes[b].since[vip]};
	agenda_put(&s->agenda, s->now + SIM_OVERLAP_US, EVENT_OVERLAP, i, 0, 0);
}

void check_hold(struct sim *s, struct node *node, uint32_t vip)
{
	if (is_exclusive(s) && s->scenario.balancers > 2 && !s->check->shrinks)
		check_term(s, node, vip);
	check_holders(s);
	for (uint32_t i = 0; i < s->n; i++) {
		if (i != node->index && vip_is_on(s, &s->nodes[i], vip))
			await_end_of_overlap(s, vip, i, node->index);
	}
}

/* How long two processes had it at once, where that should not be. */
void check_holders(struct sim *s)
{
	for (uint32_t v = 0; is_exclusive(s) && v < s->scenario.vips; v++) {
		uint64_t *since = &s->check->both_since[v];
		bool both = holders(s, v) > 1;

		if (both && *since == 0)
			*since = s->now;
		if (both || *since == 0)
			continue;
		if (s->now - *since > s->figures.overlap_us)
			s->figures.overlap_us = s->now - *since;
		*since = 0;
	}
}

/* One that starts anew may have nobody in its file who is there to introduce it. */
static bool know(const struct sim *s, const struct node *node, const struct node *other)
{
	struct gossip_member m;

	return gossip_find(node->gossip, other->id, &m) && m.state == GOSSIP_ALIVE &&
	       mono_diff_us(m.since, node_mono(s, node)) > KNOWN_US;
}

void check_overlap(struct sim *s, uint32_t i)
{
	const struct overlap *o = &s->check->overlaps[i];
	struct node *a = &s->nodes[o->a], *b = &s->nodes[o->b];

	if (!vip_is_on(s, a, o->vip) || !vip_is_on(s, b, o->vip) ||
		a->since[o->vip] != o->since_a || b->since[o->vip] != o->since_b)
		return;
	/* Its lease will end; or no word of the other may get through yet. */
	if (a->state != NODE_RUNNING || b->state != NODE_RUNNING ||
		!network_passable_since(s, o->from)) {
		await_end_of_overlap(s, o->vip, o->a, o->b);
		return;
	}
	if (is_exclusive(s) ||
		(network_clear_since(s, o->a, o->b, o->from) && know(s, a, b) && know(s, b, a)))
		sim_fail(s, b, "answers for vip %u, and %s too, for %u ms", o->vip, a->name,
			SIM_OVERLAP_US / 1000);
}

/* --- items --- */

static bool is_calm(const struct sim *s, uint64_t since)
{
	return s->faults_active == 0 && s->calm_since <= since && s->scenario.loss == 0;
}

void check_item_set(struct sim *s, struct node *node, const struct item *item)
{
	struct check *c = s->check;
	uint32_t i = c->n_written++ % PENDING_MAX;
	struct written *w = &c->written[i];

	(void)node;
	if (s->now < CALM_US || !is_calm(s, s->now - CALM_US) || s->scenario.tight > 0)
		return;
	*w = (struct written){item->kind, (uint8_t)item->key.n, {0}, item->stamp, s->now};
	memcpy(w->key, item->key.p, item->key.n);
	agenda_put(&s->agenda, s->now + SIM_ITEM_US, EVENT_ITEM, i, 0, 0);
}

void check_item(struct sim *s, uint32_t i)
{
	const struct written *w = &s->check->written[i];

	if (!is_calm(s, w->at - CALM_US) || w->at + SIM_ITEM_US != s->now)
		return; /* in the latter case a later write took its place */
	for (uint32_t k = 0; k < s->n; k++) {
		struct node *node = &s->nodes[k];
		struct item item;

		if (node->state != NODE_RUNNING)
			continue;
		if (!gossip_item(node->gossip, w->kind, span_of(w->key, w->key_n), &item) ||
			item.stamp < w->stamp)
			sim_fail(s, node, "does not have %.*s after %u ms", w->key_n,
				(const char *)w->key, SIM_ITEM_US / 1000);
	}
}

/* --- at all times --- */

static void sweep_node(struct sim *s, struct node *node)
{
	size_t n = gossip_count(node->gossip);
	struct gossip_member m;

	for (size_t i = 0; i < n && gossip_member_at(node->gossip, i, &m); i++) {
		const struct node *target = sim_node(s, m.id);

		if (target)
			check_number(s, node, target, m.epoch, m.incarnation);
	}
	if (node->elect && !elect_is_valid(node->elect))
		sim_fail(s, node, "its election contradicts itself");
}

/* A run ends once all agree and nothing has stirred for a while; at the latest after `quiet`. */
static void look_for_agreement(struct sim *s)
{
	uint64_t last = (uint64_t)scenario_last_ms(&s->scenario) * 1000;
	char why[192] = "";

	if (s->now < last)
		return;
	if (!agree(s, why, sizeof why)) {
		s->figures.converged_us = UINT64_MAX;
		if (s->now >= last + (uint64_t)s->scenario.quiet_ms * 1000)
			sim_fail(s, NULL, "%u ms after the last fault %s", s->scenario.quiet_ms,
				why);
		return;
	}
	if (s->figures.converged_us == UINT64_MAX)
		s->figures.converged_us = s->now - last;
	if (s->now >= last + SETTLED_US)
		s->end = s->now;
}

void check_sweep(struct sim *s)
{
	for (uint32_t i = 0; i < s->n; i++) {
		if (s->nodes[i].state == NODE_RUNNING)
			sweep_node(s, &s->nodes[i]);
	}
	if (s->scenario.quiet_ms > 0)
		look_for_agreement(s);
	agenda_put(&s->agenda, s->now + SWEEP_US, EVENT_SWEEP, 0, 0, 0);
}

/* Whether this node may own addresses at all: a majority of the voters; of two, both, or whoever reaches the gateway. */
#include "elect/private.h"

#include <stdarg.h>
#include <stdio.h>

enum { GATEWAY_CALM_MS = 1000, GRACE_BEATS = 4 };

/* The other one of two voters. */
struct other {
	const struct node *node; /* NULL: a peer that was never heard */
	const char *name;
	bool alive; /* beyond doubt */
	bool heard; /* doubted perhaps */
	bool left;  /* it said so: it holds nothing */
};

static struct other find_other(const struct elect *e)
{
	struct other o = {.name = "the other voter"};

	for (size_t i = 1; i < e->n_nodes; i++) {
		const struct node *n = &e->nodes[i];

		if (!elect_is_voter(n))
			continue;
		o.node = n;
		o.name = n->name[0] ? n->name : o.name;
		o.heard = elect_is_heard(e, n);
		o.alive = o.heard && n->state == ELECT_ALIVE;
		/* The word that it leaves may be lost, but it said in its record that it was about to. */
		o.left = n->member && !e->alone &&
			 (n->state == ELECT_LEFT || (n->state == ELECT_DEAD && n->leaving));
		return o;
	}
	for (size_t i = 0; i < e->n_peers; i++)
		if (elect_peer_counts(e, &e->peers[i]))
			o.name = e->peers[i].text;
	return o;
}

static void watch_other(struct elect *e, struct mono now, const struct other *o)
{
	if (e->other_alive && !o->alive)
		e->other_doubted = now;
	if (e->other_heard && !o->heard)
		e->other_lost = now;
	e->other_alive = o->alive;
	e->other_heard = o->heard;
}

/* --- the gateway --- */

static bool answered_within(const struct elect *e, struct mono now, uint64_t ms)
{
	return e->gateway_answered && mono_diff_us(e->gateway_at, now) <= ms * 1000;
}

static bool is_long_lost(const struct elect *e, struct mono now)
{
	return !e->other_heard && mono_reached(now, mono_add_ms(e->other_lost, 2 * e->silent_ms));
}

/* Asked with every beat from the first doubt on, so that the answer is there when the other is declared dead. */
void elect_decide_gateway(struct elect *e, struct mono now)
{
	uint32_t every = GATEWAY_CALM_MS;

	e->quorum.gateway_answers = e->has_gateway && answered_within(e, now, 3 * GATEWAY_CALM_MS);
	if (!e->has_gateway || e->quorum.voters != 2)
		return;
	if (!e->other_alive)
		every = is_long_lost(e, now) ? 2 * e->beat_ms : e->beat_ms;
	if (e->gateway_next.us > mono_add_ms(now, every).us)
		e->gateway_next = now; /* it was calm before */
	if (elect_is_ahead(e, now, e->gateway_next))
		return;
	e->gateway_due = true;
	e->gateway_next = mono_add_ms(now, every);
	elect_wake_at(e, e->gateway_next);
}

/* --- the rules --- */

static bool verdict(struct elect *e, bool met, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static bool verdict(struct elect *e, bool met, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(e->quorum.text, sizeof(e->quorum.text), fmt, args);
	va_end(args);
	return met;
}

/* Who had been cut off and gets through again hears the gateway first, and the other one with its next beats. */
static bool is_back_just_now(struct elect *e, struct mono now)
{
	return !e->quorum.met &&
	       elect_is_ahead(e, now, mono_add_ms(e->gateway_since, e->silent_ms));
}

/* The other one is silent: who reaches the gateway goes on. A short while is given to ask it, in which what is held is
 * kept, but nothing is taken over. */
static bool ask_gateway(struct elect *e, struct mono now, const char *name)
{
	const char *is = e->alone ? "hears nobody, or nobody hears it" : "is dead";
	struct mono grace = mono_add_ms(e->other_lost, GRACE_BEATS * e->beat_ms);

	if (!e->has_gateway)
		return verdict(e, false,
			"%s %s, and there is no gateway to ask: it can be cut off as well as this "
			"node",
			name, is);
	if (answered_within(e, now, 2 * e->silent_ms)) {
		if (is_back_just_now(e, now))
			return verdict(e, false,
				"%s %s, and the gateway answers since a moment only", name, is);
		e->sure = answered_within(e, now, e->silent_ms / 2) ||
			  mono_reached(e->gateway_at, e->other_doubted);
		elect_wake_at(
			e, mono_add_ms((struct mono){e->gateway_at.us + 1}, 2 * e->silent_ms));
		return verdict(e, true, "%s %s, the gateway answers", name, is);
	}
	e->sure = false;
	if (e->other_lost.us != 0 && elect_is_ahead(e, now, grace))
		return verdict(e, true, "%s %s, the gateway is being asked", name, is);
	return verdict(e, false, "%s %s, and the gateway does not answer", name, is);
}

static bool of_two(struct elect *e, struct mono now, const struct other *o)
{
	if (o->heard) {
		e->awaited = true;
		return verdict(e, true, "two voters, which hear each other");
	}
	if (o->left)
		return verdict(e, true, "%s left", o->name);
	if (!e->awaited)
		return verdict(e, false,
			"waiting for %s, which was not heard since this node started: start it, or "
			"forget it",
			o->name);
	return ask_gateway(e, now, e->alone ? "this node" : o->name);
}

static bool come_back(struct elect *e)
{
	const struct elect_quorum *q = &e->quorum;

	return verdict(e, false,
		"this node left, or was struck off: it counts again when it hears %u of the %u "
		"voters it knew, now it hears %u; forget those that will not return",
		q->needed, q->voters, q->alive);
}

static bool of_many(struct elect *e)
{
	const struct elect_quorum *q = &e->quorum;
	bool met = q->alive >= q->needed;

	if (met)
		e->awaited = true;
	return verdict(e, met, "%u of %u voters alive, %u needed%s", q->alive, q->voters, q->needed,
		e->alone ? ": this node hears nobody, or nobody hears it" : "");
}

void elect_decide_quorum(struct elect *e, struct mono now)
{
	struct elect_quorum *q = &e->quorum;
	struct other other = {0};
	bool was_met = q->met;

	elect_count_voters(e);
	if (q->voters == 2 && !q->returning)
		other = find_other(e);
	watch_other(e, now, &other);
	elect_decide_gateway(e, now);
	q->rule = e->rule;
	e->sure = true;
	if (e->rule == ELECT_NONE)
		q->met = verdict(e, true,
			"quorum = \"none\": two nodes that do not hear each other own the same "
			"addresses");
	else if (q->returning)
		q->met = come_back(e);
	else if (q->voters == 1)
		q->met = verdict(e, true, "the only voter");
	else if (q->voters == 2)
		q->met = of_two(e, now, &other);
	else
		q->met = of_many(e);
	e->quorum_due |= q->met != was_met;
}

void elect_gateway(struct elect *e, struct mono now)
{
	if (!answered_within(e, now, 2 * e->silent_ms))
		e->gateway_since = now;
	e->gateway_answered = true;
	e->gateway_at = now;
	elect_decide(e, now);
}

void elect_set_gateway(struct elect *e, struct mono now, bool has_gateway)
{
	if (!has_gateway)
		e->gateway_answered = false;
	e->has_gateway = has_gateway;
	elect_decide(e, now);
}

void elect_set_alone(struct elect *e, struct mono now, bool alone)
{
	e->alone = alone;
	elect_decide(e, now);
}

void elect_quorum(const struct elect *e, struct elect_quorum *ret)
{
	*ret = e->quorum;
	ret->in_sync = e->synced;
}

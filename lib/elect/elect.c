#include "elect/elect.h"

#include "elect/private.h"

#include <stdlib.h>

/* --- deciding --- */

/* A balancer may be given an address when it has been fit, and heard, for long enough. */
static void watch_fitness(struct elect *e, struct mono now)
{
	for (size_t i = 1; i < e->n_nodes; i++) {
		struct node *n = &e->nodes[i];
		bool fit = n->id != 0 && n->fit && elect_is_heard(e, n);

		if (fit && !n->was_fit)
			n->fit_since = now;
		n->was_fit = fit;
	}
}

static enum elect_cause why_not(const struct elect *e)
{
	if (e->paused)
		return ELECT_PAUSED;
	return e->healthy ? ELECT_NO_QUORUM : ELECT_LOOPS_STUCK;
}

static void decide_vip(struct elect *e, struct mono now, struct vip *v)
{
	struct node *best;

	if (v->cannot_until.us != 0 && !elect_is_ahead(e, now, v->cannot_until))
		v->cannot_until.us = 0;
	if (!elect_may_keep(e))
		elect_release(e, v, why_not(e), 0);
	elect_decide_owner(e, now, v, &best);
	if (v->ask.term != 0)
		elect_decide_ask(e, now, v, best);
	if (v->phase == PHASE_NONE && v->ask.term == 0 && !best)
		elect_consider_claim(e, now, v);
	if (v->phase == PHASE_HOLDING)
		elect_decide_handover(e, now, v);
	else if (v->phase == PHASE_ADDING && e->stopping)
		elect_release(e, v, ELECT_STOPPING, 0);
	/* What was just released is nobody's for this node, until somebody says that it is his. */
	elect_decide_owner(e, now, v, &best);
	elect_decide_vote(e, now, v);
	elect_decide_asked(e, now, v);
}

void elect_decide(struct elect *e, struct mono now)
{
	if (!e->begun)
		return;
	e->deadline = MONO_NEVER;
	elect_join(e);
	elect_decide_quorum(e, now);
	watch_fitness(e, now);
	elect_decide_sync(e, now);
	for (size_t i = 0; i < e->n_vips; i++)
		decide_vip(e, now, &e->vips[i]);
}

void elect_start(struct elect *e, struct mono now)
{
	e->begun = true;
	elect_decide(e, now);
	e->quorum_due |= e->quorum.returning; /* nobody would guess why it does nothing */
}

void elect_tick(struct elect *e, struct mono now)
{
	elect_decide(e, now);
}

struct mono elect_deadline(const struct elect *e)
{
	return e->deadline;
}

/* --- what comes in --- */

void elect_message(struct elect *e, struct mono now, uint64_t from, uint8_t kind, struct span value)
{
	struct node *n = elect_find(e, from);

	if (!n || n == elect_self(e))
		return; /* a stranger: its membership comes first */
	switch (kind) {
	case ELECT_OFFER:
		elect_on_offer(e, now, n, value);
		break;
	case ELECT_ACCEPT:
		elect_on_accept(e, now, n, value);
		break;
	case ELECT_MOVE:
		elect_on_move(e, now, n, value);
		break;
	case ELECT_REFUSE:
		elect_on_refuse(e, now, n, value);
		break;
	case ELECT_SYNC:
		elect_on_sync(e, n, value);
		break;
	case ELECT_CLAIM:
		elect_on_claim(e, n, value);
		break;
	case ELECT_GRANT:
		elect_on_grant(e, n, value);
		break;
	case ELECT_DENY:
		elect_on_deny(e, now, n, value);
		break;
	case ELECT_SYNCED:
		elect_on_synced(e, now, n, value);
		break;
	default:
		return;
	}
	elect_decide(e, now);
}

void elect_set_healthy(struct elect *e, struct mono now, bool healthy)
{
	if (healthy == e->healthy)
		return;
	e->healthy = healthy;
	elect_decide(e, now);
}

void elect_set_priority(struct elect *e, struct mono now, uint16_t priority)
{
	if (priority == elect_self(e)->priority)
		return;
	elect_self(e)->priority = priority;
	elect_decide(e, now);
}

void elect_held(struct elect *e, struct mono now, size_t vip, bool ok)
{
	struct vip *v = &e->vips[vip];

	BUG_ON(vip >= e->n_vips);
	if (ok && v->phase == PHASE_ADDING) {
		v->phase = PHASE_HOLDING;
		v->accept_to = v->taken_from;
	} else if (!ok) {
		if (v->taken_from != 0)
			v->refusal =
				(struct refusal){v->taken_from, v->term, false, ELECT_NOT_READY};
		v->cannot_until = mono_add_ms(now, CANNOT_MS);
		v->told = false;
		elect_release(e, v, ELECT_CANNOT, 0);
	}
	elect_decide(e, now);
}

void elect_able(struct elect *e, struct mono now, size_t vip)
{
	BUG_ON(vip >= e->n_vips);
	e->vips[vip].cannot_until.us = 0;
	elect_decide(e, now);
}

void elect_stop(struct elect *e, struct mono now, bool for_good)
{
	if (!e->stopping) {
		e->stopping = true;
		e->stop_until = mono_add_ms(now, 2 * e->silent_ms);
		for (size_t i = 0; i < e->n_vips; i++)
			memset(e->vips[i].tried, 0, sizeof(e->vips[i].tried));
	}
	if (for_good && !e->for_good) {
		e->for_good = true;
		elect_self(e)->voter = ELECT_GONE;
		elect_self(e)->item_due = true;
	}
	elect_decide(e, now);
}

/* --- life --- */

static uint32_t key_of(const struct elect_vip *c)
{
	return elect_vip_key(c->ip, false);
}

bool elect_vips_clash(const struct elect_vip *vips, size_t n_vips)
{
	for (size_t i = 0; i < n_vips; i++)
		for (size_t j = 0; j < i; j++)
			if (key_of(&vips[i]) == key_of(&vips[j]))
				return true;
	return false;
}

static void fill_vips(struct elect *e, const struct elect_config *c)
{
	for (size_t i = 0; i < c->n_vips; i++) {
		e->vips[i].c = c->vips[i];
		e->vips[i].key = key_of(&c->vips[i]);
	}
	e->n_vips = c->n_vips;
}

static struct peer peer_of(const struct elect *e, const struct elect_peer *p)
{
	struct peer peer = {.addr = p->addr, .text = p->text};

	for (size_t i = 0; i < e->n_peers; i++)
		if (elect_addr_eq(&e->peers[i].addr, &p->addr)) {
			peer.struck = e->peers[i].struck;
			peer.item_due = e->peers[i].item_due;
		}
	return peer;
}

static void fill_peers(struct elect *e, const struct elect_peer *peers, size_t n_peers)
{
	struct peer next[PEERS_MAX] = {0};
	size_t n = 0;

	for (size_t i = 0; i < n_peers && n < PEERS_MAX; i++)
		if (!elect_addr_eq(&peers[i].addr, &elect_self(e)->addr))
			next[n++] = peer_of(e, &peers[i]);
	memcpy(e->peers, next, n * sizeof(next[0]));
	e->n_peers = n;
}

void elect_set_peers(struct elect *e, const struct elect_peer *peers, size_t n_peers)
{
	fill_peers(e, peers, n_peers);
	e->begun = false;
}

struct elect *elect_new(const struct elect_config *config, struct mono now)
{
	struct elect *e;
	struct node *self;

	BUG_ON(config->id == 0 || config->beat_ms == 0);
	if (config->n_vips > ELECT_VIPS_MAX || elect_vips_clash(config->vips, config->n_vips))
		return NULL;
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->rule = config->rule;
	e->beat_ms = config->beat_ms;
	e->silent_ms = config->silent_ms;
	e->run = config->run;
	e->started = now;
	e->deadline = now;
	e->has_gateway = config->has_gateway;
	e->awaited = config->resumed;
	e->healthy = true;
	self = elect_self(e);
	e->n_nodes = 1;
	self->id = config->id;
	self->addr = config->addr;
	self->member = self->balancer = self->role_known = true;
	self->state = ELECT_ALIVE;
	self->priority = ELECT_PRIORITY_FULL;
	strncpy(self->name, config->name, sizeof(self->name) - 1);
	fill_vips(e, config);
	fill_peers(e, config->peers, config->n_peers);
	return e;
}

void elect_free(struct elect *e)
{
	free(e);
}

/* --- what to show --- */

void elect_vip(const struct elect *e, size_t vip, struct elect_vip_view *ret)
{
	const struct vip *v = &e->vips[vip];
	const struct node *owner = NULL;

	BUG_ON(vip >= e->n_vips);
	for (size_t i = 1; i < e->n_nodes && v->owner != 0; i++)
		if (e->nodes[i].id == v->owner)
			owner = &e->nodes[i];
	*ret = (struct elect_vip_view){
		.owner = v->owner,
		.term = v->owner_term,
		.since = v->since,
		.mine = v->phase == PHASE_HOLDING,
		.pinned = owner ? owner->claims[vip].pinned : v->pinned,
		.moving = v->offer.to != 0 || v->ask_to != 0,
		.contested = v->contested,
	};
}

static bool is_valid_vip(const struct elect *e, const struct vip *v)
{
	if (v->phase != PHASE_NONE && (!elect_may_keep(e) || v->owner != e->nodes[0].id))
		return false;
	if (v->phase == PHASE_HOLDING && !v->told)
		return false;
	if (v->ask.term != 0 && v->phase != PHASE_NONE)
		return false;
	return v->floor >= v->term && (v->offer.to == 0 || v->phase == PHASE_HOLDING);
}

bool elect_is_valid(const struct elect *e)
{
	for (size_t i = 0; i < e->n_vips; i++)
		if (!is_valid_vip(e, &e->vips[i]))
			return false;
	return e->synced ? e->quorum.met && !e->syncing : true;
}

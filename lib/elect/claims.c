/* Claims: what nodes say they hold, whose claim is the highest, and who takes what nobody holds. */
#include "elect/private.h"

enum {
	RECORD_VERSION = 1,
	FLAG_FIT = 1, /* may take addresses: in sync, quorate, healthy, not stopping */
	FLAG_LEAVING = 2,
	FLAG_HEALTHY = 4,
	CLAIM_HOLD = 1,
	CLAIM_PINNED = 2,
	CLAIM_CANNOT = 4,
};

/* --- the record: version, flags, priority, run, seq, count u16, then key, term, priority, flags of each address --- */

static uint8_t record_flags(const struct elect *e)
{
	bool fit = elect_may_hold(e) && !e->stopping;

	return (uint8_t)((fit ? FLAG_FIT : 0) | (e->stopping ? FLAG_LEAVING : 0) |
			 (e->healthy ? FLAG_HEALTHY : 0));
}

static uint8_t claim_flags(const struct vip *v)
{
	bool hold = v->phase == PHASE_HOLDING || (v->phase == PHASE_ADDING && v->told);

	return (uint8_t)((hold ? CLAIM_HOLD : 0) | (hold && v->pinned ? CLAIM_PINNED : 0) |
			 (v->cannot_until.us ? CLAIM_CANNOT : 0));
}

size_t elect_encode_record(struct elect *e, uint8_t *out)
{
	struct wire_writer w = wire_write(out, ELECT_VALUE_MAX);

	wire_put_u8(&w, RECORD_VERSION);
	wire_put_u8(&w, record_flags(e));
	wire_put_u16(&w, elect_self(e)->priority);
	wire_put_u32(&w, e->run);
	wire_put_u32(&w, e->seq);
	wire_put_u16(&w, (uint16_t)e->n_vips);
	for (size_t i = 0; i < e->n_vips; i++) {
		const struct vip *v = &e->vips[i];

		wire_put_u32(&w, v->key);
		elect_put_term(&w, v->term);
		wire_put_u16(&w, v->priority);
		wire_put_u8(&w, claim_flags(v));
	}
	BUG_ON(w.failed);
	return wire_written(&w);
}

struct vip *elect_vip_by_key(struct elect *e, uint32_t key)
{
	for (size_t i = 0; i < e->n_vips; i++)
		if (e->vips[i].key == key)
			return &e->vips[i];
	return NULL;
}

void elect_drop_record(struct node *n)
{
	n->has_record = n->fit = n->leaving = n->healthy = n->was_fit = false;
	n->priority = ELECT_PRIORITY_FULL;
	memset(n->claims, 0, sizeof(n->claims));
}

static void decode_claims(struct elect *e, struct node *n, struct wire_reader *r, uint16_t count)
{
	memset(n->claims, 0, sizeof(n->claims));
	for (uint16_t i = 0; i < count && !r->failed; i++) {
		struct vip *v = elect_vip_by_key(e, wire_u32(r));
		struct claim c = {.configured = true, .term = elect_get_term(r)};
		uint8_t flags;

		c.priority = wire_u16(r);
		flags = wire_u8(r);
		c.hold = (flags & CLAIM_HOLD) && c.term <= ELECT_TERM_MAX;
		c.pinned = flags & CLAIM_PINNED;
		c.cannot = flags & CLAIM_CANNOT;
		if (v && !r->failed)
			n->claims[v - e->vips] = c;
	}
}

/* False: malformed, or older than what is known. */
bool elect_decode_record(struct elect *e, struct node *n, struct wire_reader *r)
{
	uint8_t version = wire_u8(r), flags = wire_u8(r);
	uint16_t priority = wire_u16(r);
	uint32_t run = wire_u32(r), seq = wire_u32(r);
	uint16_t count = wire_u16(r);

	if (r->failed || version != RECORD_VERSION)
		return false;
	if (n->has_record && n->run == run && (int32_t)(seq - n->seq) < 0)
		return true;
	n->has_record = true;
	n->run = run;
	n->seq = seq;
	n->priority = priority;
	n->fit = flags & FLAG_FIT;
	n->leaving = flags & FLAG_LEAVING;
	n->healthy = flags & FLAG_HEALTHY;
	decode_claims(e, n, r, count);
	return true;
}

void elect_record(struct elect *e, struct mono now, uint64_t from, struct span value)
{
	struct node *n = elect_find_or_add(e, from);
	struct wire_reader r = wire_read(value);

	if (!n || n == elect_self(e))
		return;
	if (value.n == 0)
		elect_drop_record(n);
	else
		elect_decode_record(e, n, &r);
	elect_decide(e, now);
}

uint32_t elect_vip_key(const uint8_t *ip, bool v4)
{
	uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff};
	uint32_t h = 2166136261; /* FNV-1a; addresses are the operator's own, nobody steers it */

	memcpy(v4 ? mapped + 12 : mapped, ip, v4 ? 4 : 16);
	for (size_t i = 0; i < sizeof(mapped); i++)
		h = (h ^ mapped[i]) * 16777619;
	return h;
}

bool elect_claim_at(struct span record, size_t i, struct elect_claim *ret)
{
	struct wire_reader r = wire_read(record);
	struct elect_claim c;
	uint8_t flags;

	if (wire_u8(&r) != RECORD_VERSION)
		return false;
	wire_bytes(&r, RECORD_HEAD - 1 + i * RECORD_ENTRY);
	c.key = wire_u32(&r);
	c.term = elect_get_term(&r);
	c.priority = wire_u16(&r);
	flags = wire_u8(&r);
	c.hold = flags & CLAIM_HOLD;
	c.pinned = flags & CLAIM_PINNED;
	if (r.failed)
		return false;
	*ret = c;
	return true;
}

/* --- whose it is --- */

bool elect_may_hold(const struct elect *e)
{
	return e->quorum.met && e->synced && e->healthy;
}

bool elect_may_keep(const struct elect *e)
{
	return e->quorum.met && e->healthy && (e->synced || e->doubting);
}

/* Whether a's claim is above b's: term, priority, id. */
static bool is_above(const struct claim *a, uint64_t a_id, const struct claim *b, uint64_t b_id)
{
	if (a->term != b->term)
		return a->term > b->term;
	if (a->priority != b->priority)
		return a->priority > b->priority;
	return a_id > b_id;
}

static struct claim own_claim(const struct vip *v)
{
	return (struct claim){
		.hold = v->phase != PHASE_NONE, .term = v->term, .priority = v->priority};
}

/* The best claim of the others; of those that are dead or left nothing is left. */
static struct node *best_other(struct elect *e, struct vip *v)
{
	size_t at = (size_t)(v - e->vips);
	struct node *best = NULL;

	for (size_t i = 1; i < e->n_nodes; i++) {
		struct node *n = &e->nodes[i];
		const struct claim *c = &n->claims[at];

		if (n->id == 0 || c->term > ELECT_TERM_MAX)
			continue;
		if (c->term > v->floor)
			v->floor = c->term;
		if (!c->hold || !n->member ||
			(n->state != ELECT_ALIVE && n->state != ELECT_SUSPECT))
			continue;
		if (!best || is_above(c, n->id, &best->claims[at], best->id))
			best = n;
	}
	return best;
}

/* A higher term was granted by a majority after ours, whatever this node thinks of who has it: whom it does not hear
 * itself others may hear. Where no majority is asked there is no such proof, and both sides would outbid each other. */
static const struct node *superseded_by(const struct elect *e, const struct vip *v)
{
	size_t at = (size_t)(v - e->vips);

	if (e->rule != ELECT_MAJORITY || e->quorum.voters < 3)
		return NULL;
	for (size_t i = 1; i < e->n_nodes; i++) {
		const struct claim *c = &e->nodes[i].claims[at];

		if (e->nodes[i].id != 0 && c->hold && c->term <= ELECT_TERM_MAX &&
			c->term > v->term)
			return &e->nodes[i];
	}
	return NULL;
}

static void note_owner(struct vip *v, struct mono now, uint64_t owner, uint64_t term)
{
	if (owner != v->owner) {
		if (!v->owner_due)
			v->owner_was = v->owner;
		v->owner_due = true;
		v->since = now;
		if (owner == 0)
			v->free_since = now;
		else
			v->backoff_ms = 0;
	}
	v->owner = owner;
	v->owner_term = term;
	if (owner != 0)
		v->owner_before = owner;
}

/* Finds the owner; drops our own claim if it is outbid. A lower claim of somebody else means that he announced the
 * address: the neighbours have to be told again, now and when he let go of it. */
void elect_decide_owner(struct elect *e, struct mono now, struct vip *v, struct node **ret_best)
{
	struct node *self = elect_self(e), *best = best_other(e, v);
	struct claim mine = own_claim(v);
	const struct node *above = mine.hold ? superseded_by(e, v) : NULL;
	size_t at = (size_t)(v - e->vips);
	bool contested;

	*ret_best = best;
	if (above && best != above && v->offer.to != above->id) {
		elect_release(e, v, ELECT_OUTBID, above->id);
		mine.hold = false;
	}
	if (mine.hold && best && is_above(&best->claims[at], best->id, &mine, self->id)) {
		bool offered = v->offer.to == best->id;

		elect_release(e, v, offered ? ELECT_HANDED_OVER : ELECT_OUTBID, best->id);
		mine.hold = false;
	}
	contested = mine.hold && best;
	if (mine.hold && contested != v->contested)
		v->announce_due = true;
	v->contested = contested;
	if (mine.hold)
		note_owner(v, now, self->id, v->term);
	else
		note_owner(v, now, best ? best->id : 0, best ? best->claims[at].term : v->floor);
}

void elect_claim(struct elect *e, struct mono now, struct vip *v, const struct ask *ask)
{
	BUG_ON(ask->term <= v->term);
	v->term = ask->term;
	v->priority = elect_self(e)->priority;
	v->cause = ask->cause;
	v->cause_node = ask->from;
	v->pinned = ask->pin;
	v->taken_from = ask->offered_by;
	v->accept_to = 0;
	elect_end_ask(v);
	elect_end_offer(v);
	/* It may still be on the interface: lost and won again within one call. */
	v->phase = v->told ? PHASE_HOLDING : PHASE_ADDING;
	v->announce_due = v->told;
	if (v->phase == PHASE_HOLDING)
		v->accept_to = v->taken_from;
	note_owner(v, now, elect_self(e)->id, v->term);
}

void elect_release(struct elect *e, struct vip *v, enum elect_cause cause, uint64_t to)
{
	(void)e;
	if (v->phase == PHASE_NONE)
		return;
	v->phase = PHASE_NONE;
	v->cause = cause;
	v->cause_node = to;
	v->pinned = v->announce_due = v->contested = false;
	v->taken_from = v->accept_to = 0;
	elect_end_offer(v);
}

void elect_announce_all(struct elect *e)
{
	for (size_t i = 0; i < e->n_vips; i++)
		e->vips[i].announce_due |= e->vips[i].phase == PHASE_HOLDING;
}

/* --- who takes what nobody holds --- */

bool elect_can_take(const struct elect *e, const struct vip *v, const struct node *n)
{
	const struct claim *c = &n->claims[v - e->vips];

	return n->id != 0 && n != &e->nodes[0] && elect_is_heard(e, n) && elect_is_voter(n) &&
	       n->has_record && n->fit && c->configured && !c->cannot;
}

static uint64_t rendezvous(const struct vip *v, const struct node *n)
{
	uint64_t x = n->id ^ ((uint64_t)v->key * UINT64_C(0x9e3779b97f4a7c15));

	x ^= x >> 30;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	x ^= x >> 27;
	x *= UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* Preferred; then who reaches more servers; then by a hash, so that several addresses spread. */
bool elect_is_better(const struct vip *v, const struct node *a, const struct node *b)
{
	bool a_preferred = v->c.prefer == a->id, b_preferred = v->c.prefer == b->id;

	if (a_preferred != b_preferred)
		return a_preferred;
	if (a->priority != b->priority)
		return a->priority > b->priority;
	return rendezvous(v, a) > rendezvous(v, b);
}

/* It will be able to, soon: it has just started, like this node. */
static bool is_on_its_way(const struct elect *e, const struct node *n)
{
	return n->id != 0 && elect_is_heard(e, n) && n->balancer && !n->fit && !n->leaving &&
	       (!n->has_record || n->healthy);
}

static bool is_awaited(struct elect *e, struct mono now, const struct vip *v)
{
	for (size_t i = 1; i < e->n_nodes; i++) {
		const struct node *n = &e->nodes[i];

		if (is_on_its_way(e, n) && elect_is_better(v, n, elect_self(e)) &&
			elect_is_ahead(e, now, v->settle_until))
			return true;
	}
	return false;
}

static enum elect_cause cause_of_freedom(struct elect *e, const struct vip *v)
{
	const struct node *n = elect_find(e, v->owner_before);

	if (v->owner_before == 0 || v->owner_before == elect_self(e)->id)
		return ELECT_WAS_FREE;
	if (!n || !n->member || n->state == ELECT_LEFT || n->leaving)
		return ELECT_OWNER_LEFT;
	return n->state == ELECT_DEAD ? ELECT_OWNER_DEAD : ELECT_OWNER_RELEASED;
}

/* The best candidate takes it at once. If it does not, the next one after a while, for this node's idea of who is able
 * to may be wrong. */
void elect_consider_claim(struct elect *e, struct mono now, struct vip *v)
{
	struct ask ask = {0};
	uint32_t rank = 0;

	if (!elect_may_hold(e) || e->stopping || !e->sure)
		return;
	if (v->cannot_until.us != 0 || elect_is_ahead(e, now, v->retry_at) || is_awaited(e, now, v))
		return;
	for (size_t i = 1; i < e->n_nodes; i++) {
		const struct node *n = &e->nodes[i];

		rank += elect_can_take(e, v, n) && elect_is_better(v, n, elect_self(e));
	}
	if (rank > 0 && elect_is_ahead(e, now, mono_add_ms(v->free_since, 2 * rank * e->silent_ms)))
		return;
	ask.term = v->floor + 1;
	ask.cause = cause_of_freedom(e, v);
	ask.from = v->owner_before;
	elect_begin_ask(e, now, v, &ask);
}

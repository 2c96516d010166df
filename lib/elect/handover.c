/* Planned moves: OFFER(term) -> the new owner adds and announces -> ACCEPT -> the old one deletes. Datagrams get lost,
 * so an offer is repeated until it is answered or its time is over; whatever got through in between, the higher term
 * wins. */
#include "elect/private.h"

enum { FIRST_WAIT_MS = 10, WAIT_MAX_MS = 80, FLAG_PIN = 1, REASON_MAX = ELECT_STRUCK };

void elect_end_offer(struct vip *v)
{
	v->offer = (struct offer){0};
	v->move_to = v->move_asker = 0;
}

static void begin_offer(struct elect *e, struct mono now, struct vip *v, uint64_t to, bool pin)
{
	uint64_t term = v->floor + 1;

	elect_vote(v, term, to);
	v->offer = (struct offer){
		.to = to,
		.term = term,
		.wait_ms = FIRST_WAIT_MS,
		.next = now,
		.end = mono_add_ms(now, e->silent_ms),
		.pin = pin,
	};
}

/* --- how a move ended --- */

static void tell_asker(struct elect *e, struct vip *v, bool ok, enum elect_order reason)
{
	if (v->ask_to == 0)
		return;
	v->moved_due = true;
	v->moved_ok = ok;
	v->moved_to = v->ask_to;
	v->moved_text = ok ? "moved" : elect_order_text(reason);
	v->ask_to = 0;
	v->ask_due = false;
	(void)e;
}

static void refuse(struct vip *v, uint64_t to, uint64_t term, bool of_move, enum elect_order reason)
{
	v->refusal = (struct refusal){to, term, of_move, (uint8_t)reason};
}

/* The offer came to nothing; the address stays here for now. */
static void fail_offer(struct elect *e, struct mono now, struct vip *v, enum elect_order reason)
{
	const struct node *to = elect_find(e, v->offer.to);

	if (to)
		v->tried[to - e->nodes] = 1;
	if (v->move_to != 0 && v->move_asker != 0)
		refuse(v, v->move_asker, 0, true, reason);
	else if (v->move_to != 0)
		tell_asker(e, v, false, reason);
	else {
		v->backoff_ms = v->backoff_ms ? v->backoff_ms * 2 : 1000;
		if (v->backoff_ms > BACKOFF_MAX_MS)
			v->backoff_ms = BACKOFF_MAX_MS;
		v->backoff_until = mono_add_ms(now, v->backoff_ms);
	}
	elect_end_offer(v);
}

/* --- to whom --- */

/* Whether more than half of the balancers that are heard have the digest of that node, or it is our own: a node whose
 * configuration differs from the others' does not get an address for being preferred. */
static bool has_common_digest(const struct elect *e, const struct node *n)
{
	const struct node *self = &e->nodes[0];
	unsigned all = 0, same = 0;

	if (!n->has_digest || !self->has_digest || n->digest == self->digest)
		return true;
	for (size_t i = 0; i < e->n_nodes; i++) {
		const struct node *o = &e->nodes[i];

		if (!o->has_digest || (i > 0 && (!elect_is_heard(e, o) || !o->balancer)))
			continue;
		all++;
		same += o->digest == n->digest;
	}
	return same * 2 > all;
}

static struct node *find_best(struct elect *e, struct vip *v, bool untried)
{
	struct node *best = NULL;

	for (size_t i = 1; i < e->n_nodes; i++) {
		struct node *n = &e->nodes[i];

		if (!elect_can_take(e, v, n) || (untried && v->tried[i]))
			continue;
		if (!best || elect_is_better(v, n, best))
			best = n;
	}
	return best;
}

static bool was_fit_long_enough(
	struct elect *e, struct mono now, const struct vip *v, const struct node *n)
{
	return v->c.preempt_ms != ELECT_PREEMPT_OFF &&
	       !elect_is_ahead(e, now, mono_add_ms(n->fit_since, v->c.preempt_ms));
}

/* The preferred node; or anybody who reaches servers, if this node reaches none. */
static struct node *find_successor(struct elect *e, struct mono now, struct vip *v)
{
	const struct node *self = elect_self(e);
	struct node *n = elect_find(e, v->c.prefer);

	if (n && n != self && !v->pinned && elect_can_take(e, v, n) && has_common_digest(e, n) &&
		n->priority >= self->priority && was_fit_long_enough(e, now, v, n))
		return n;
	if (self->priority > 0)
		return NULL;
	n = find_best(e, v, false);
	return n && n->priority > 0 && was_fit_long_enough(e, now, v, n) ? n : NULL;
}

static void choose(struct elect *e, struct mono now, struct vip *v)
{
	struct node *n;

	if (e->stopping) {
		n = find_best(e, v, true);
		if (n)
			begin_offer(e, now, v, n->id, false);
		else
			elect_release(e, v, ELECT_STOPPING, 0);
		return;
	}
	if (v->move_to != 0) {
		begin_offer(e, now, v, v->move_to, v->move_to != v->c.prefer);
		return;
	}
	if (elect_is_ahead(e, now, v->backoff_until))
		return;
	n = find_successor(e, now, v);
	if (n)
		begin_offer(e, now, v, n->id, false);
}

/* As the owner, with the address on the interface. */
void elect_decide_handover(struct elect *e, struct mono now, struct vip *v)
{
	struct offer *o = &v->offer;
	const struct node *to = elect_find(e, o->to);

	if (e->stopping && !elect_is_ahead(e, now, e->stop_until)) {
		elect_release(e, v, ELECT_STOPPING, 0);
		return;
	}
	if (o->to != 0 && (!to || !elect_can_take(e, v, to)))
		fail_offer(e, now, v, ELECT_NOT_READY);
	else if (o->to != 0 && !elect_is_ahead(e, now, o->end))
		fail_offer(e, now, v, ELECT_NO_ANSWER);
	if (o->to == 0)
		choose(e, now, v);
	if (o->to == 0 || elect_is_ahead(e, now, o->next))
		return;
	o->due = true;
	o->next = mono_add_ms(now, o->wait_ms);
	o->wait_ms = o->wait_ms * 2 > WAIT_MAX_MS ? WAIT_MAX_MS : o->wait_ms * 2;
	elect_wake_at(e, o->next);
}

/* --- messages --- */

static bool known_term(uint64_t term)
{
	return term > 0 && term <= ELECT_TERM_MAX;
}

/* key, term, flags */
void elect_on_offer(struct elect *e, struct mono now, struct node *from, struct span value)
{
	struct wire_reader r = wire_read(value);
	struct vip *v = elect_vip_by_key(e, wire_u32(&r));
	uint64_t term = elect_get_term(&r);
	uint8_t flags = wire_u8(&r);
	struct ask ask;

	if (r.failed || !v || !known_term(term))
		return;
	if (v->phase != PHASE_NONE && v->taken_from == from->id && v->term == term) {
		if (v->phase == PHASE_HOLDING)
			v->accept_to = from->id; /* our answer was lost */
		return;
	}
	if (v->phase != PHASE_NONE || (v->ask.term == term && v->ask.offered_by == from->id))
		return; /* outbid soon, or votes are being asked for already */
	if (!elect_may_hold(e) || e->stopping || v->cannot_until.us != 0) {
		refuse(v, from->id, term, false, ELECT_NOT_READY);
		return;
	}
	if (term <= v->floor) {
		refuse(v, from->id, term, false,
			ELECT_BUSY); /* overtaken: with a higher term, please */
		return;
	}
	ask = (struct ask){.term = term,
		.cause = ELECT_HANDED_OVER,
		.from = from->id,
		.offered_by = from->id,
		.pin = flags & FLAG_PIN};
	elect_begin_ask(e, now, v, &ask);
}

/* key, term, seq of the record that says so */
void elect_on_accept(struct elect *e, struct mono now, struct node *from, struct span value)
{
	struct wire_reader r = wire_read(value);
	struct vip *v = elect_vip_by_key(e, wire_u32(&r));
	uint64_t term = elect_get_term(&r);
	uint32_t seq = wire_u32(&r);
	struct claim *c;

	(void)now;
	if (r.failed || !v || v->offer.to != from->id || v->offer.term != term)
		return;
	/* Its record says the same but may come later, and an older one must not undo this. */
	c = &from->claims[v - e->vips];
	c->hold = true;
	c->term = term;
	if (from->has_record && (int32_t)(seq - from->seq) > 0)
		from->seq = seq;
	elect_release(e, v, ELECT_HANDED_OVER, from->id);
}

static void offer_refused(struct elect *e, struct mono now, struct vip *v, enum elect_order reason)
{
	struct offer again = v->offer;

	if (v->floor < again.term || reason != ELECT_BUSY) {
		fail_offer(e, now, v, reason);
		return;
	}
	again.term = v->floor + 1;
	again.next = now;
	elect_vote(v, again.term, again.to);
	v->offer = again;
}

/* key, term, of_move, reason, the highest term seen */
void elect_on_refuse(struct elect *e, struct mono now, struct node *from, struct span value)
{
	struct wire_reader r = wire_read(value);
	struct vip *v = elect_vip_by_key(e, wire_u32(&r));
	uint64_t term = elect_get_term(&r);
	bool of_move = wire_u8(&r) != 0;
	uint8_t reason = wire_u8(&r);
	uint64_t floor = elect_get_term(&r);

	if (r.failed || !v || floor > ELECT_TERM_MAX)
		return;
	if (floor > v->floor)
		v->floor = floor;
	if (reason > REASON_MAX)
		reason = ELECT_NOT_READY;
	if (of_move)
		tell_asker(e, v, false, (enum elect_order)reason);
	else if (v->offer.to == from->id && v->offer.term == term)
		offer_refused(e, now, v, (enum elect_order)reason);
}

/* key, to */
void elect_on_move(struct elect *e, struct mono now, struct node *from, struct span value)
{
	struct wire_reader r = wire_read(value);
	struct vip *v = elect_vip_by_key(e, wire_u32(&r));
	uint64_t to = wire_u64(&r);
	const struct node *n = elect_find(e, to);

	(void)now;
	if (r.failed || !v || v->phase != PHASE_HOLDING || to == elect_self(e)->id)
		return;
	if (v->move_to != 0 || v->offer.to != 0) {
		if (v->move_to != to || v->move_asker != from->id)
			refuse(v, from->id, 0, true, ELECT_BUSY);
		return;
	}
	if (!n || !elect_can_take(e, v, n)) {
		refuse(v, from->id, 0, true, n ? ELECT_NOT_READY : ELECT_NO_NODE);
		return;
	}
	v->move_to = to;
	v->move_asker = from->id;
}

/* --- an operator's order, where it was given --- */

enum elect_order elect_move(struct elect *e, struct mono now, size_t vip, uint64_t to)
{
	struct vip *v = &e->vips[vip];
	const struct node *n = elect_find(e, to), *self = elect_self(e);

	BUG_ON(vip >= e->n_vips);
	if (!n || (n != self && (!elect_is_heard(e, n) || !n->balancer)))
		return ELECT_NO_NODE;
	if (v->owner == to)
		return ELECT_THERE;
	if (v->owner == 0)
		return ELECT_NO_OWNER;
	if (v->ask_to != 0 || v->offer.to != 0)
		return ELECT_BUSY;
	if (n == self ? !elect_may_hold(e) || e->stopping || v->cannot_until.us != 0
		      : !elect_can_take(e, v, n))
		return ELECT_NOT_READY;
	v->ask_to = to;
	v->ask_next = now;
	v->ask_end = mono_add_ms(now, MOVE_MS);
	if (v->owner == self->id)
		v->move_to = to;
	elect_decide(e, now);
	return ELECT_STARTED;
}

void elect_decide_asked(struct elect *e, struct mono now, struct vip *v)
{
	const struct node *self = elect_self(e);

	if (v->ask_to == 0)
		return;
	if (v->owner == v->ask_to && (v->owner != self->id || v->phase == PHASE_HOLDING)) {
		tell_asker(e, v, true, ELECT_THERE);
		return;
	}
	if (!elect_is_ahead(e, now, v->ask_end)) {
		tell_asker(e, v, false, ELECT_NO_ANSWER);
		return;
	}
	if (v->owner == 0 || v->owner == self->id || elect_is_ahead(e, now, v->ask_next))
		return;
	v->ask_due = true;
	v->ask_next = mono_add_ms(now, WAIT_MAX_MS);
	elect_wake_at(e, v->ask_next);
}

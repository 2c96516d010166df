/* From one process of a node to the next one. Offers, questions and answers under way are not in it: whoever waits asks
 * again. Votes are, or one term might be given to two nodes. */
#include "elect/private.h"

#include <stdlib.h>

enum {
	IS_SYNCED = 1,
	IS_AWAITED = 2,
	GATEWAY_ANSWERED = 4,
	OTHER_ALIVE = 8,
	OTHER_HEARD = 16,
	VIP_HELD = 1,
	VIP_PINNED = 2,
	HEAD_BYTES = 45,
	VIP_BYTES = 71,
};

_Static_assert(HEAD_BYTES + ELECT_VIPS_MAX * VIP_BYTES <= ELECT_CARRY_MAX, "room for all");

static void put_mono(struct wire_writer *w, struct mono t)
{
	wire_put_u64(w, t.us);
}

static struct mono get_mono(struct wire_reader *r)
{
	return (struct mono){wire_u64(r)};
}

static void put_vip(struct wire_writer *w, const struct vip *v)
{
	bool held = v->phase == PHASE_HOLDING && v->told;

	wire_put_u32(w, v->key);
	wire_put_u8(w, (uint8_t)((held ? VIP_HELD : 0) | (held && v->pinned ? VIP_PINNED : 0)));
	wire_put_u16(w, v->priority);
	wire_put_u64(w, v->term);
	wire_put_u64(w, v->floor);
	wire_put_u64(w, v->owner);
	wire_put_u64(w, v->owner_term);
	wire_put_u64(w, v->owner_before);
	put_mono(w, v->since);
	wire_put_u64(w, v->voted_term);
	wire_put_u64(w, v->voted_for);
}

size_t elect_carry(const struct elect *e, uint8_t ret[ELECT_CARRY_MAX])
{
	struct wire_writer w = wire_write(ret, ELECT_CARRY_MAX);

	wire_put_u32(&w, e->run);
	wire_put_u32(&w, e->seq);
	wire_put_u32(&w, e->nonce);
	wire_put_u8(&w,
		(uint8_t)((e->synced ? IS_SYNCED : 0) | (e->awaited ? IS_AWAITED : 0) |
			  (e->gateway_answered ? GATEWAY_ANSWERED : 0) |
			  (e->other_alive ? OTHER_ALIVE : 0) | (e->other_heard ? OTHER_HEARD : 0)));
	put_mono(&w, e->gateway_at);
	put_mono(&w, e->gateway_since);
	put_mono(&w, e->other_doubted);
	put_mono(&w, e->other_lost);
	for (size_t i = 0; i < e->n_vips; i++)
		put_vip(&w, &e->vips[i]);
	BUG_ON(w.failed);
	return wire_written(&w);
}

/* Into a copy, of which nothing is taken if it is malformed; false also for an address that is not configured. */
static bool get_vip(struct elect *e, struct mono now, struct wire_reader *r, bool synced)
{
	struct vip *v = elect_vip_by_key(e, wire_u32(r));
	uint8_t flags = wire_u8(r);

	if (!v)
		return false;
	v->priority = wire_u16(r);
	v->term = wire_u64(r);
	v->floor = wire_u64(r);
	v->owner = wire_u64(r);
	v->owner_term = wire_u64(r);
	v->owner_before = wire_u64(r);
	v->since = get_mono(r);
	v->voted_term = wire_u64(r);
	v->voted_for = wire_u64(r);
	v->free_since = now;
	if (synced && (flags & VIP_HELD)) {
		v->phase = PHASE_HOLDING;
		v->told = true;
		v->pinned = flags & VIP_PINNED;
		v->owner = e->nodes[0].id;
		v->owner_term = v->term;
	}
	return !r->failed && v->floor <= ELECT_TERM_MAX && v->term <= v->floor &&
	       v->voted_term <= v->floor && v->owner_term <= ELECT_TERM_MAX;
}

static bool get_all(struct elect *e, struct mono now, struct wire_reader *r)
{
	uint8_t flags;

	e->run = wire_u32(r);
	e->seq = wire_u32(r);
	e->nonce = wire_u32(r);
	flags = wire_u8(r);
	e->synced = flags & IS_SYNCED;
	e->awaited = e->awaited || (flags & IS_AWAITED);
	e->gateway_answered = flags & GATEWAY_ANSWERED;
	e->other_alive = flags & OTHER_ALIVE;
	e->other_heard = flags & OTHER_HEARD;
	e->gateway_at = get_mono(r);
	e->gateway_since = get_mono(r);
	e->other_doubted = get_mono(r);
	e->other_lost = get_mono(r);
	while (!r->failed && wire_left(r) > 0)
		if (!get_vip(e, now, r, e->synced))
			return false;
	return !r->failed;
}

bool elect_resume(struct elect *e, struct mono now, struct span carried)
{
	struct wire_reader r = wire_read(carried);
	struct elect *before = malloc(sizeof(*before));
	bool ok;

	if (!before)
		return false;
	*before = *e;
	ok = get_all(e, now, &r);
	if (!ok)
		*e = *before;
	free(before);
	return ok;
}

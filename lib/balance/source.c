#include "balance/plan.h"

#include "base/bug.h"

#include <stdlib.h>

/* Consistent hashing (Karger 1997): each server owns points on a ring, a source belongs to the next
 * point. A server's points depend on its own name and weight and on the power of two above the
 * heaviest weight, not on the other servers: one that leaves gives its share away and moves nothing
 * else. */

enum {
	POINTS_OF_HEAVIEST = 512, /* or down to half of that: shares are even to 5 or 6 % */
	ENTRY_BITS = 16,
	ENTRY_MASK = (1 << ENTRY_BITS) - 1,
};

static uint32_t weight_scale(const struct balance_plan *p)
{
	uint32_t heaviest = 1, scale = 1;

	for (uint32_t i = 0; i < p->n; i++)
		if (p->entries[i].weight > heaviest)
			heaviest = p->entries[i].weight;
	while (scale < heaviest && scale < 1u << 31)
		scale <<= 1;
	return scale;
}

static uint32_t points_of(const struct balance_entry *e, uint32_t scale)
{
	uint64_t points = (uint64_t)e->weight * POINTS_OF_HEAVIEST / scale;

	return points > 0 ? (uint32_t)points : 1;
}

/* By place, in six passes of one byte each from the lowest up, each keeping the order of the one
 * before (a radix sort): a ring of hundreds of servers is built with every change of their state.
 */
static void sort_points(uint64_t *points, uint64_t *scratch, size_t n)
{
	for (unsigned shift = ENTRY_BITS; shift < 64; shift += 8) {
		size_t start[257] = {0};
		uint64_t *from = points;

		for (size_t i = 0; i < n; i++)
			start[(from[i] >> shift & 0xff) + 1]++;
		for (size_t digit = 1; digit < 256; digit++)
			start[digit] += start[digit - 1];
		for (size_t i = 0; i < n; i++)
			scratch[start[from[i] >> shift & 0xff]++] = from[i];
		points = scratch;
		scratch = from;
	}
}

static void place_points(struct balance_plan *p, const struct balance_target *t, uint32_t scale)
{
	size_t at = 0;

	for (uint32_t i = 0; i < p->n; i++) {
		uint64_t name = balance_mix(t[p->entries[i].index].name_hash);

		for (uint32_t k = points_of(&p->entries[i], scale); k > 0; k--) {
			uint64_t place = balance_mix(name + k * 0x9e3779b97f4a7c15u);

			p->ring[at++] = (place & ~(uint64_t)ENTRY_MASK) | i;
		}
	}
}

bool balance_ring_build(struct balance_plan *p, const struct balance_target *t)
{
	uint32_t scale = weight_scale(p);
	uint64_t *scratch;
	size_t total = 0;

	for (uint32_t i = 0; i < p->n; i++)
		total += points_of(&p->entries[i], scale);
	BUG_ON(total == 0);
	p->ring = malloc(total * sizeof(*p->ring));
	scratch = malloc(total * sizeof(*scratch));
	if (p->ring && scratch) {
		p->ring_len = (uint32_t)total;
		place_points(p, t, scale);
		sort_points(p->ring, scratch, total);
	}
	free(scratch);
	return p->ring_len > 0;
}

/* The first point at or after the place; past the last one the ring begins again. */
static uint32_t point_after(const struct balance_plan *p, uint64_t place)
{
	uint32_t lo = 0, hi = p->ring_len;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (p->ring[mid] < place)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo == p->ring_len ? 0 : lo;
}

int balance_pick_ring(const struct balance_plan *p, const struct balance_draw *d)
{
	uint64_t place = balance_mix(d->source_hash) & ~(uint64_t)ENTRY_MASK;
	uint32_t at = point_after(p, place);

	for (uint32_t step = 0; step < p->ring_len && step < BALANCE_WALK_MAX; step++) {
		uint32_t e = (uint32_t)(p->ring[at] & ENTRY_MASK);

		if (balance_is_open(&p->entries[e], d))
			return (int)e;
		if (++at == p->ring_len)
			at = 0;
	}
	return balance_pick_least(p, d);
}

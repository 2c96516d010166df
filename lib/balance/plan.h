/* The inside of a plan, for the files of this folder only. */
#ifndef BALANCE_PLAN_H
#define BALANCE_PLAN_H

#include "balance/balance.h"

#include <stdbool.h>

/* A target that may be chosen (weight > 0), packed for the linear scan: 20 bytes. */
struct balance_entry {
	uint32_t id;
	uint32_t step; /* what one connection adds to its load; see leastconn.c */
	uint32_t weight;
	uint32_t max_active;
	uint16_t index; /* in the caller's array */
};

struct balance_plan {
	enum balance_algo algo;
	uint32_t n; /* entries */
	struct balance_entry *entries;

	/* roundrobin and random2: positions in `entries`, each as often as its weight says */
	uint16_t *sequence;
	uint32_t sequence_len;

	/* source: 48 bits of place on the ring, 16 bits of position in `entries`; sorted */
	uint64_t *ring;
	uint32_t ring_len;
};

void balance_steps_build(struct balance_plan *p);
bool balance_sequence_build(struct balance_plan *p);
bool balance_ring_build(struct balance_plan *p, const struct balance_target *t);

/* Each gives a position in `entries` or a negative verdict. */
int balance_pick_sequence(const struct balance_plan *p, const struct balance_draw *d);
int balance_pick_least(const struct balance_plan *p, const struct balance_draw *d);
int balance_pick_ring(const struct balance_plan *p, const struct balance_draw *d);
int balance_pick_random2(const struct balance_plan *p, const struct balance_draw *d);

/* A walk from a preferred place gives up after so many steps and takes the least loaded instead:
 * with a long row of full servers the exact order matters less than a bounded time. */
enum { BALANCE_WALK_MAX = 256 };

static inline uint32_t balance_active(const struct balance_entry *e, const struct balance_draw *d)
{
	return d->active ? atomic_load_explicit(&d->active[e->id], memory_order_relaxed) : 0;
}

/* Its load if it were chosen; compares with that of others of the plan. */
static inline uint64_t balance_load(const struct balance_entry *e, const struct balance_draw *d)
{
	return ((uint64_t)balance_active(e, d) + 1) * e->step;
}

static inline bool balance_is_full(const struct balance_entry *e, const struct balance_draw *d)
{
	return e->max_active > 0 && balance_active(e, d) >= e->max_active;
}

static inline bool balance_is_tried(const struct balance_entry *e, const struct balance_draw *d)
{
	for (unsigned i = 0; i < d->n_tried; i++)
		if (d->tried[i] == e->index)
			return true;
	return false;
}

static inline bool balance_is_open(const struct balance_entry *e, const struct balance_draw *d)
{
	return !balance_is_full(e, d) && !balance_is_tried(e, d);
}

/* Greatest common divisor; of 0 and x it is x. */
static inline uint64_t balance_gcd(uint64_t a, uint64_t b)
{
	while (b > 0) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* splitmix64's finalizer: spreads any 64 bits evenly. */
static inline uint64_t balance_mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

#endif

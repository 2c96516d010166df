#include "balance/plan.h"

/* Load is (active + 1) / weight: what it would be with this connection. Fractions are compared
 * crosswise, so equal is equal and no weight gains by rounding. */
struct best {
	uint64_t load;
	uint64_t weight;
	int entry;
};

/* The hot loop, one load and two multiplications a server: everything rarer is asked only of a
 * server that would win. A tie stays with the first one seen. */
static void scan(const struct balance_plan *p, const struct balance_draw *d, uint32_t from,
	uint32_t to, struct best *best)
{
	for (uint32_t i = from; i < to; i++) {
		const struct balance_entry *e = &p->entries[i];
		uint64_t load = (uint64_t)balance_active(e, d) + 1;

		if (load * best->weight >= best->load * e->weight)
			continue;
		if (!balance_is_open(e, d))
			continue;
		*best = (struct best){load, e->weight, (int)i};
	}
}

static int nothing_open(const struct balance_plan *p, const struct balance_draw *d)
{
	for (uint32_t i = 0; i < p->n; i++)
		if (!balance_is_tried(&p->entries[i], d))
			return BALANCE_FULL;
	return BALANCE_NONE;
}

int balance_pick_least(const struct balance_plan *p, const struct balance_draw *d)
{
	/* more than any real load, and small enough to be multiplied by any weight */
	struct best best = {.load = (uint64_t)UINT32_MAX, .weight = 0, .entry = -1};
	uint32_t start = (uint32_t)(d->ticket % p->n);

	scan(p, d, start, p->n, &best);
	scan(p, d, 0, start, &best);
	return best.entry >= 0 ? best.entry : nothing_open(p, d);
}

#include "balance/plan.h"

#include "base/bug.h"

/* Load is (active + 1) / weight, what it would be with this connection. It is kept multiplied by
 * the least common multiple of the weights, as (active + 1) · step: one multiplication, and equal
 * is equal, so no weight wins ties by rounding. Where the multiple does not fit 32 bits a step is
 * rounded down, by less than a millionth for weights up to 4096. */
void balance_steps_build(struct balance_plan *p)
{
	uint64_t multiple = 1;

	for (uint32_t i = 0; i < p->n && multiple <= UINT32_MAX; i++) {
		uint32_t weight = p->entries[i].weight;

		BUG_ON(weight == 0);
		multiple *= weight / balance_gcd(weight, multiple);
	}
	if (multiple > UINT32_MAX)
		multiple = UINT32_MAX;
	for (uint32_t i = 0; i < p->n; i++) {
		BUG_ON(p->entries[i].weight == 0);
		p->entries[i].step = (uint32_t)(multiple / p->entries[i].weight);
	}
}

struct least {
	uint64_t load;
	int entry;
};

/* The hot loop: rarer questions are asked only of a server that would win. A tie stays with the
 * first one seen. By value, so that the winner so far stays in registers. */
static struct least scan(const struct balance_plan *p, const struct balance_draw *d, uint32_t from,
	uint32_t to, struct least least)
{
	const struct balance_entry *e = p->entries;

	for (uint32_t i = from; i < to; i++) {
		uint64_t load = balance_load(&e[i], d);

		if (load < least.load && balance_is_open(&e[i], d))
			least = (struct least){load, (int)i};
	}
	return least;
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
	struct least least = {.load = UINT64_MAX, .entry = -1};
	uint32_t start = (uint32_t)d->ticket % p->n;

	least = scan(p, d, start, p->n, least);
	least = scan(p, d, 0, start, least);
	return least.entry >= 0 ? least.entry : nothing_open(p, d);
}

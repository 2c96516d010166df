#include "balance/plan.h"

/* Two random servers, weighted, the less loaded of them: nearly as even as asking all of them,
 * without the herd that runs to the one idle server (Mitzenmacher 2001). */

static uint32_t place(uint32_t random, uint32_t len)
{
	return (uint32_t)((uint64_t)random * len >> 32);
}

/* The first server from `at` on that may be chosen and is not `except`; -1: none near. */
static int open_from(
	const struct balance_plan *p, const struct balance_draw *d, uint32_t at, int except)
{
	for (uint32_t step = 0; step < p->sequence_len && step < BALANCE_WALK_MAX; step++) {
		uint16_t e = p->sequence[at];

		if (e != except && balance_is_open(&p->entries[e], d))
			return e;
		if (++at == p->sequence_len)
			at = 0;
	}
	return -1;
}

int balance_pick_random2(const struct balance_plan *p, const struct balance_draw *d)
{
	int a = open_from(p, d, place((uint32_t)d->random, p->sequence_len), -1);
	int b = open_from(p, d, place((uint32_t)(d->random >> 32), p->sequence_len), a);
	if (a < 0)
		return balance_pick_least(p, d);
	if (b < 0)
		return a;
	return balance_load(&p->entries[b], d) < balance_load(&p->entries[a], d) ? b : a;
}

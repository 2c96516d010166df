#include "balance/plan.h"

int balance_pick_sequence(const struct balance_plan *p, const struct balance_draw *d)
{
	uint32_t len = p->sequence_len;
	uint32_t at = (uint32_t)(d->ticket % len);

	for (uint32_t step = 0; step < len && step < BALANCE_WALK_MAX; step++) {
		uint16_t e = p->sequence[at];

		if (balance_is_open(&p->entries[e], d))
			return e;
		if (++at == len)
			at = 0;
	}
	return balance_pick_least(p, d);
}

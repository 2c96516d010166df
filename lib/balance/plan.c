#include "balance/plan.h"

#include "base/bug.h"

#include <stdlib.h>

static void copy_entries(struct balance_plan *p, const struct balance_target *t, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (t[i].weight == 0)
			continue;
		p->entries[p->n++] = (struct balance_entry){
			.id = t[i].id,
			.weight = t[i].weight,
			.max_active = t[i].max_active,
			.index = (uint16_t)i,
		};
	}
}

static bool build(struct balance_plan *p, const struct balance_target *t)
{
	switch (p->algo) {
	case BALANCE_ROUNDROBIN:
	case BALANCE_RANDOM2:
		return balance_sequence_build(p);
	case BALANCE_SOURCE:
		return balance_ring_build(p, t);
	case BALANCE_LEASTCONN:
		return true;
	}
	BUG_ON(true);
}

struct balance_plan *balance_plan_new(
	enum balance_algo algo, const struct balance_target *t, size_t n)
{
	struct balance_plan *p = calloc(1, sizeof(*p));

	BUG_ON(n > BALANCE_TARGETS_MAX);
	if (!p)
		return NULL;
	p->algo = algo;
	p->entries = calloc(n > 0 ? n : 1, sizeof(*p->entries));
	if (!p->entries)
		goto fail;
	copy_entries(p, t, n);
	balance_steps_build(p);
	if (p->n > 0 && !build(p, t))
		goto fail;
	return p;
fail:
	balance_plan_free(p);
	return NULL;
}

void balance_plan_free(struct balance_plan *p)
{
	if (!p)
		return;
	free(p->ring);
	free(p->sequence);
	free(p->entries);
	free(p);
}

static int pick_entry(const struct balance_plan *p, const struct balance_draw *d)
{
	switch (p->algo) {
	case BALANCE_ROUNDROBIN:
		return balance_pick_sequence(p, d);
	case BALANCE_LEASTCONN:
		return balance_pick_least(p, d);
	case BALANCE_SOURCE:
		return balance_pick_ring(p, d);
	case BALANCE_RANDOM2:
		return balance_pick_random2(p, d);
	}
	BUG_ON(true);
}

int balance_pick(const struct balance_plan *p, const struct balance_draw *d)
{
	int e;

	if (p->n == 0)
		return BALANCE_NONE;
	e = pick_entry(p, d);
	return e < 0 ? e : p->entries[e].index;
}

#include "data/pins.h"

#include "base/bug.h"

static pin_t enter(struct pins *p, struct generation *g)
{
	pin_t i = 0;

	while (p->all[i].generation)
		BUG_ON(++i == GENERATIONS_MAX);
	p->all[i] = (struct pinned){g, 1};
	/* A view of it is being read: control counts that one, and so cannot free it before this is seen. */
	atomic_fetch_add_explicit(&g->users, 1, memory_order_relaxed);
	return i;
}

static void leave(struct pinned *one)
{
	atomic_fetch_sub_explicit(&one->generation->users, 1, memory_order_release);
	*one = (struct pinned){0};
}

void pins_begin(struct pins *p, struct generation *g)
{
	*p = (struct pins){0};
	p->newest = enter(p, g);
}

void pins_take_up(struct pins *p, struct generation *g)
{
	pin_t before = p->newest;

	p->newest = enter(p, g);
	pins_drop(p, before);
}

void pins_sweep(struct pins *p)
{
	if (!p->stale)
		return;
	p->stale = false;
	for (unsigned i = 0; i < GENERATIONS_MAX; i++)
		if (p->all[i].generation && p->all[i].users == 0)
			leave(&p->all[i]);
}

void pins_release(struct pins *p)
{
	for (unsigned i = 0; i < GENERATIONS_MAX; i++)
		if (p->all[i].generation)
			leave(&p->all[i]);
}

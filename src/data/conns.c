#include "data/conns.h"

#include "base/bug.h"
#include "data/conn.h"

#include <stdlib.h>

struct conns_slab {
	struct conns_slab *next;
	struct conn conns[CONNS_STEP];
};

static bool grow(struct conns *cs)
{
	struct conns_slab *slab = calloc(1, sizeof(*slab));

	if (!slab)
		return false;
	slab->next = cs->slabs;
	cs->slabs = slab;
	cs->n_slabs++;
	if (cs->walk_left > 0)
		cs->walk_left++;
	for (unsigned i = CONNS_STEP; i-- > 0;) {
		slab->conns[i].next_free = cs->free;
		cs->free = &slab->conns[i];
	}
	return true;
}

struct conn *conns_take(struct conns *cs)
{
	struct conn *c;

	if (!cs->free && !grow(cs))
		return NULL;
	c = cs->free;
	cs->free = c->next_free;
	cs->open++;
	*c = (struct conn){.step = STEP_INSPECT, .sequence = ++cs->sequence};
	return c;
}

void conns_give(struct conns *cs, struct conn *c)
{
	BUG_ON(c->step == STEP_FREE);
	c->step = STEP_FREE;
	c->next_free = cs->free;
	cs->free = c;
	cs->open--;
}

void conns_release(struct conns *cs)
{
	BUG_ON(cs->open > 0);
	while (cs->slabs) {
		struct conns_slab *slab = cs->slabs;

		cs->slabs = slab->next;
		free(slab);
	}
	*cs = (struct conns){0};
}

static bool each_of(struct conns_slab *slab, conns_cb *cb, void *arg)
{
	for (unsigned i = 0; i < CONNS_STEP; i++)
		if (slab->conns[i].step != STEP_FREE && !cb(&slab->conns[i], arg))
			return false;
	return true;
}

void conns_each(struct conns *cs, conns_cb *cb, void *arg)
{
	for (struct conns_slab *slab = cs->slabs; slab; slab = slab->next)
		if (!each_of(slab, cb, arg))
			return;
}

void conns_walk_begin(struct conns *cs)
{
	cs->walk_left = cs->n_slabs;
}

bool conns_walk(struct conns *cs, conns_cb *cb, void *arg)
{
	struct conns_slab *slab = cs->walk ? cs->walk : cs->slabs;

	if (cs->walk_left == 0)
		return false;
	cs->walk_left--;
	cs->walk = slab->next;
	if (!each_of(slab, cb, arg))
		cs->walk_left = 0;
	return cs->walk_left > 0;
}

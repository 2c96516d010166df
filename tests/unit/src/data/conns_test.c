#include "data/conns.h"

#include "data/conn.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

enum { MANY = 10 * CONNS_STEP };

static struct conns all;
static struct conn *open_ones[2 * MANY];

static void begin(void)
{
	all = (struct conns){0};
	for (unsigned i = 0; i < MANY; i++)
		open_ones[i] = conns_take(&all);
}

static bool give(struct conn *c, void *arg)
{
	(void)arg;
	conns_give(&all, c);
	return true;
}

static void end(void)
{
	conns_each(&all, give, NULL);
	conns_release(&all);
}

TestSuite(conns, .init = begin, .fini = end);

/* `route` says how often it was met. */
static bool meet(struct conn *c, void *arg)
{
	unsigned *met = arg;

	c->route++;
	++*met;
	return true;
}

Test(conns, a_walk_meets_each_connection_once_and_few_in_a_step)
{
	unsigned met = 0, before = 0, steps = 0;
	bool more;

	conns_walk_begin(&all);
	do {
		more = conns_walk(&all, meet, &met);
		cr_assert(le(uint, met - before, CONNS_STEP));
		before = met;
		steps++;
	} while (more);
	cr_assert(eq(uint, met, MANY));
	cr_assert(ge(uint, steps, MANY / CONNS_STEP));
	for (unsigned i = 0; i < MANY; i++)
		cr_assert(eq(int, open_ones[i]->route, 1));
	cr_assert(eq(int, conns_walk(&all, meet, &met), false));
	cr_assert(eq(uint, met, MANY));
}

Test(conns, a_walk_meets_those_that_stay_while_others_come_and_go)
{
	unsigned met = 0;

	conns_walk_begin(&all);
	for (unsigned i = 0; conns_walk(&all, meet, &met); i++) {
		conns_give(&all, open_ones[i]);
		open_ones[i] = NULL;
		open_ones[MANY + 2 * i] = conns_take(&all);
		for (unsigned k = 0; i == 3 && k < 3 * CONNS_STEP; k++)
			conns_take(&all);
	}
	for (unsigned i = 0; i < MANY; i++)
		if (open_ones[i])
			cr_assert(eq(int, open_ones[i]->route, 1));
}

/* As when reloads follow each other faster than a walk takes. */
Test(conns, walks_begun_again_and_again_come_round)
{
	unsigned met = 0;

	for (unsigned i = 0; i < MANY / CONNS_STEP; i++) {
		conns_walk_begin(&all);
		conns_walk(&all, meet, &met);
	}
	for (unsigned i = 0; i < MANY; i++)
		cr_assert(eq(int, open_ones[i]->route, 1));
}

static bool stop(struct conn *c, void *arg)
{
	meet(c, arg);
	return false;
}

Test(conns, a_walk_ends_where_the_callback_says_so)
{
	unsigned met = 0;

	conns_walk_begin(&all);
	cr_assert(eq(int, conns_walk(&all, stop, &met), false));
	cr_assert(eq(int, conns_walk(&all, stop, &met), false));
	cr_assert(eq(uint, met, 1));
}

Test(conns, a_walk_where_nobody_is_open_is_over_at_once)
{
	struct conns none = {0};
	unsigned met = 0;

	conns_walk_begin(&none);
	cr_assert(eq(int, conns_walk(&none, meet, &met), false));
}

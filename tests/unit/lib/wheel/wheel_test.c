#include "wheel/wheel.h"

#include "../../fault.h"
#include "base/prng.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { SLOTS = 16, TICK_US = 1000, TIMERS = 300 };

struct item {
	struct wheel_timer timer;
	int fired;
	struct mono fired_at;
};

/* What the callback does with whom; `now` is the time of the advance that runs. */
struct scene {
	struct wheel wheel;
	struct mono now;
	int fired;
	struct item *victim; /* deleted by whichever fires first */
	uint64_t again_us;   /* the fired one is added again, so much later; 0: not */
};

static struct item *item_of(struct wheel_timer *t)
{
	return container_of(t, struct item, timer);
}

static void on_due(struct wheel_timer *t, void *arg)
{
	struct scene *s = arg;

	item_of(t)->fired++;
	item_of(t)->fired_at = s->now;
	s->fired++;
	if (s->victim)
		wheel_del(&s->wheel, &s->victim->timer);
	if (s->again_us > 0)
		wheel_add(&s->wheel, t, (struct mono){s->now.us + s->again_us});
}

static void start(struct scene *s)
{
	*s = (struct scene){.now = {5000000}};
	cr_assert(wheel_init(&s->wheel, SLOTS, TICK_US, s->now));
}

static void pass(struct scene *s, uint64_t us)
{
	s->now.us += us;
	wheel_advance(&s->wheel, s->now, on_due, s);
}

static void add(struct scene *s, struct item *i, uint64_t in_us)
{
	wheel_timer_init(&i->timer);
	i->fired = 0;
	wheel_add(&s->wheel, &i->timer, (struct mono){s->now.us + in_us});
}

Test(wheel, a_timer_fires_once_and_never_early)
{
	struct scene s;
	struct item i;

	start(&s);
	add(&s, &i, 2500);
	pass(&s, 2499);
	cr_expect_eq(i.fired, 0);
	pass(&s, 501);
	cr_expect_eq(i.fired, 1);
	cr_expect_not(wheel_is_armed(&i.timer));
	cr_expect(wheel_is_empty(&s.wheel));
	pass(&s, 100 * TICK_US);
	cr_expect_eq(i.fired, 1);
	wheel_release(&s.wheel);
}

Test(wheel, a_far_deadline_waits_for_its_round)
{
	struct scene s;
	struct item i;

	start(&s);
	add(&s, &i, 3 * SLOTS * TICK_US);
	for (int k = 0; k < 3 * SLOTS - 1; k++)
		pass(&s, TICK_US);
	cr_expect_eq(i.fired, 0);
	pass(&s, TICK_US);
	cr_expect_eq(i.fired, 1);
	wheel_release(&s.wheel);
}

Test(wheel, after_a_long_pause_all_that_is_due_fires_and_nothing_else)
{
	struct scene s;
	struct item due[SLOTS * 3], later;

	start(&s);
	for (int k = 0; k < SLOTS * 3; k++)
		add(&s, &due[k], (uint64_t)k * TICK_US);
	add(&s, &later, 1001 * TICK_US);
	pass(&s, 1000 * TICK_US);
	cr_expect_eq(s.fired, SLOTS * 3);
	cr_expect_eq(later.fired, 0);
	pass(&s, TICK_US);
	cr_expect_eq(later.fired, 1);
	wheel_release(&s.wheel);
}

Test(wheel, moving_and_deleting)
{
	struct scene s;
	struct item moved, deleted;

	start(&s);
	add(&s, &moved, 2 * TICK_US);
	add(&s, &deleted, 2 * TICK_US);
	wheel_add(&s.wheel, &moved.timer, (struct mono){s.now.us + 5 * TICK_US});
	wheel_del(&s.wheel, &deleted.timer);
	wheel_del(&s.wheel, &deleted.timer);
	pass(&s, 3 * TICK_US);
	cr_expect_eq(s.fired, 0);
	pass(&s, 2 * TICK_US);
	cr_expect_eq(moved.fired, 1);
	cr_expect_eq(deleted.fired, 0);
	wheel_release(&s.wheel);
}

Test(wheel, a_deadline_of_never_disarms)
{
	struct scene s;
	struct item i;

	start(&s);
	add(&s, &i, TICK_US);
	wheel_add(&s.wheel, &i.timer, MONO_NEVER);
	cr_expect(wheel_is_empty(&s.wheel));
	pass(&s, 10 * TICK_US);
	cr_expect_eq(i.fired, 0);
	wheel_release(&s.wheel);
}

Test(wheel, the_callback_may_delete_one_that_is_due_at_the_same_time)
{
	struct scene s;
	struct item a, b, c;

	start(&s);
	add(&s, &a, TICK_US);
	add(&s, &b, TICK_US);
	add(&s, &c, TICK_US);
	s.victim = &b;
	pass(&s, TICK_US);
	cr_expect_eq(a.fired + c.fired, 2);
	cr_expect_eq(b.fired, 0);
	cr_expect(wheel_is_empty(&s.wheel));
	wheel_release(&s.wheel);
}

static void free_due(struct wheel_timer *t, void *arg)
{
	(void)arg;
	free(item_of(t));
}

Test(wheel, the_callback_may_free_its_timer)
{
	struct wheel w;

	cr_assert(wheel_init(&w, SLOTS, TICK_US, (struct mono){0}));
	for (int k = 0; k < 100; k++) {
		struct item *i = malloc(sizeof(*i));

		cr_assert_not_null(i);
		wheel_timer_init(&i->timer);
		wheel_add(&w, &i->timer, (struct mono){(uint64_t)k * 100});
	}
	wheel_advance(&w, (struct mono){1000000}, free_due, NULL);
	cr_expect(wheel_is_empty(&w));
	wheel_release(&w);
}

Test(wheel, a_timer_added_again_by_its_callback_keeps_its_beat)
{
	struct scene s;
	struct item i;

	start(&s);
	s.again_us = 3 * TICK_US;
	add(&s, &i, 3 * TICK_US);
	for (int k = 0; k < 30; k++)
		pass(&s, TICK_US);
	cr_expect_eq(i.fired, 10);
	wheel_release(&s.wheel);
}

Test(wheel, what_is_due_already_fires_with_the_next_tick)
{
	struct scene s;
	struct item i;

	start(&s);
	wheel_timer_init(&i.timer);
	i.fired = 0;
	wheel_add(&s.wheel, &i.timer, (struct mono){1});
	pass(&s, 0);
	cr_expect_eq(i.fired, 0);
	pass(&s, TICK_US);
	cr_expect_eq(i.fired, 1);
	wheel_release(&s.wheel);
}

Test(wheel, thousands_of_random_moves_each_fire_at_their_time)
{
	static struct item items[TIMERS];
	struct scene s;
	struct prng g;

	prng_init(&g, 6);
	start(&s);
	for (int k = 0; k < TIMERS; k++)
		add(&s, &items[k], prng_below(&g, 100 * TICK_US));
	for (int round = 0; round < 5000; round++) {
		struct item *i = &items[prng_below(&g, TIMERS)];

		pass(&s, prng_below(&g, 2 * TICK_US));
		for (int k = 0; k < TIMERS; k++) {
			uint64_t late = mono_diff_us(items[k].timer.deadline, s.now);

			cr_assert(items[k].fired == 0 ||
				  mono_reached(items[k].fired_at, items[k].timer.deadline));
			cr_assert(items[k].fired == 1 || late < 2 * TICK_US);
		}
		i->fired = 0;
		wheel_add(&s.wheel, &i->timer,
			(struct mono){s.now.us + prng_below(&g, 100 * TICK_US)});
	}
	wheel_release(&s.wheel);
}

Test(wheel, a_timer_is_small)
{
	cr_expect_leq(sizeof(struct wheel_timer), 32);
}

Test(wheel, running_out_of_memory_is_told)
{
	for (unsigned n = 1; fault_next(n); n++) {
		struct wheel w;
		bool ok = wheel_init(&w, SLOTS, TICK_US, (struct mono){0});

		cr_assert_neq(ok, fault_struck());
		wheel_release(&w);
	}
}

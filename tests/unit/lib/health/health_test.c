#include "health/health.h"

#include <criterion/criterion.h>

/* Feeds results ('+' good, '-' bad) and expects no change but with the last one. */
static void feed_all(struct health *h, const char *results, enum health_change last)
{
	for (const char *r = results; *r; r++) {
		enum health_change want = r[1] ? HEALTH_UNCHANGED : last;

		cr_assert_eq(health_feed(h, *r == '+'), want, "at %ld of %s", (long)(r - results),
			results);
	}
}

static void check_count(const struct health *h, int have, int want)
{
	int h1, w1;

	health_count(h, &h1, &w1);
	cr_assert_eq(h1, have);
	cr_assert_eq(w1, want);
}

Test(health, a_new_server_is_up_and_its_first_failed_check_takes_it_down)
{
	struct health h;

	health_init(&h, 2, 3);
	cr_assert(health_is_up(&h));
	feed_all(&h, "-", HEALTH_WENT_DOWN);
	cr_assert_not(health_is_up(&h));
	cr_assert_eq(health_crossed(&h), 3);
}

Test(health, after_one_good_check_it_takes_fall_failures)
{
	struct health h;

	health_init(&h, 2, 3);
	feed_all(&h, "+---", HEALTH_WENT_DOWN);
	feed_all(&h, "++", HEALTH_WENT_UP);
	cr_assert_eq(health_crossed(&h), 2);
	feed_all(&h, "---", HEALTH_WENT_DOWN);
}

Test(health, an_opposite_result_restarts_the_count)
{
	struct health h;

	health_init(&h, 3, 3);
	feed_all(&h, "+--+--+---", HEALTH_WENT_DOWN);
	feed_all(&h, "++-++-+++", HEALTH_WENT_UP);
}

Test(health, the_counts_are_those_of_the_status_words)
{
	struct health h;

	health_init(&h, 2, 3);
	feed_all(&h, "+", HEALTH_UNCHANGED);
	check_count(&h, 3, 3);
	feed_all(&h, "-", HEALTH_UNCHANGED);
	check_count(&h, 2, 3); /* UP 2/3 */
	feed_all(&h, "-", HEALTH_UNCHANGED);
	check_count(&h, 1, 3);
	feed_all(&h, "-", HEALTH_WENT_DOWN);
	check_count(&h, 0, 2);
	feed_all(&h, "+", HEALTH_UNCHANGED);
	check_count(&h, 1, 2); /* DOWN 1/2 */
}

Test(health, rise_and_fall_of_one_change_with_every_result)
{
	struct health h;

	health_init(&h, 1, 1);
	feed_all(&h, "-", HEALTH_WENT_DOWN);
	feed_all(&h, "+", HEALTH_WENT_UP);
	feed_all(&h, "++-", HEALTH_WENT_DOWN);
}

Test(health, a_forced_state_takes_the_full_count_to_leave)
{
	struct health h;

	health_init(&h, 2, 3);
	health_force(&h, false);
	feed_all(&h, "++", HEALTH_WENT_UP);
	health_force(&h, true);
	feed_all(&h, "---", HEALTH_WENT_DOWN);
}

enum { SECOND = 1000000 };

Test(health, slow_start_grows_from_one_to_the_weight_in_steps)
{
	unsigned last = 1;

	cr_expect_eq(health_slow_start_weight(100, 0, 60 * SECOND), 1);
	cr_expect_eq(health_slow_start_weight(100, 30 * SECOND, 60 * SECOND), 50);
	cr_expect_eq(health_slow_start_weight(100, 32 * SECOND, 60 * SECOND), 50);
	cr_expect_eq(health_slow_start_weight(100, 33 * SECOND, 60 * SECOND), 55);
	cr_expect_eq(health_slow_start_weight(100, 60 * SECOND, 60 * SECOND), 100);
	for (uint64_t us = 0; us < 60 * SECOND; us += 100000) {
		unsigned w = health_slow_start_weight(256, us, 60 * SECOND);

		cr_assert(w >= last && w <= 256);
		last = w;
	}
}

Test(health, slow_start_has_twenty_steps_of_at_least_a_second)
{
	cr_expect_eq(health_slow_start_step_us(60 * SECOND), 3 * SECOND);
	cr_expect_eq(health_slow_start_step_us(5 * SECOND), SECOND);
}

Test(health, slow_start_leaves_zero_and_no_slow_start_alone)
{
	cr_expect_eq(health_slow_start_weight(0, 5, 60 * SECOND), 0);
	cr_expect_eq(health_slow_start_weight(7, 0, 0), 7);
}

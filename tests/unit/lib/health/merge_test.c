#include "health/merge.h"

#include "health/health.h"

#include <criterion/criterion.h>

static struct health_views views(enum health_view own, unsigned up, unsigned down)
{
	return (struct health_views){own, up, down};
}

static enum health_view cluster(enum health_view own, unsigned up, unsigned down)
{
	struct health_views v = views(own, up, down);

	return health_cluster(&v);
}

Test(merge, the_verdict_is_the_majority_of_all_who_know)
{
	cr_expect_eq(cluster(HEALTH_UP, 0, 0), HEALTH_UP);
	cr_expect_eq(cluster(HEALTH_DOWN, 0, 0), HEALTH_DOWN);
	cr_expect_eq(cluster(HEALTH_DOWN, 2, 0), HEALTH_UP);
	cr_expect_eq(cluster(HEALTH_UP, 0, 2), HEALTH_DOWN);
	cr_expect_eq(cluster(HEALTH_UNKNOWN, 0, 1), HEALTH_DOWN);
	cr_expect_eq(cluster(HEALTH_UNKNOWN, 0, 0), HEALTH_UNKNOWN);
}

Test(merge, where_they_are_even_somebody_reaches_it)
{
	cr_expect_eq(cluster(HEALTH_DOWN, 1, 0), HEALTH_UP);
	cr_expect_eq(cluster(HEALTH_UNKNOWN, 2, 2), HEALTH_UP);
}

Test(merge, a_server_that_only_this_node_sees_down_is_unreachable_from_here)
{
	struct health_views v = views(HEALTH_DOWN, 1, 3);

	cr_expect(health_is_unreachable(&v));
	v = views(HEALTH_DOWN, 0, 3);
	cr_expect(!health_is_unreachable(&v));
	v = views(HEALTH_UP, 1, 3);
	cr_expect(!health_is_unreachable(&v));
	v = views(HEALTH_UNKNOWN, 1, 0);
	cr_expect(!health_is_unreachable(&v));
}

Test(merge, before_the_first_check_the_others_majority_is_taken)
{
	struct health_views v = views(HEALTH_UNKNOWN, 0, 1);

	cr_expect_eq(health_adopted(&v), HEALTH_DOWN);
	v = views(HEALTH_UNKNOWN, 2, 1);
	cr_expect_eq(health_adopted(&v), HEALTH_UP);
	v = views(HEALTH_UNKNOWN, 1, 1);
	cr_expect_eq(health_adopted(&v), HEALTH_UNKNOWN);
	v = views(HEALTH_UNKNOWN, 0, 0);
	cr_expect_eq(health_adopted(&v), HEALTH_UNKNOWN);
}

Test(merge, news_that_contradict_us_are_a_reason_to_look)
{
	cr_expect(health_look_again(HEALTH_UP, HEALTH_UP, HEALTH_DOWN));
	cr_expect(health_look_again(HEALTH_UP, HEALTH_UNKNOWN, HEALTH_DOWN));
	cr_expect(health_look_again(HEALTH_DOWN, HEALTH_DOWN, HEALTH_UP));
}

Test(merge, what_is_no_news_or_no_contradiction_is_none)
{
	cr_expect(!health_look_again(HEALTH_UP, HEALTH_DOWN, HEALTH_DOWN));
	cr_expect(!health_look_again(HEALTH_DOWN, HEALTH_UP, HEALTH_DOWN));
	cr_expect(!health_look_again(HEALTH_UP, HEALTH_DOWN, HEALTH_UP));
	cr_expect(!health_look_again(HEALTH_UP, HEALTH_DOWN, HEALTH_UNKNOWN));
	cr_expect(!health_look_again(HEALTH_UNKNOWN, HEALTH_UP, HEALTH_DOWN));
}

Test(merge, an_adopted_verdict_gives_way_to_the_first_check)
{
	struct health h;

	for (int rise = 1; rise <= 3; rise++) {
		health_init(&h, rise, 3);
		health_adopt(&h, false);
		cr_expect(!health_is_up(&h));
		cr_expect_eq(health_feed(&h, true), HEALTH_WENT_UP);
		health_init(&h, rise, 3);
		health_adopt(&h, false);
		cr_expect_eq(health_feed(&h, false), HEALTH_UNCHANGED);
		cr_expect_eq(h.score, 0, "and from there the full count is needed");
		health_adopt(&h, true);
		cr_expect(health_is_up(&h));
		cr_expect_eq(health_feed(&h, false), HEALTH_WENT_DOWN);
	}
}

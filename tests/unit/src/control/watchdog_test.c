#include "control/watchdog.h"

#include <criterion/criterion.h>

TestSuite(watchdog);

enum { SECOND = 1000000 };

static enum watchdog_news look(struct watchdog *w, uint64_t loops, unsigned second)
{
	return watchdog_look(w, loops, (struct mono){1 + (uint64_t)second * SECOND}, SECOND);
}

Test(watchdog, a_worker_that_turns_passes)
{
	struct watchdog w = {0};

	for (unsigned s = 0; s < 60; s++)
		cr_assert_eq(look(&w, s, s), WATCHDOG_PASSES);
}

Test(watchdog, a_worker_that_stands_still_is_told_once_and_once_that_it_goes_on)
{
	struct watchdog w = {0};

	for (unsigned s = 0; s < 4; s++)
		cr_assert(watchdog_passes(look(&w, 7, s)), "second %u", s);
	cr_assert_eq(look(&w, 7, 4), WATCHDOG_GOT_STUCK);
	cr_assert_eq(look(&w, 7, 5), WATCHDOG_IS_STUCK);
	cr_assert_eq(look(&w, 8, 6), WATCHDOG_GOES_ON);
	cr_assert_eq(look(&w, 9, 7), WATCHDOG_PASSES);
}

Test(watchdog, a_process_that_did_not_run_blames_no_worker)
{
	struct watchdog w = {0};

	look(&w, 7, 0);
	cr_assert_eq(
		watchdog_look(&w, 7, (struct mono){60 * (uint64_t)SECOND}, 60 * (uint64_t)SECOND),
		WATCHDOG_PASSES);
	cr_assert_eq(look(&w, 7, 61), WATCHDOG_PASSES);
	cr_assert_eq(look(&w, 8, 62), WATCHDOG_PASSES);
}

Test(watchdog, a_stuck_worker_stays_stuck_over_a_pause)
{
	struct watchdog w = {0};

	for (unsigned s = 0; s < 5; s++)
		look(&w, 7, s);
	cr_assert_eq(
		watchdog_look(&w, 7, (struct mono){60 * (uint64_t)SECOND}, 55 * (uint64_t)SECOND),
		WATCHDOG_IS_STUCK);
}

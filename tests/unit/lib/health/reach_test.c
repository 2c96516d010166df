#include "health/reach.h"

#include <criterion/criterion.h>

enum { INTERVAL_MS = 2000, TIMEOUT_MS = 2000, PATIENCE_MS = 4000 };

static const struct mono died = {50 * 1000000};

static struct mono at(uint64_t ms)
{
	return mono_add_ms(died, ms);
}

/* A look `ms` after the server went down here; its good check elsewhere `up_ms` after that. */
static bool look_at(struct reach *r, int ms, bool down, bool others_up, int up_ms)
{
	struct reach_look look = {down, others_up, {died.us + (uint64_t)((int64_t)up_ms * 1000)}};

	reach_update(r, at((uint64_t)ms), &look, PATIENCE_MS);
	return r->lost;
}

Test(reach, patience_is_a_check_of_another_node_and_three_seconds_at_least)
{
	cr_expect_eq(reach_patience_ms(INTERVAL_MS, TIMEOUT_MS), PATIENCE_MS);
	cr_expect_eq(reach_patience_ms(60000, 2000), 62000);
	cr_expect_eq(reach_patience_ms(300, 500), 3000);
}

Test(reach, an_ordinary_death_is_never_out_of_reach_from_here_alone)
{
	struct reach r = {0};

	cr_expect(!look_at(&r, 0, true, true, -900), "the others have not checked yet");
	cr_expect(!look_at(&r, 1000, true, true, -900));
	cr_expect(!look_at(&r, 1100, true, false, 0), "they have");
	cr_expect(!look_at(&r, 60000, true, false, 0));
}

Test(reach, it_is_after_the_others_time_for_a_check_and_a_good_one_since)
{
	struct reach r = {0};

	cr_expect(!look_at(&r, 0, true, true, -900));
	cr_expect(!look_at(&r, 200, true, true, 150), "good elsewhere, and too early to say");
	cr_expect(!look_at(&r, PATIENCE_MS - 1, true, true, 150));
	cr_expect(look_at(&r, PATIENCE_MS, true, true, 150));
}

Test(reach, an_old_view_of_others_does_not_count_however_long_it_stands)
{
	struct reach r = {0};

	look_at(&r, 0, true, true, -900);
	cr_expect(!look_at(&r, PATIENCE_MS, true, true, -900));
	cr_expect(!look_at(&r, 60000, true, true, -1));
	cr_expect(!look_at(&r, 60001, true, true, 0), "in the very same moment is not after it");
	cr_expect(look_at(&r, 60002, true, true, 59000), "at once when it comes");
}

Test(reach, an_unknown_time_is_an_old_one)
{
	struct reach r = {0};
	struct reach_look look = {true, true, {0}};

	reach_update(&r, died, &look, PATIENCE_MS);
	cr_expect(!reach_update(&r, at(60000), &look, PATIENCE_MS));
}

Test(reach, it_stays_until_it_is_up_here_or_down_elsewhere)
{
	struct reach r = {0};

	look_at(&r, 0, true, true, 10);
	cr_expect(look_at(&r, 5000, true, true, 10));
	cr_expect(look_at(&r, 9000, true, true, -5), "another node that calls it up is enough");
	cr_expect(!look_at(&r, 9001, true, false, 0));
	cr_expect(look_at(&r, 9002, true, true, 9001), "down here all the time: no new patience");
	cr_expect(!look_at(&r, 9003, false, true, 9001));
	cr_expect_eq(r.down_since.us, 0);
	cr_expect(!look_at(&r, 9004, true, true, 9001), "down anew: patience begins anew");
}

Test(reach, a_change_is_told_once)
{
	struct reach r = {0};
	struct reach_look look = {true, true, at(1)};

	cr_expect(!reach_update(&r, died, &look, PATIENCE_MS));
	cr_expect(reach_update(&r, at(PATIENCE_MS), &look, PATIENCE_MS));
	cr_expect(!reach_update(&r, at(PATIENCE_MS + 1), &look, PATIENCE_MS));
	look.down = false;
	cr_expect(reach_update(&r, at(PATIENCE_MS + 2), &look, PATIENCE_MS));
}

Test(reach, it_is_looked_at_again_when_the_patience_ends)
{
	struct reach r = {0};

	cr_expect_eq(reach_due(&r, died, PATIENCE_MS).us, MONO_NEVER.us, "it is not down");
	look_at(&r, 0, true, true, 10);
	cr_expect_eq(reach_due(&r, at(1), PATIENCE_MS).us, at(PATIENCE_MS).us);
	cr_expect_eq(reach_due(&r, at(PATIENCE_MS), PATIENCE_MS).us, MONO_NEVER.us);
	look_at(&r, PATIENCE_MS, true, true, 10);
	cr_expect_eq(reach_due(&r, at(PATIENCE_MS + 1), PATIENCE_MS).us, MONO_NEVER.us);
}

#include "ratelimit/sources.h"

#include "../../fault.h"
#include "base/prng.h"

#include <criterion/criterion.h>

enum { SECOND = 1000000 };

static struct mono at(uint64_t us)
{
	return (struct mono){3600ull * SECOND + us};
}

static const struct sources_limit three = {.max_connections = 3};
static const struct sources_limit five_a_second = {.count = 5, .per_us = SECOND, .burst = 5};

/* The n-th key of the table's one set, for tables of seven slots. */
static uint64_t key(uint64_t n)
{
	return (n + 1) << 32;
}

Test(sources, counts_connections_of_each_source_alone)
{
	struct sources *s = sources_new(1000);

	for (int i = 0; i < 3; i++)
		cr_assert_eq(sources_enter(s, 0x1111, at(0), &three), SOURCES_OK);
	cr_expect_eq(sources_enter(s, 0x1111, at(0), &three), SOURCES_TOO_MANY);
	cr_expect_eq(sources_enter(s, 0x2222, at(0), &three), SOURCES_OK);
	cr_expect_eq(sources_open(s, 0x1111), 3);
	cr_expect_eq(sources_count(s), 2);
	sources_leave(s, 0x1111);
	cr_expect_eq(sources_enter(s, 0x1111, at(0), &three), SOURCES_OK);
	sources_free(s);
}

Test(sources, limits_the_rate_of_new_connections)
{
	struct sources *s = sources_new(1000);

	for (int i = 0; i < 5; i++) {
		cr_assert_eq(sources_enter(s, 1, at(0), &five_a_second), SOURCES_OK);
		sources_leave(s, 1);
	}
	cr_expect_eq(sources_enter(s, 1, at(199999), &five_a_second), SOURCES_TOO_FAST);
	cr_expect_eq(sources_open(s, 1), 0, "what is refused is not counted");
	cr_expect_eq(sources_enter(s, 1, at(200000), &five_a_second), SOURCES_OK);
	cr_expect_eq(sources_enter(s, 1, at(200000), &five_a_second), SOURCES_TOO_FAST);
	sources_free(s);
}

Test(sources, a_connection_refused_for_the_number_costs_no_token)
{
	const struct sources_limit both = {
		.max_connections = 1, .count = 2, .per_us = SECOND, .burst = 2};
	struct sources *s = sources_new(10);

	cr_expect_eq(sources_enter(s, 1, at(0), &both), SOURCES_OK);
	for (int i = 0; i < 10; i++)
		cr_expect_eq(sources_enter(s, 1, at(0), &both), SOURCES_TOO_MANY);
	sources_leave(s, 1);
	cr_expect_eq(sources_enter(s, 1, at(0), &both), SOURCES_OK);
	sources_free(s);
}

Test(sources, a_token_without_a_connection_says_how_long_to_wait)
{
	struct sources *s = sources_new(10);
	uint64_t wait_us = 0;

	for (int i = 0; i < 5; i++)
		cr_assert_eq(sources_take(s, 9, at(0), &five_a_second, &wait_us), SOURCES_OK);
	cr_expect_eq(sources_take(s, 9, at(1000), &five_a_second, &wait_us), SOURCES_TOO_FAST);
	cr_expect_eq(wait_us, 199000);
	cr_expect_eq(sources_take(s, 9, at(1000 + wait_us - 1), &five_a_second, &wait_us),
		SOURCES_TOO_FAST);
	cr_expect_eq(sources_take(s, 9, at(200000), &five_a_second, &wait_us), SOURCES_OK);
	cr_expect_eq(sources_count(s), 0);
	sources_free(s);
}

Test(sources, open_connections_are_never_forgotten)
{
	struct sources *s = sources_new(3);

	for (uint64_t k = 0; k < 7; k++)
		cr_assert_eq(sources_enter(s, key(k), at(0), &three), SOURCES_OK);
	cr_expect_eq(sources_enter(s, key(7), at(0), &three), SOURCES_OK_UNTRACKED);
	for (uint64_t k = 0; k < 7; k++)
		cr_expect_eq(sources_open(s, key(k)), 1);
	sources_leave(s, key(3));
	cr_expect_eq(sources_enter(s, key(7), at(0), &three), SOURCES_OK);
	sources_free(s);
}

Test(sources, the_idle_source_nearest_to_a_full_bucket_makes_room)
{
	struct sources *s = sources_new(3);
	uint64_t wait_us;

	/* source k took k + 1 tokens, so source 0 is the first to be full again */
	for (uint64_t k = 0; k < 7; k++)
		for (uint64_t i = 0; i <= k && i < 5; i++)
			cr_assert_eq(sources_take(s, key(k), at(k), &five_a_second, &wait_us),
				SOURCES_OK);
	cr_assert_eq(sources_enter(s, key(7), at(10), &three), SOURCES_OK);
	for (uint64_t k = 5; k < 7; k++)
		cr_expect_eq(sources_take(s, key(k), at(10), &five_a_second, &wait_us),
			SOURCES_TOO_FAST, "source %lu was forgotten", (unsigned long)k);
	sources_free(s);
}

Test(sources, a_newcomer_does_not_inherit_the_bucket_of_its_slot)
{
	struct sources *s = sources_new(1);
	uint64_t wait_us;

	for (uint64_t k = 0; k < 7; k++)
		while (sources_take(s, key(k), at(0), &five_a_second, &wait_us) == SOURCES_OK)
			;
	for (uint64_t k = 7; k < 14; k++)
		for (int i = 0; i < 5; i++)
			cr_assert_eq(sources_take(s, key(k), at(1), &five_a_second, &wait_us),
				SOURCES_OK);
	sources_free(s);
}

Test(sources, the_promised_number_of_sources_finds_room)
{
	struct sources *s = sources_new(10000);
	int untracked = 0;
	struct prng g;

	prng_init(&g, 5);
	for (int i = 0; i < 10000; i++)
		untracked += sources_enter(s, prng_next(&g), at(0), &three) == SOURCES_OK_UNTRACKED;
	cr_expect_leq(untracked, 100, "%d of 10000", untracked);
	cr_expect_eq(sources_count(s), 10000 - (size_t)untracked);
	sources_free(s);
}

Test(sources, no_limit_lets_everyone_in_and_still_counts)
{
	const struct sources_limit none = {0};
	struct sources *s = sources_new(10);

	for (int i = 0; i < 1000; i++)
		cr_assert_eq(sources_enter(s, 77, at(0), &none), SOURCES_OK);
	cr_expect_eq(sources_open(s, 77), 1000);
	for (int i = 0; i < 1000; i++)
		sources_leave(s, 77);
	cr_expect_eq(sources_open(s, 77), 0);
	sources_free(s);
}

Test(sources, a_burst_of_centuries_does_not_overflow)
{
	const struct sources_limit huge = {
		.count = 1, .per_us = 86400ull * SECOND, .burst = UINT32_MAX};
	struct sources *s = sources_new(10);

	for (int i = 0; i < 1000; i++)
		cr_assert_eq(sources_enter(s, 1, at(0), &huge), SOURCES_OK);
	sources_free(s);
}

Test(sources, running_out_of_memory_gives_no_table_and_leaks_nothing)
{
	for (unsigned n = 1; fault_next(n); n++) {
		struct sources *s = sources_new(10);

		cr_assert_eq(s == NULL, fault_struck());
		sources_free(s);
	}
}

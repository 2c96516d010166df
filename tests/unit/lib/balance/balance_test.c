#include "balance/balance.h"

#include "../../fault.h"
#include "base/prng.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { MANY = 500 };

/* Targets 0 … n-1 with these weights. */
static struct balance_plan *plan_of(enum balance_algo algo, const uint32_t *weights, size_t n)
{
	struct balance_target t[MANY];
	struct balance_plan *p;

	for (size_t i = 0; i < n; i++)
		t[i] = (struct balance_target){
			.id = (uint32_t)i,
			.weight = weights[i],
			.name_hash = 0x9e3779b97f4a7c15u * (i + 1),
		};
	p = balance_plan_new(algo, t, n);
	cr_assert_not_null(p);
	return p;
}

static int pick_ticket(const struct balance_plan *p, uint64_t ticket)
{
	return balance_pick(p, &(struct balance_draw){.ticket = ticket});
}

/* Checks that after every number of picks each target was chosen its share, up or down less than
 * one: |chosen * W - t * w| < W. */
static void check_exact(const uint32_t *weights, size_t n)
{
	struct balance_plan *p = plan_of(BALANCE_ROUNDROBIN, weights, n);
	int64_t chosen[MANY] = {0}, sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += weights[i];
	for (int64_t t = 1; t <= 2 * sum; t++) {
		int i = pick_ticket(p, (uint64_t)t - 1);

		cr_assert(i >= 0 && (size_t)i < n);
		chosen[i]++;
		for (size_t k = 0; k < n; k++)
			cr_assert_lt(llabs(chosen[k] * sum - t * weights[k]), sum,
				"target %zu of weight %u after %ld picks", k, weights[k], (long)t);
	}
	balance_plan_free(p);
}

Test(balance, round_robin_of_equals_goes_round_in_order)
{
	struct balance_plan *p = plan_of(BALANCE_ROUNDROBIN, (uint32_t[]){7, 7, 7}, 3);

	for (uint64_t t = 0; t < 12; t++)
		cr_assert_eq(pick_ticket(p, t), (int)(t % 3));
	balance_plan_free(p);
}

Test(balance, round_robin_is_exact_to_one_after_any_number_of_picks)
{
	uint32_t one_heavy[51] = {50}, random[40];
	struct prng g;

	for (size_t i = 1; i < 51; i++)
		one_heavy[i] = 1;
	check_exact((uint32_t[]){1}, 1);
	check_exact((uint32_t[]){5, 1, 1}, 3);
	check_exact((uint32_t[]){1, 256}, 2);
	check_exact(one_heavy, 51);
	prng_init(&g, 1);
	for (int round = 0; round < 20; round++) {
		size_t n = 2 + prng_below(&g, 38);

		for (size_t i = 0; i < n; i++)
			random[i] = 1 + (uint32_t)prng_below(&g, 60);
		check_exact(random, n);
	}
}

Test(balance, a_heavy_server_among_many_light_ones_gets_no_long_runs)
{
	uint32_t weights[51] = {50};
	struct balance_plan *p;
	int run = 0;

	for (size_t i = 1; i < 51; i++)
		weights[i] = 1;
	p = plan_of(BALANCE_ROUNDROBIN, weights, 51);
	for (uint64_t t = 0; t < 200; t++) {
		run = pick_ticket(p, t) == 0 ? run + 1 : 0;
		cr_assert_leq(run, 2);
	}
	balance_plan_free(p);
}

Test(balance, weights_whose_sum_is_huge_are_scaled_and_keep_their_shares)
{
	uint32_t weights[MANY];
	uint32_t chosen[MANY] = {0};
	struct balance_plan *p;
	uint64_t sum = 0;

	for (size_t i = 0; i < MANY; i++)
		sum += weights[i] = i % 2 ? 4096 : 1001;
	p = plan_of(BALANCE_ROUNDROBIN, weights, MANY);
	for (uint64_t t = 0; t < 65536; t++)
		chosen[pick_ticket(p, t)]++;
	for (size_t i = 0; i < MANY; i++) {
		double share = 65536.0 * weights[i] / (double)sum;

		cr_assert_float_eq(chosen[i], share, 0.05 * share + 1, "%u %f", chosen[i], share);
	}
	balance_plan_free(p);
}

Test(balance, weight_zero_is_never_chosen)
{
	for (int algo = BALANCE_ROUNDROBIN; algo <= BALANCE_RANDOM2; algo++) {
		struct balance_plan *p = plan_of(algo, (uint32_t[]){1, 0, 3}, 3);
		struct prng g;

		prng_init(&g, 2);
		for (uint64_t t = 0; t < 1000; t++)
			cr_assert_neq(balance_pick(p, &(struct balance_draw){.ticket = t,
							      .source_hash = prng_next(&g),
							      .random = prng_next(&g)}),
				1);
		balance_plan_free(p);
	}
}

Test(balance, nothing_to_choose_from_and_all_full_are_told_apart)
{
	for (int algo = BALANCE_ROUNDROBIN; algo <= BALANCE_RANDOM2; algo++) {
		struct balance_target t[2] = {
			{.id = 0, .weight = 1, .max_active = 5},
			{.id = 1, .weight = 2, .max_active = 5},
		};
		_Atomic uint32_t active[2] = {5, 5};
		struct balance_plan *none = balance_plan_new(algo, NULL, 0);
		struct balance_plan *two = balance_plan_new(algo, t, 2);
		struct balance_draw d = {.active = active, .tried = (uint16_t[]){0, 1}};

		cr_expect_eq(balance_pick(none, &d), BALANCE_NONE);
		cr_expect_eq(balance_pick(two, &d), BALANCE_FULL);
		d.n_tried = 1;
		cr_expect_eq(balance_pick(two, &d), BALANCE_FULL);
		d.n_tried = 2;
		cr_expect_eq(balance_pick(two, &d), BALANCE_NONE);
		active[1] = 4;
		d.n_tried = 0;
		cr_expect_eq(balance_pick(two, &d), 1);
		balance_plan_free(none);
		balance_plan_free(two);
	}
}

Test(balance, a_server_that_was_tried_is_not_chosen_again)
{
	uint32_t weights[MANY];

	for (size_t i = 0; i < MANY; i++)
		weights[i] = 1 + (uint32_t)i % 3;
	for (int algo = BALANCE_ROUNDROBIN; algo <= BALANCE_RANDOM2; algo++) {
		struct balance_plan *p = plan_of(algo, weights, MANY);
		uint16_t tried[MANY];
		bool seen[MANY] = {false};
		struct balance_draw d = {.ticket = 3, .source_hash = 4, .tried = tried};

		while (d.n_tried < MANY) {
			int i = balance_pick(p, &d);

			cr_assert(i >= 0 && i < MANY && !seen[i]);
			seen[i] = true;
			tried[d.n_tried++] = (uint16_t)i;
		}
		cr_assert_eq(balance_pick(p, &d), BALANCE_NONE);
		balance_plan_free(p);
	}
}

Test(balance, least_connections_weighs_load_by_weight)
{
	struct balance_plan *p = plan_of(BALANCE_LEASTCONN, (uint32_t[]){1, 3, 2}, 3);
	_Atomic uint32_t active[3] = {1, 4, 4};
	struct balance_draw d = {.active = active};

	/* 2/1, 5/3, 5/2 */
	cr_expect_eq(balance_pick(p, &d), 1);
	active[1] = 6; /* 7/3 */
	cr_expect_eq(balance_pick(p, &d), 0);
	active[0] = 2; /* 3/1 */
	cr_expect_eq(balance_pick(p, &d), 1);
	balance_plan_free(p);
}

Test(balance, least_connections_ties_go_round)
{
	struct balance_plan *p = plan_of(BALANCE_LEASTCONN, (uint32_t[]){7, 3, 7, 3}, 4);
	_Atomic uint32_t active[4] = {6, 2, 6, 2}; /* 7/7 and 3/3: all equal */
	int chosen[4] = {0};

	for (uint64_t t = 0; t < 400; t++)
		chosen[balance_pick(p, &(struct balance_draw){.ticket = t, .active = active})]++;
	for (int i = 0; i < 4; i++)
		cr_expect_eq(chosen[i], 100);
	balance_plan_free(p);
}

Test(balance, least_connections_keeps_shares_when_connections_stay)
{
	struct balance_plan *p = plan_of(BALANCE_LEASTCONN, (uint32_t[]){1, 2, 5}, 3);
	_Atomic uint32_t active[3] = {0};

	for (uint64_t t = 0; t < 800; t++)
		active[balance_pick(p, &(struct balance_draw){.ticket = t, .active = active})]++;
	cr_expect_eq(active[0], 100);
	cr_expect_eq(active[1], 200);
	cr_expect_eq(active[2], 500);
	balance_plan_free(p);
}

static int pick_source(const struct balance_plan *p, uint64_t source)
{
	return balance_pick(p, &(struct balance_draw){.source_hash = source});
}

Test(balance, a_source_stays_with_its_server_when_another_leaves)
{
	uint32_t weights[10], without[10];
	struct balance_plan *before, *after;
	int moved = 0;

	for (size_t i = 0; i < 10; i++)
		weights[i] = without[i] = 100;
	without[4] = 0;
	before = plan_of(BALANCE_SOURCE, weights, 10);
	after = plan_of(BALANCE_SOURCE, without, 10);
	for (uint64_t s = 0; s < 20000; s++) {
		int was = pick_source(before, s), is = pick_source(after, s);

		cr_assert_neq(is, 4);
		if (was == 4)
			moved++;
		else
			cr_assert_eq(is, was, "source %lu moved without need", (unsigned long)s);
	}
	cr_expect_float_eq(moved, 2000, 600, "%d of 20000 moved", moved);
	balance_plan_free(before);
	balance_plan_free(after);
}

Test(balance, a_tried_server_on_the_ring_gives_its_sources_to_the_same_others_as_if_it_left)
{
	struct balance_plan *all = plan_of(BALANCE_SOURCE, (uint32_t[]){4, 4, 4, 4}, 4);
	struct balance_plan *less = plan_of(BALANCE_SOURCE, (uint32_t[]){4, 4, 0, 4}, 4);

	for (uint64_t s = 0; s < 2000; s++) {
		struct balance_draw d = {.source_hash = s, .tried = (uint16_t[]){2}, .n_tried = 1};

		cr_assert_eq(balance_pick(all, &d), pick_source(less, s));
	}
	balance_plan_free(all);
	balance_plan_free(less);
}

Test(balance, sources_spread_by_weight)
{
	struct balance_plan *p = plan_of(BALANCE_SOURCE, (uint32_t[]){64, 128, 256, 256}, 4);
	int chosen[4] = {0};

	for (uint64_t s = 0; s < 70400; s++)
		chosen[pick_source(p, s)]++;
	cr_expect_float_eq(chosen[0], 6400, 6400 * 0.3);
	cr_expect_float_eq(chosen[1], 12800, 12800 * 0.3);
	cr_expect_float_eq(chosen[2], 25600, 25600 * 0.2);
	cr_expect_float_eq(chosen[3], 25600, 25600 * 0.2);
	balance_plan_free(p);
}

Test(balance, two_random_choices_spread_by_weight_and_avoid_the_loaded)
{
	struct balance_plan *p = plan_of(BALANCE_RANDOM2, (uint32_t[]){1, 2, 1}, 3);
	_Atomic uint32_t active[3] = {0};
	struct prng g;

	prng_init(&g, 3);
	for (int k = 0; k < 4000; k++)
		active[balance_pick(
			p, &(struct balance_draw){.random = prng_next(&g), .active = active})]++;
	cr_expect_float_eq(active[0], 1000, 20);
	cr_expect_float_eq(active[1], 2000, 20);
	active[2] = 1000000;
	for (int k = 0; k < 100; k++)
		cr_assert_neq(balance_pick(p, &(struct balance_draw){.random = prng_next(&g),
						      .active = active}),
			2);
	balance_plan_free(p);
}

Test(balance, one_free_server_among_hundreds_of_full_ones_is_found)
{
	for (int algo = BALANCE_ROUNDROBIN; algo <= BALANCE_RANDOM2; algo++) {
		struct balance_target t[MANY];
		_Atomic uint32_t active[MANY];
		struct balance_plan *p;

		for (uint32_t i = 0; i < MANY; i++) {
			t[i] = (struct balance_target){
				.id = i, .weight = 1 + i % 7, .max_active = 2, .name_hash = i};
			active[i] = i == 333 ? 1 : 2;
		}
		p = balance_plan_new(algo, t, MANY);
		for (uint64_t k = 0; k < 50; k++)
			cr_assert_eq(balance_pick(p, &(struct balance_draw){.ticket = k,
							     .source_hash = k,
							     .random = k << 32 | k,
							     .active = active}),
				333);
		balance_plan_free(p);
	}
}

Test(balance, running_out_of_memory_gives_no_plan_and_leaks_nothing)
{
	const struct balance_target t[2] = {{.weight = 1}, {.weight = 2}};

	for (int algo = BALANCE_ROUNDROBIN; algo <= BALANCE_RANDOM2; algo++)
		for (unsigned n = 1; fault_next(n); n++) {
			struct balance_plan *p = balance_plan_new(algo, t, 2);

			cr_assert_eq(p == NULL, fault_struck());
			balance_plan_free(p);
		}
}

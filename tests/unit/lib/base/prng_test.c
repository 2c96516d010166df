#include "base/prng.h"

#include <criterion/criterion.h>

/* The first outputs of the reference implementation of xoshiro256** seeded by its authors' splitmix64 from 0. */
Test(prng, sequence_is_that_of_the_reference)
{
	struct prng g;

	prng_init(&g, 0);
	cr_assert_eq(prng_next(&g), 0x99ec5f36cb75f2b4u);
	cr_assert_eq(prng_next(&g), 0xbf6e1f784956452au);
	cr_assert_eq(prng_next(&g), 0x1a5f849d4933e6e0u);
}

Test(prng, seed_gives_the_same_run_again_and_another_seed_another)
{
	struct prng a, b, c;
	int same = 0;

	prng_init(&a, 7);
	prng_init(&b, 7);
	prng_init(&c, 8);
	for (int i = 0; i < 100; i++) {
		uint64_t x = prng_next(&a);

		cr_assert_eq(x, prng_next(&b));
		same += x == prng_next(&c);
	}
	cr_assert_eq(same, 0);
}

Test(prng, bounded_numbers_stay_below_and_reach_everything)
{
	struct prng g;
	unsigned seen[10] = {0};

	prng_init(&g, 1);
	for (int i = 0; i < 10000; i++) {
		uint64_t x = prng_below(&g, 10);

		cr_assert_lt(x, 10);
		seen[x]++;
	}
	for (int i = 0; i < 10; i++)
		cr_assert(seen[i] > 850 && seen[i] < 1150, "%d came %u times", i, seen[i]);
	cr_assert_eq(prng_below(&g, 1), 0);
}

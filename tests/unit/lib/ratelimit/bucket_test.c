#include "ratelimit/bucket.h"

#include <criterion/criterion.h>

enum { SECOND = 1000000 };

static struct mono at(uint64_t us)
{
	return (struct mono){3600ull * SECOND + us};
}

static unsigned take_all(struct bucket *b, struct mono now, const struct bucket_rate *r)
{
	unsigned n = 0;

	while (n < 1000 && bucket_take(b, now, r, 1))
		n++;
	return n;
}

Test(bucket, is_full_at_start_and_holds_burst)
{
	const struct bucket_rate r = {.count = 10, .per_us = SECOND, .burst = 25};
	struct bucket b = {0};

	cr_expect_eq(take_all(&b, at(0), &r), 25);
	cr_expect_eq(take_all(&b, at(99999), &r), 0);
	cr_expect_eq(take_all(&b, at(100000), &r), 1);
	cr_expect_eq(take_all(&b, at(10 * SECOND), &r), 25);
}

Test(bucket, burst_is_the_count_by_default)
{
	const struct bucket_rate r = {.count = 7, .per_us = SECOND};
	struct bucket b = {0};

	cr_expect_eq(take_all(&b, at(0), &r), 7);
}

Test(bucket, keeps_a_rate_that_does_not_divide_the_period)
{
	const struct bucket_rate r = {.count = 300001, .per_us = SECOND, .burst = 10};
	struct bucket b = {0};
	unsigned taken = 0;

	for (uint64_t us = 0; us < SECOND; us++)
		taken += bucket_take(&b, at(us), &r, 1);
	cr_expect_float_eq((double)taken, 300001.0 + 10, 100, "%u", taken);
}

Test(bucket, takes_n_or_none)
{
	const struct bucket_rate r = {.count = 10, .per_us = SECOND, .burst = 10};
	struct bucket b = {0};

	cr_expect(bucket_take(&b, at(0), &r, 7));
	cr_expect_not(bucket_take(&b, at(0), &r, 4));
	cr_expect(bucket_take(&b, at(0), &r, 3));
	cr_expect_not(bucket_take(&b, at(100 * SECOND), &r, 11));
}

Test(bucket, no_count_is_no_limit)
{
	const struct bucket_rate r = {0};
	struct bucket b = {0};

	cr_expect_eq(take_all(&b, at(0), &r), 1000);
	cr_expect_eq(bucket_wait_us(&b, at(0), &r, 1), 0);
}

Test(bucket, the_wait_it_names_is_exactly_enough)
{
	const struct bucket_rate r = {.count = 3, .per_us = SECOND, .burst = 5};
	struct bucket b = {0};

	cr_expect_eq(bucket_wait_us(&b, at(0), &r, 5), 0);
	take_all(&b, at(0), &r);
	for (uint32_t n = 1; n <= 5; n++) {
		struct bucket copy = b;
		uint64_t wait = bucket_wait_us(&b, at(1000), &r, n);

		cr_assert_gt(wait, 0);
		cr_assert_not(bucket_take(&copy, at(1000 + wait - 1), &r, n));
		cr_assert(bucket_take(&copy, at(1000 + wait), &r, n));
	}
}

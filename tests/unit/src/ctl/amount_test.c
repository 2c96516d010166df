#include "ctl/amount.h"

#include <criterion/criterion.h>

static char buf[AMOUNT_MAX];

Test(amount, durations_have_their_two_largest_units)
{
	cr_assert_str_eq(amount_duration(0, buf), "0s");
	cr_assert_str_eq(amount_duration(59, buf), "59s");
	cr_assert_str_eq(amount_duration(60, buf), "1m0s");
	cr_assert_str_eq(amount_duration(3599, buf), "59m59s");
	cr_assert_str_eq(amount_duration(3600 + 59, buf), "1h0m");
	cr_assert_str_eq(amount_duration(86399, buf), "23h59m");
	cr_assert_str_eq(amount_duration(400 * 86400ull + 3600, buf), "400d1h");
}

Test(amount, bytes_have_one_decimal_and_never_four_digits_before_it)
{
	cr_assert_str_eq(amount_bytes(0, buf), "0 B");
	cr_assert_str_eq(amount_bytes(999, buf), "999 B");
	cr_assert_str_eq(amount_bytes(1000, buf), "1.0 kB");
	cr_assert_str_eq(amount_bytes(999949, buf), "999.9 kB");
	cr_assert_str_eq(amount_bytes(999950, buf), "1.0 MB");
	cr_assert_str_eq(amount_bytes(10ull << 30, buf), "10.7 GB");
	cr_assert_str_eq(amount_bytes(UINT64_MAX, buf), "18.4 EB");
}

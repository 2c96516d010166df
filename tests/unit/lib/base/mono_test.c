#include "base/mono.h"

#include <criterion/criterion.h>

Test(mono, now_never_goes_back)
{
	struct mono last = mono_now();

	for (int i = 0; i < 1000; i++) {
		struct mono now = mono_now();

		cr_assert(mono_reached(now, last));
		last = now;
	}
}

Test(mono, milliseconds_are_added)
{
	cr_assert_eq(mono_add_ms((struct mono){5}, 3).us, 3005);
}

Test(mono, difference_is_never_negative)
{
	struct mono early = {100}, late = {350};

	cr_assert_eq(mono_diff_us(early, late), 250);
	cr_assert_eq(mono_diff_us(late, early), 0);
	cr_assert_eq(mono_diff_us(early, early), 0);
}

Test(mono, time_is_reached_when_it_comes)
{
	struct mono t = {100};

	cr_assert_not(mono_reached((struct mono){99}, t));
	cr_assert(mono_reached((struct mono){100}, t));
	cr_assert_not(mono_reached((struct mono){UINT64_MAX - 1}, MONO_NEVER));
}

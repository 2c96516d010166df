#include "gossip/session.h"

#include <criterion/criterion.h>

Test(session, each_number_is_taken_once)
{
	struct replay r;

	replay_start(&r, 10);
	cr_assert(replay_take(&r, 11));
	cr_assert_not(replay_take(&r, 11));
	cr_assert(replay_take(&r, 13));
	cr_assert(replay_take(&r, 12), "one that was overtaken");
	cr_assert_not(replay_take(&r, 12));
}

Test(session, what_was_sent_before_the_start_counts_as_seen)
{
	struct replay r;

	replay_start(&r, 5000);
	for (uint64_t n = 1; n <= 5000; n++)
		cr_assert_not(replay_take(&r, n));
}

Test(session, the_window_is_1024_numbers_wide)
{
	struct replay r;

	replay_start(&r, 1);
	cr_assert(replay_take(&r, 3000));
	cr_assert(replay_take(&r, 3000 - 1023));
	cr_assert_not(replay_take(&r, 3000 - 1024));
}

/* Against a plain list of what was taken, over steps of all sizes. */
Test(session, the_window_agrees_with_a_list)
{
	enum { SPAN = 20000 };
	static bool seen[SPAN];
	struct replay r;
	struct prng prng;
	uint64_t top = 1;

	prng_init(&prng, 1);
	replay_start(&r, top);
	seen[0] = seen[1] = true;
	for (int i = 0; i < 200000; i++) {
		uint64_t reach = prng_below(&prng, 50) == 0 ? 1500 : 40;
		uint64_t low = top > reach ? top - reach : 0;
		uint64_t n = low + prng_below(&prng, reach + reach / 8 + 1);
		bool fits, taken;

		if (n >= SPAN)
			break;
		fits = n > top || top - n < REPLAY_BITS;
		taken = replay_take(&r, n);
		cr_assert_eq(taken, fits && !seen[n], "%lu at top %lu", (unsigned long)n,
			(unsigned long)top);
		seen[n] |= taken;
		top = n > top ? n : top;
	}
	cr_assert_gt(top, REPLAY_BITS * 4);
}

static struct gossip_time at(uint64_t ms)
{
	return (struct gossip_time){{ms * 1000}, 1700000000000 + ms};
}

Test(session, an_echo_counts_for_a_second_and_for_two_at_most)
{
	struct nonces n = {0};
	struct prng prng;
	uint8_t first[MESSAGE_NONCE], second[MESSAGE_NONCE];

	prng_init(&prng, 1);
	memcpy(first, nonces_current(&n, &prng, at(5000)), sizeof(first));
	cr_assert(nonces_are_fresh(&n, at(5000).now, first));
	cr_assert_eq(memcmp(first, nonces_current(&n, &prng, at(5999)), sizeof(first)), 0);
	memcpy(second, nonces_current(&n, &prng, at(6001)), sizeof(second));
	cr_assert_neq(memcmp(first, second, sizeof(first)), 0);
	cr_assert(nonces_are_fresh(&n, at(6900).now, first));
	cr_assert_not(nonces_are_fresh(&n, at(7100).now, first));
	cr_assert(nonces_are_fresh(&n, at(7100).now, second));
	cr_assert_not(nonces_are_fresh(&n, at(8100).now, second));
}

Test(session, before_anything_was_asked_no_echo_counts)
{
	struct nonces n = {0};
	uint8_t zero[MESSAGE_NONCE] = {0};

	cr_assert_not(nonces_are_fresh(&n, at(1).now, zero));
}

Test(session, a_machine_that_was_set_back_asks_something_else)
{
	struct nonces then = {0}, again = {0};
	struct prng a, b;
	uint8_t first[MESSAGE_NONCE];
	struct gossip_time later = at(5000);

	prng_init(&a, 7);
	prng_init(&b, 7);
	later.wall_ms += 3600000;
	memcpy(first, nonces_current(&then, &a, at(5000)), sizeof(first));
	cr_assert_neq(memcmp(first, nonces_current(&again, &b, later), sizeof(first)), 0);
}

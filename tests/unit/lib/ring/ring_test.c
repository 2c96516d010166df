#include "ring/ring.h"

#include "../../fault.h"

#include <criterion/criterion.h>
#include <string.h>

static void take(struct ring *r, const char *expected)
{
	size_t n;
	const char *p = ring_peek(r, &n);

	cr_assert_not_null(p);
	cr_assert_eq(n, strlen(expected));
	cr_assert_eq(memcmp(p, expected, n), 0);
	ring_release(r);
}

Test(ring, records_come_out_whole_and_in_order)
{
	struct ring *r = ring_new(256);
	size_t n;

	cr_assert(ring_put(r, "one", 3));
	cr_assert(ring_put(r, "", 0));
	cr_assert(ring_put(r, "three and more", 14));
	take(r, "one");
	take(r, "");
	take(r, "three and more");
	cr_expect_null(ring_peek(r, &n));
	ring_free(r);
}

Test(ring, peeking_twice_shows_the_same_record)
{
	struct ring *r = ring_new(64);
	size_t n;

	ring_put(r, "x", 1);
	cr_expect_eq(ring_peek(r, &n), ring_peek(r, &n));
	take(r, "x");
	ring_free(r);
}

Test(ring, a_full_ring_drops_and_counts_and_goes_on_when_read)
{
	struct ring *r = ring_new(64);

	for (int i = 0; i < 4; i++)
		cr_assert(ring_put(r, "12345678", 8));
	cr_expect_not(ring_put(r, "", 0));
	cr_expect_eq(ring_dropped(r), 1);
	take(r, "12345678");
	cr_expect(ring_put(r, "abcdefgh", 8));
	cr_expect_eq(ring_dropped(r), 1);
	for (int i = 0; i < 3; i++)
		take(r, "12345678");
	take(r, "abcdefgh");
	ring_free(r);
}

Test(ring, a_record_above_half_the_ring_is_dropped)
{
	struct ring *r = ring_new(128);
	char big[64] = {0};

	cr_expect(ring_put(r, big, 56));
	cr_expect_not(ring_put(r, big, 57));
	cr_expect_eq(ring_dropped(r), 1);
	ring_free(r);
}

Test(ring, records_of_all_lengths_survive_the_turn_of_the_buffer)
{
	struct ring *r = ring_new(256);
	char sent[120];

	for (unsigned i = 0; i < 5000; i++) {
		size_t len = i * 7 % sizeof(sent), n;
		const char *p;

		memset(sent, (int)('a' + i % 26), sizeof(sent));
		cr_assert(ring_put(r, sent, len));
		p = ring_peek(r, &n);
		cr_assert(p && n == len && memcmp(p, sent, len) == 0, "record %u", i);
		ring_release(r);
	}
	cr_expect_eq(ring_dropped(r), 0);
	ring_free(r);
}

Test(ring, running_out_of_memory_gives_no_ring_and_leaks_nothing)
{
	for (unsigned n = 1; fault_next(n); n++) {
		struct ring *r = ring_new(64);

		cr_assert_eq(r == NULL, fault_struck());
		ring_free(r);
	}
}

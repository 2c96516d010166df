#include "tickets.h"

#include <criterion/criterion.h>
#include <string.h>

enum { PERIOD = TICKETS_PERIOD_S };

static const uint8_t secrets[2 * TICKETS_SECRET_BYTES] = {1, [TICKETS_SECRET_BYTES] = 2};

Test(tickets, two_nodes_with_one_secret_open_each_others_tickets)
{
	struct tickets *a = tickets_new(secrets, 1, 100 * PERIOD + 5);
	struct tickets *b = tickets_new(secrets, 1, 100 * PERIOD + 4000);
	const struct ticket_key *key = tickets_find(b, a->keys[0].name);

	cr_assert(key);
	cr_expect_eq(memcmp(key, &a->keys[0], sizeof(*key)), 0);
	tickets_free(a);
	tickets_free(b);
}

Test(tickets, ticket_is_good_for_two_more_periods_and_not_for_three)
{
	struct tickets *then = tickets_new(secrets, 1, 100 * PERIOD);
	struct tickets *later = tickets_new(secrets, 1, 102 * PERIOD + 1);
	struct tickets *too_late = tickets_new(secrets, 1, 103 * PERIOD);

	cr_expect(tickets_find(later, then->keys[0].name));
	cr_expect_null(tickets_find(too_late, then->keys[0].name));
	tickets_free(then);
	tickets_free(later);
	tickets_free(too_late);
}

Test(tickets, node_whose_clock_is_behind_opens_those_of_the_next_period)
{
	struct tickets *ahead = tickets_new(secrets, 1, 101 * PERIOD);
	struct tickets *behind = tickets_new(secrets, 1, 101 * PERIOD - 1);

	cr_expect(tickets_find(behind, ahead->keys[0].name));
	tickets_free(ahead);
	tickets_free(behind);
}

Test(tickets, new_secret_seals_while_the_old_one_still_opens)
{
	struct tickets *old = tickets_new(secrets, 1, 100 * PERIOD);
	struct tickets *both = tickets_new(secrets + TICKETS_SECRET_BYTES, 1, 100 * PERIOD);
	uint8_t turned[2 * TICKETS_SECRET_BYTES];
	struct tickets *rotated;

	memcpy(turned, secrets + TICKETS_SECRET_BYTES, TICKETS_SECRET_BYTES);
	memcpy(turned + TICKETS_SECRET_BYTES, secrets, TICKETS_SECRET_BYTES);
	rotated = tickets_new(turned, 2, 100 * PERIOD);
	cr_expect_eq(memcmp(rotated->keys[0].name, both->keys[0].name, 16), 0);
	cr_expect(tickets_find(rotated, old->keys[0].name));
	cr_expect_null(tickets_find(both, old->keys[0].name));
	tickets_free(old);
	tickets_free(both);
	tickets_free(rotated);
}

Test(tickets, keys_of_all_periods_and_secrets_differ)
{
	struct tickets *t = tickets_new(secrets, 2, 100 * PERIOD);

	cr_assert_eq(t->n_keys, 8);
	for (unsigned i = 0; i < t->n_keys; i++)
		for (unsigned k = 0; k < i; k++) {
			cr_expect_neq(memcmp(t->keys[i].name, t->keys[k].name, 16), 0);
			cr_expect_neq(memcmp(t->keys[i].cipher, t->keys[k].cipher, 32), 0);
		}
	tickets_free(t);
}

Test(tickets, no_secret_gives_no_tickets)
{
	cr_expect_null(tickets_new(secrets, 0, 0));
}

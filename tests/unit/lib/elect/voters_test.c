#include "world.h"

#include <criterion/criterion.h>

static struct world w;

static void stop_world(void)
{
	world_end(&w);
}

static unsigned voters(size_t node)
{
	struct elect_quorum q;

	elect_quorum(w.nodes[node].e, &q);
	return q.voters;
}

TestSuite(voters, .fini = stop_world);

Test(voters, the_set_begins_as_this_node_and_its_peers)
{
	struct elect_voter_view v;

	world_make(&w, 3);
	world_start(&w, 0);
	world_run(&w, 0);
	cr_expect_eq(voters(0), 3);
	cr_assert(elect_voter_at(w.nodes[0].e, 0, &v));
	cr_expect_str_eq(v.name, "lb-01");
	cr_assert(elect_voter_at(w.nodes[0].e, 2, &v));
	cr_expect_str_eq(v.name, "192.0.2.3:7946");
	cr_expect_not(elect_voter_at(w.nodes[0].e, 3, &v));
}

/* What a reload brings. */
Test(voters,
	a_peer_that_is_named_later_counts_until_more_is_known_and_one_that_was_struck_off_does_not)
{
	struct elect_peer peers[] = {{{{[10] = 0xff, 0xff, 192, 0, 2, 2}, 7946}, "192.0.2.2:7946"},
		{{{[10] = 0xff, 0xff, 192, 0, 2, 9}, 7946}, "192.0.2.9:7946"}};
	struct elect *e;

	world_make(&w, 2);
	world_start(&w, 0);
	e = w.nodes[0].e;
	world_run(&w, 0);
	cr_expect_eq(voters(0), 2);
	elect_set_peers(e, peers, 2);
	elect_start(e, w.now);
	cr_expect_eq(voters(0), 3);
	cr_expect_eq(elect_forget_peer(e, w.now, "192.0.2.9:7946"), ELECT_STRUCK);
	cr_expect_eq(voters(0), 2);
	elect_set_peers(e, peers, 2);
	elect_start(e, w.now);
	cr_expect_eq(voters(0), 2, "it stays struck off");
	elect_set_peers(e, NULL, 0);
	elect_start(e, w.now);
	cr_expect_eq(voters(0), 1);
}

Test(voters, a_peer_is_not_counted_twice_once_it_is_known)
{
	world_make(&w, 3);
	world_boot(&w);
	for (size_t i = 0; i < 3; i++)
		cr_expect_eq(voters(i), 3);
}

Test(voters, a_peer_without_addresses_is_no_voter_and_that_is_remembered)
{
	struct elect_member m = {.id = world_id(1),
		.name = "be-01",
		.addr = {{[10] = 0xff, 0xff, 192, 0, 2, 2}, 7946},
		.state = ELECT_ALIVE,
		.role_known = true};

	world_make(&w, 2);
	world_start(&w, 0);
	world_run(&w, 0);
	cr_expect_eq(voters(0), 2);
	elect_member(w.nodes[0].e, w.now, &m);
	world_drain(&w);
	cr_expect_eq(voters(0), 1);
	m.state = ELECT_DEAD;
	m.role_known = false;
	elect_member(w.nodes[0].e, w.now, &m);
	world_drain(&w);
	cr_expect_eq(voters(0), 1);
}

Test(voters, one_that_joins_later_counts)
{
	world_make(&w, 3);
	w.n_peers = 2;
	world_start(&w, 0);
	world_start(&w, 1);
	world_meet(&w, 1);
	cr_expect_eq(voters(0), 2);
	world_start(&w, 2);
	world_meet(&w, 2);
	cr_expect_eq(voters(0), 3);
	world_crash(&w, 2);
	world_tell_all(&w, 2, ELECT_DEAD);
	cr_expect_eq(voters(0), 3, "dead, but it did not leave");
}

Test(voters, one_that_was_struck_off_by_mistake_joins_again)
{
	world_make(&w, 3);
	world_boot(&w);
	world_part(&w, 0, 2);
	world_part(&w, 1, 2);
	cr_expect_eq(elect_forget(w.nodes[0].e, w.now, world_id(2)), ELECT_STRUCK);
	world_drain(&w);
	cr_expect_eq(voters(0), 2);
	cr_expect_eq(voters(1), 2);
	world_heal(&w, 0, 2);
	world_heal(&w, 1, 2);
	/* The item that the others set reaches it: it objects. */
	elect_item(w.nodes[2].e, w.now, span_of("\0\0\0\0\0\0\0\x67", 8),
		span_of("\x01\x03\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x03\x1f\x0alb-03", 25));
	world_drain(&w);
	cr_expect_eq(voters(0), 3);
	cr_expect_eq(voters(2), 3);
}

Test(voters, who_is_alive_is_not_struck_off)
{
	world_make(&w, 2);
	world_boot(&w);
	cr_expect_eq(elect_forget(w.nodes[0].e, w.now, world_id(1)), ELECT_ALIVE_YET);
	cr_expect_eq(elect_forget(w.nodes[0].e, w.now, world_id(0)), ELECT_ALIVE_YET);
	cr_expect_eq(elect_forget(w.nodes[0].e, w.now, 4711), ELECT_NO_NODE);
}

Test(voters, a_peer_that_was_never_heard_is_struck_off_by_its_address)
{
	world_make(&w, 2);
	world_start(&w, 0);
	world_run(&w, 1000);
	cr_expect_eq(elect_forget_peer(w.nodes[0].e, w.now, "192.0.2.9:7946"), ELECT_NO_NODE);
	cr_expect_eq(elect_forget_peer(w.nodes[0].e, w.now, "192.0.2.2:7946"), ELECT_STRUCK);
	world_drain(&w);
	world_run(&w, 1000);
	cr_expect_eq(voters(0), 1);
	cr_expect_eq(world_owner(&w, 0), 0);
	world_start(&w, 1);
	world_meet(&w, 1);
	cr_expect_eq(voters(0), 2, "it came after all");
}

Test(voters, malformed_items_are_ignored)
{
	world_make(&w, 2);
	world_boot(&w);
	for (size_t n = 0; n < 20; n++)
		elect_item(w.nodes[0].e, w.now, span_of("\0\0\0\0\0\0\0\x66", 8),
			span_of("\x01\x03\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x03\x1f\x0a",
				n ? n : 1));
	elect_item(w.nodes[0].e, w.now, span_of("x", 1), span_of("\x01\x01", 2));
	elect_item(w.nodes[0].e, w.now, span_of("\0\0\0\0\0\0\0\x66", 8), span_of("\x09\x01", 2));
	cr_expect_eq(voters(0), 2);
}

/* --- coming back after `leave` --- */

/* lb-01, then lb-02 leave for good; lb-03 is the only voter. */
static void leave_the_third_alone(void)
{
	world_make(&w, 3);
	world_boot(&w);
	for (size_t i = 0; i < 2; i++) {
		elect_stop(w.nodes[i].e, w.now, true);
		world_drain(&w);
		world_run(&w, 100);
		world_tell_all(&w, i, ELECT_LEFT);
		world_crash(&w, i);
		world_run(&w, SILENT_MS);
	}
	cr_assert_eq(voters(2), 1);
	cr_assert_eq(world_owner(&w, 0), 2);
}

/* All but what they hear of lb-03. */
static void bring_back_the_others(void)
{
	for (size_t i = 0; i < 2; i++) {
		w.cut[i][2] = w.cut[2][i] = true;
		world_start(&w, i);
	}
	world_tell(&w, 0, 1, ELECT_ALIVE);
	world_tell(&w, 1, 0, ELECT_ALIVE);
}

static bool is_returning(size_t node)
{
	struct elect_quorum q;

	elect_quorum(w.nodes[node].e, &q);
	return q.returning;
}

Test(voters, who_left_and_comes_back_in_a_split_counts_for_nothing)
{
	struct elect_voter_view v;

	leave_the_third_alone();
	bring_back_the_others();
	world_run(&w, 20 * SILENT_MS);
	cr_expect_eq(world_owner(&w, 0), 2, "the only voter serves, and nobody else");
	for (size_t i = 0; i < 2; i++) {
		cr_expect(is_returning(i));
		cr_expect_not(world_quorate(&w, i));
	}
	cr_assert(elect_voter_at(w.nodes[1].e, 0, &v));
	cr_expect_str_eq(v.name, "lb-03", "it is not in the list itself");
	cr_expect_eq(voters(2), 1);
}

Test(voters, who_left_counts_again_once_it_hears_those_who_stayed)
{
	leave_the_third_alone();
	bring_back_the_others();
	world_run(&w, 2 * SILENT_MS);
	w.cut[0][2] = w.cut[2][0] = w.cut[1][2] = w.cut[2][1] = false;
	for (size_t i = 0; i < 2; i++)
		world_meet(&w, i);
	world_run(&w, 2 * SILENT_MS);
	for (size_t i = 0; i < 3; i++) {
		cr_expect_not(is_returning(i));
		cr_expect(world_quorate(&w, i));
		cr_expect_eq(voters(i), 3);
	}
	cr_expect_eq(world_owner(&w, 0), 2);
}

Test(voters, who_left_last_of_all_counts_at_once)
{
	leave_the_third_alone();
	elect_stop(w.nodes[2].e, w.now, true);
	world_drain(&w);
	world_crash(&w, 2);
	world_start(&w, 2);
	world_run(&w, 2 * SILENT_MS);
	cr_expect_not(is_returning(2));
	cr_expect_eq(world_owner(&w, 0), 2);
	world_start(&w, 0);
	cr_expect(is_returning(0));
	world_meet(&w, 0);
	cr_expect(is_returning(0), "lb-02 left after it: it does not know");
	world_repair(&w, 2, 0);
	cr_expect_not(is_returning(0), "it hears who is there");
}

Test(voters, those_who_will_not_return_are_forgotten_by_who_comes_back)
{
	leave_the_third_alone();
	world_crash(&w, 2);
	bring_back_the_others();
	world_run(&w, 2 * SILENT_MS);
	cr_expect_eq(world_owner(&w, 0), -1);
	cr_expect_eq(elect_forget(w.nodes[0].e, w.now, world_id(2)), ELECT_STRUCK);
	world_drain(&w);
	world_run(&w, 2 * SILENT_MS);
	cr_expect(world_quorate(&w, 0) && world_quorate(&w, 1));
	cr_expect_geq(world_owner(&w, 0), 0);
}

Test(voters, where_no_quorum_is_asked_for_who_left_serves_at_once)
{
	leave_the_third_alone();
	w.rule = ELECT_NONE;
	world_start(&w, 0);
	world_run(&w, 2 * SILENT_MS);
	cr_expect_not(is_returning(0));
	cr_expect(world_quorate(&w, 0));
}

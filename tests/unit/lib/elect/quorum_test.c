#include "world.h"

#include <criterion/criterion.h>

static struct world w;

static void stop_world(void)
{
	world_end(&w);
}

static void check_text(size_t node, const char *want)
{
	struct elect_quorum q;

	elect_quorum(w.nodes[node].e, &q);
	cr_expect_str_eq(q.text, want);
}

/* Two nodes that own one address; the owner is returned. */
static size_t two_nodes(bool has_gateway)
{
	world_make(&w, 2);
	w.has_gateway = has_gateway;
	world_boot(&w);
	cr_assert_geq(world_owner(&w, 0), 0);
	return (size_t)world_owner(&w, 0);
}

TestSuite(quorum, .fini = stop_world);

Test(quorum, a_single_node_owns_its_address_at_once)
{
	world_make(&w, 1);
	world_start(&w, 0);
	world_tell(&w, 0, 0, ELECT_ALIVE);
	world_run(&w, SILENT_MS);
	cr_expect_eq(world_owner(&w, 0), 0);
	check_text(0, "the only voter");
}

Test(quorum, two_voters_are_awaited_at_boot)
{
	world_make(&w, 2);
	w.has_gateway = true;
	world_start(&w, 0);
	world_run(&w, 60000);
	cr_expect_eq(world_owner(&w, 0), -1);
	check_text(0, "waiting for 192.0.2.2:7946, which was not heard since this node started: "
		      "start it, or forget "
		      "it");
	world_start(&w, 1);
	world_meet(&w, 1);
	world_run(&w, 2 * SILENT_MS);
	cr_expect_geq(world_owner(&w, 0), 0);
	check_text(0, "two voters, which hear each other");
}

Test(quorum, a_program_started_anew_on_a_machine_that_served_alone_does_not_wait)
{
	world_make(&w, 2);
	w.has_gateway = w.resumed = true;
	world_start(&w, 0);
	world_run(&w, 2 * SILENT_MS);
	cr_expect_eq(world_owner(&w, 0), 0);
}

Test(quorum, of_two_with_a_gateway_the_survivor_takes_over_in_the_call_that_tells_of_the_death)
{
	size_t dead = two_nodes(true), alive = 1 - dead;

	world_crash(&w, dead);
	world_tell(&w, alive, dead, ELECT_SUSPECT);
	world_run(&w, 50);
	cr_expect_eq(world_owner(&w, 0), -1);
	world_tell(&w, alive, dead, ELECT_DEAD);
	cr_expect_eq(world_owner(&w, 0), (int)alive);
	cr_expect_eq(w.nodes[alive].last_hold.cause, ELECT_OWNER_DEAD);
	cr_expect_eq(w.nodes[alive].last_hold.node, world_id(dead));
}

Test(quorum, of_two_without_a_gateway_nobody_takes_over_from_the_dead)
{
	size_t dead = two_nodes(false), alive = 1 - dead;

	world_crash(&w, dead);
	world_tell(&w, alive, dead, ELECT_SUSPECT);
	world_tell(&w, alive, dead, ELECT_DEAD);
	world_run(&w, 10000);
	cr_expect_eq(world_owner(&w, 0), -1);
	cr_expect_not(world_quorate(&w, alive));
}

Test(quorum, without_a_gateway_a_voter_whose_only_peer_was_forgotten_is_alone)
{
	size_t dead = two_nodes(false), alive = 1 - dead;

	world_crash(&w, dead);
	world_tell(&w, alive, dead, ELECT_DEAD);
	world_run(&w, 1000);
	cr_expect_eq(elect_forget(w.nodes[alive].e, w.now, world_id(dead)), ELECT_STRUCK);
	world_drain(&w);
	elect_forgotten(w.nodes[alive].e, w.now, world_id(dead));
	world_run(&w, 1000);
	cr_expect_eq(world_owner(&w, 0), (int)alive);
	check_text(alive, "the only voter");
}

Test(quorum, without_a_gateway_a_voter_whose_only_peer_left_is_alone)
{
	size_t leaver = two_nodes(false), other = 1 - leaver;

	elect_stop(w.nodes[leaver].e, w.now, false);
	world_drain(&w);
	cr_expect_eq(world_owner(&w, 0), (int)other, "handed over at once");
	world_crash(&w, leaver);
	world_tell(&w, other, leaver, ELECT_LEFT);
	world_run(&w, 10000);
	cr_expect_eq(world_owner(&w, 0), (int)other);
}

Test(quorum, the_word_that_a_peer_leaves_may_be_lost)
{
	size_t leaver = two_nodes(false), other = 1 - leaver;

	elect_stop(w.nodes[leaver].e, w.now, false);
	world_drain(&w);
	world_crash(&w, leaver);
	world_tell(&w, other, leaver, ELECT_SUSPECT);
	world_tell(&w, other, leaver, ELECT_DEAD);
	world_run(&w, 10000);
	cr_expect_eq(world_owner(&w, 0), (int)other);
}

Test(quorum, of_two_that_are_cut_only_the_one_with_the_gateway_owns)
{
	size_t owner = two_nodes(true), other = 1 - owner;

	w.nodes[owner].gateway = false;
	world_run(&w, 5000);
	cr_expect_eq(world_owner(&w, 0), (int)owner, "both are heard: the gateway decides nothing");
	world_tell(&w, other, owner, ELECT_SUSPECT);
	world_tell(&w, owner, other, ELECT_SUSPECT);
	world_run(&w, SILENT_MS);
	world_part(&w, owner, other);
	cr_expect(w.nodes[other].has[0]);
	world_run(&w, 2 * SILENT_MS);
	cr_expect_eq(world_owner(&w, 0), (int)other);
	cr_expect_eq(w.nodes[owner].last_drop.cause, ELECT_NO_QUORUM);
	world_heal(&w, owner, other);
	world_run(&w, 5000);
	cr_expect_eq(world_owner(&w, 0), (int)other);
}

Test(quorum, an_owner_keeps_its_address_while_the_gateway_is_being_asked)
{
	size_t owner = two_nodes(true), other = 1 - owner;

	/* No doubt came before: the gateway was last asked up to a second ago. */
	world_run(&w, 900);
	world_crash(&w, other);
	world_tell(&w, owner, other, ELECT_DEAD);
	world_run(&w, 5000);
	cr_expect_eq(world_owner(&w, 0), (int)owner);
	cr_expect_eq(w.nodes[owner].drops[0], 0);
}

Test(quorum, who_loses_the_gateway_while_it_is_alone_lets_go)
{
	size_t owner = two_nodes(true), other = 1 - owner;

	world_crash(&w, other);
	world_tell(&w, owner, other, ELECT_SUSPECT);
	world_run(&w, 50);
	world_tell(&w, owner, other, ELECT_DEAD);
	world_run(&w, 60000);
	cr_expect_eq(world_owner(&w, 0), (int)owner);
	w.nodes[owner].gateway = false;
	world_run(&w, 2 * SILENT_MS + 100);
	cr_expect_eq(world_owner(&w, 0), -1);
	w.nodes[owner].gateway = true;
	world_run(&w, SILENT_MS - 100);
	cr_expect_eq(world_owner(&w, 0), -1, "the other one may be heard with its next beats");
	world_run(&w, 300);
	cr_expect_eq(world_owner(&w, 0), (int)owner);
}

Test(quorum, who_was_cut_off_from_all_waits_for_the_other_one_when_the_gateway_is_back)
{
	size_t owner = two_nodes(true), other = 1 - owner;

	w.nodes[owner].gateway = false;
	world_tell(&w, other, owner, ELECT_SUSPECT);
	world_tell(&w, owner, other, ELECT_SUSPECT);
	world_run(&w, SILENT_MS);
	world_part(&w, owner, other);
	world_run(&w, 5000);
	cr_assert_eq(world_owner(&w, 0), (int)other);
	/* The cable is well: the gateway is heard first. */
	w.nodes[owner].gateway = true;
	world_run(&w, SILENT_MS / 2);
	cr_expect_eq(world_owner(&w, 0), (int)other);
	world_heal(&w, owner, other);
	world_run(&w, 1000);
	cr_expect_eq(world_owner(&w, 0), (int)other);
	cr_expect_eq(w.nodes[other].drops[0], 0);
}

Test(quorum, an_answer_from_before_the_doubt_is_not_enough_to_take_over)
{
	size_t owner = two_nodes(true), other = 1 - owner;

	world_run(&w, 1000);
	w.nodes[other].gateway = false; /* its cable is cut */
	world_run(&w, SILENT_MS);
	world_tell(&w, other, owner, ELECT_SUSPECT);
	world_part(&w, other, owner);
	world_run(&w, 5000);
	cr_expect_not(w.nodes[other].has[0]);
	cr_expect_eq(world_owner(&w, 0), (int)owner);
}

Test(quorum, an_owner_that_hears_nobody_lets_go)
{
	size_t owner;

	world_make(&w, 3);
	world_boot(&w);
	owner = (size_t)world_owner(&w, 0);
	elect_set_alone(w.nodes[owner].e, w.now, true);
	world_drain(&w);
	cr_expect_not(w.nodes[owner].has[0]);
	cr_expect_eq(w.nodes[owner].last_drop.cause, ELECT_NO_QUORUM);
}

Test(quorum, three_against_two_the_majority_owns_all)
{
	world_make(&w, 5);
	w.n_vips = 2;
	w.vips[0].prefer = world_id(0);
	w.vips[1].prefer = world_id(4);
	world_boot(&w);
	cr_assert_eq(world_owner(&w, 0), 0);
	cr_assert_eq(world_owner(&w, 1), 4);
	for (size_t a = 0; a < 3; a++)
		for (size_t b = 3; b < 5; b++)
			world_part(&w, a, b);
	cr_expect_eq(world_owner(&w, 0), 0);
	cr_expect(
		world_owner(&w, 1) >= 0 && world_owner(&w, 1) < 3, "owner %d", world_owner(&w, 1));
	cr_expect_not(world_quorate(&w, 3));
	check_text(3, "2 of 5 voters alive, 3 needed");
	world_run(&w, 5000);
	for (size_t a = 0; a < 3; a++)
		for (size_t b = 3; b < 5; b++)
			world_heal(&w, a, b);
	world_run(&w, 1000);
	cr_expect(
		world_owner(&w, 1) >= 0 && world_owner(&w, 1) < 3, "owner %d", world_owner(&w, 1));
	world_run(&w, 5000);
	cr_expect_eq(world_owner(&w, 1), 4, "back to whom it prefers");
}

Test(quorum, two_of_three_that_stopped_still_count)
{
	world_make(&w, 3);
	world_boot(&w);
	for (size_t i = 0; i < 2; i++) {
		elect_stop(w.nodes[i].e, w.now, false);
		world_drain(&w);
		world_crash(&w, i);
		world_tell_all(&w, i, ELECT_LEFT);
	}
	world_run(&w, 1000);
	cr_expect_eq(world_owner(&w, 0), -1);
	check_text(2, "1 of 3 voters alive, 2 needed");
}

Test(quorum, who_left_for_good_counts_no_more)
{
	world_make(&w, 3);
	world_boot(&w);
	for (size_t i = 0; i < 2; i++) {
		elect_stop(w.nodes[i].e, w.now, true);
		world_drain(&w);
		world_crash(&w, i);
		world_tell_all(&w, i, ELECT_LEFT);
	}
	world_run(&w, 1000);
	cr_expect_eq(world_owner(&w, 0), 2);
	check_text(2, "the only voter");
}

Test(quorum, rule_none_permits_two_owners_and_says_so)
{
	world_make(&w, 2);
	w.rule = ELECT_NONE;
	world_boot(&w);
	world_part(&w, 0, 1);
	world_run(&w, 1000);
	cr_expect_eq(world_owner(&w, 0), -2);
	check_text(0,
		"quorum = \"none\": two nodes that do not hear each other own the same addresses");
	world_heal(&w, 0, 1);
	cr_expect_geq(world_owner(&w, 0), 0, "one of them lets go at once");
}

Test(quorum, the_gateway_is_asked_with_every_beat_as_soon_as_there_is_a_doubt)
{
	size_t owner = two_nodes(true), other = 1 - owner;
	unsigned before;

	before = w.nodes[owner].asked;
	world_run(&w, 10000);
	cr_expect_leq(w.nodes[owner].asked - before, 11);
	before = w.nodes[owner].asked;
	world_tell(&w, owner, other, ELECT_SUSPECT);
	cr_expect_eq(w.nodes[owner].asked - before, 1, "at once");
	world_run(&w, 10 * BEAT_MS);
	cr_expect_eq(w.nodes[owner].asked - before, 11);
}

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

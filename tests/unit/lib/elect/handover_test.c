#include "world.h"

#include <criterion/criterion.h>

static struct world w;

static void stop_world(void)
{
	world_end(&w);
}

static size_t boot(size_t n, size_t preferred)
{
	world_make(&w, n);
	if (preferred < n)
		w.vips[0].prefer = world_id(preferred);
	world_boot(&w);
	cr_assert_geq(world_owner(&w, 0), 0);
	return (size_t)world_owner(&w, 0);
}

enum { NOBODY = 99 };

static void restart(size_t node)
{
	world_start(&w, node);
	world_meet(&w, node);
}

static void kill_node(size_t node)
{
	world_crash(&w, node);
	world_tell_all(&w, node, ELECT_DEAD);
}

TestSuite(handover, .fini = stop_world);

Test(handover, the_preferred_node_gets_it_back_after_preempt_delay)
{
	int heir;

	cr_assert_eq(boot(3, 1), 1);
	kill_node(1);
	heir = world_owner(&w, 0);
	cr_assert_geq(heir, 0);
	world_run(&w, 1000);
	restart(1);
	world_run(&w, 4900);
	cr_expect_eq(world_owner(&w, 0), heir);
	world_run(&w, 700);
	cr_expect_eq(world_owner(&w, 0), 1);
	cr_expect_eq(w.nodes[heir].last_drop.cause, ELECT_HANDED_OVER);
	cr_expect_eq(w.nodes[1].last_hold.cause, ELECT_HANDED_OVER);
	cr_expect_eq(w.nodes[1].last_hold.node, world_id((size_t)heir));
}

Test(handover, preempt_delay_off_leaves_it_where_it_is)
{
	int heir;

	world_make(&w, 3);
	w.vips[0].prefer = world_id(1);
	w.vips[0].preempt_ms = ELECT_PREEMPT_OFF;
	world_boot(&w);
	cr_assert_eq(world_owner(&w, 0), 1);
	kill_node(1);
	heir = world_owner(&w, 0);
	restart(1);
	world_run(&w, 60000);
	cr_expect_eq(world_owner(&w, 0), heir);
}

Test(handover, a_minoritys_digest_does_not_preempt)
{
	int heir;

	cr_assert_eq(boot(3, 1), 1);
	kill_node(1);
	heir = world_owner(&w, 0);
	w.digests[1] = 7;
	restart(1);
	world_run(&w, 20000);
	cr_expect_eq(world_owner(&w, 0), heir);
	w.digests[1] = 0;
	world_tell_all(&w, 1, ELECT_ALIVE);
	world_run(&w, 1000);
	cr_expect_eq(world_owner(&w, 0), 1, "equal again");
}

Test(handover, a_preferred_node_that_reaches_fewer_servers_does_not_preempt)
{
	int heir;

	cr_assert_eq(boot(3, 1), 1);
	kill_node(1);
	heir = world_owner(&w, 0);
	restart(1);
	elect_set_priority(w.nodes[1].e, w.now, 50);
	world_drain(&w);
	world_run(&w, 20000);
	cr_expect_eq(world_owner(&w, 0), heir);
	elect_set_priority(w.nodes[1].e, w.now, ELECT_PRIORITY_FULL);
	world_drain(&w);
	world_run(&w, 100);
	cr_expect_eq(world_owner(&w, 0), 1);
}

Test(handover, an_owner_that_reaches_no_server_hands_over)
{
	size_t owner = boot(3, NOBODY);

	world_run(&w, 6000);
	elect_set_priority(w.nodes[owner].e, w.now, 0);
	world_drain(&w);
	world_run(&w, 100);
	cr_expect_geq(world_owner(&w, 0), 0);
	cr_expect_neq(world_owner(&w, 0), (int)owner);
	cr_expect_eq(w.nodes[owner].last_drop.cause, ELECT_HANDED_OVER);
}

Test(handover, a_stop_hands_over_within_the_call)
{
	size_t owner = boot(3, NOBODY);

	elect_stop(w.nodes[owner].e, w.now, false);
	world_drain(&w);
	cr_expect_geq(world_owner(&w, 0), 0);
	cr_expect_neq(world_owner(&w, 0), (int)owner);
	cr_expect(w.nodes[owner].stopped);
	cr_expect_eq(w.nodes[owner].last_drop.cause, ELECT_HANDED_OVER);
}

Test(handover, a_stop_of_who_owns_nothing_is_done_at_once)
{
	size_t owner = boot(3, NOBODY), other = (owner + 1) % 3;

	elect_stop(w.nodes[other].e, w.now, false);
	world_drain(&w);
	cr_expect(w.nodes[other].stopped);
	cr_expect_eq(world_owner(&w, 0), (int)owner);
}

Test(handover, lost_messages_are_sent_again)
{
	for (unsigned every = 2; every < 5; every++) {
		size_t owner = boot(3, NOBODY);

		w.lose_every = every;
		elect_stop(w.nodes[owner].e, w.now, false);
		world_drain(&w);
		world_run(&w, 200);
		cr_expect_geq(world_owner(&w, 0), 0);
		cr_expect_neq(world_owner(&w, 0), (int)owner);
		cr_expect(w.nodes[owner].stopped);
		world_end(&w);
	}
}

Test(handover, without_any_answer_the_record_of_the_new_owner_is_enough)
{
	size_t owner = boot(3, NOBODY);

	w.lose_kind = ELECT_ACCEPT;
	elect_stop(w.nodes[owner].e, w.now, false);
	world_drain(&w);
	cr_expect_geq(world_owner(&w, 0), 0);
	cr_expect_neq(world_owner(&w, 0), (int)owner);
}

Test(handover, a_stop_asks_the_next_one_when_the_first_does_not_answer)
{
	size_t owner = boot(3, NOBODY);

	w.lose_kind = ELECT_OFFER;
	elect_stop(w.nodes[owner].e, w.now, false);
	world_drain(&w);
	world_run(&w, SILENT_MS + 5);
	w.lose_kind = 0;
	world_run(&w, SILENT_MS);
	cr_expect(w.nodes[owner].stopped);
	cr_expect_geq(world_owner(&w, 0), 0);
	cr_expect_neq(world_owner(&w, 0), (int)owner);
}

Test(handover, a_stop_ends_although_nobody_answers)
{
	size_t owner = boot(3, NOBODY);

	w.lose_kind = ELECT_OFFER;
	elect_stop(w.nodes[owner].e, w.now, false);
	world_drain(&w);
	world_run(&w, 2 * SILENT_MS);
	cr_expect(w.nodes[owner].stopped);
	cr_expect_not(w.nodes[owner].has[0]);
	cr_expect_eq(w.nodes[owner].last_drop.cause, ELECT_STOPPING);
}

Test(handover, a_broken_interface_refuses_and_the_next_one_is_asked)
{
	size_t owner = boot(3, NOBODY), next = (owner + 1) % 3, last = (owner + 2) % 3;

	w.nodes[next].interface_broken = true;
	elect_stop(w.nodes[owner].e, w.now, false);
	world_drain(&w);
	world_run(&w, 10);
	cr_expect_eq(world_owner(&w, 0), (int)last);
}

Test(handover, an_order_given_anywhere_moves_the_address)
{
	for (size_t at = 0; at < 3; at++) {
		size_t owner = boot(3, NOBODY), to = (owner + 1) % 3;

		cr_expect_eq(elect_move(w.nodes[at].e, w.now, 0, world_id(to)), ELECT_STARTED);
		world_drain(&w);
		cr_expect_eq(world_owner(&w, 0), (int)to);
		world_run(&w, 10);
		cr_expect(w.nodes[at].was_moved && w.nodes[at].moved.ok, "given at %zu", at);
		world_end(&w);
	}
}

Test(handover, what_an_operator_moved_stays_although_another_node_is_preferred)
{
	struct elect_vip_view v;

	cr_assert_eq(boot(3, 1), 1);
	elect_move(w.nodes[0].e, w.now, 0, world_id(2));
	world_drain(&w);
	world_run(&w, 60000);
	cr_expect_eq(world_owner(&w, 0), 2);
	elect_vip(w.nodes[0].e, 0, &v);
	cr_expect(v.pinned);
	elect_move(w.nodes[0].e, w.now, 0, world_id(1));
	world_drain(&w);
	cr_expect_eq(world_owner(&w, 0), 1);
	kill_node(1);
	world_run(&w, 1000);
	restart(1);
	world_run(&w, 6000);
	cr_expect_eq(world_owner(&w, 0), 1, "moved to the preferred one, it prefers again");
}

Test(handover, orders_that_cannot_be_are_refused_with_the_reason)
{
	size_t owner = boot(3, NOBODY), other = (owner + 1) % 3;

	cr_expect_eq(elect_move(w.nodes[other].e, w.now, 0, world_id(owner)), ELECT_THERE);
	cr_expect_eq(elect_move(w.nodes[other].e, w.now, 0, 4711), ELECT_NO_NODE);
	elect_set_healthy(w.nodes[other].e, w.now, false);
	world_drain(&w);
	cr_expect_eq(elect_move(w.nodes[owner].e, w.now, 0, world_id(other)), ELECT_NOT_READY);
	cr_expect_eq(elect_move(w.nodes[other].e, w.now, 0, world_id(other)), ELECT_NOT_READY);
	kill_node(other);
	cr_expect_eq(elect_move(w.nodes[owner].e, w.now, 0, world_id(other)), ELECT_NO_NODE);
}

Test(handover, an_order_without_an_answer_ends_with_a_failure)
{
	size_t owner = boot(3, NOBODY), at = (owner + 1) % 3;

	w.lose_kind = ELECT_MOVE;
	cr_expect_eq(elect_move(w.nodes[at].e, w.now, 0, world_id(at)), ELECT_STARTED);
	world_drain(&w);
	world_run(&w, 3100);
	cr_expect(w.nodes[at].was_moved && !w.nodes[at].moved.ok);
	cr_expect_str_eq(w.nodes[at].moved.text, "no answer in time");
	cr_expect_eq(world_owner(&w, 0), (int)owner);
}

Test(handover, an_order_reaches_the_owner_although_messages_are_lost)
{
	size_t owner = boot(3, NOBODY), at = (owner + 1) % 3;

	w.lose_every = 2;
	elect_move(w.nodes[at].e, w.now, 0, world_id(at));
	world_drain(&w);
	world_run(&w, 1000);
	cr_expect_eq(world_owner(&w, 0), (int)at);
}

Test(handover, an_older_offer_takes_nothing)
{
	size_t owner = boot(3, NOBODY), to = (owner + 1) % 3;
	uint8_t offer[11] = {0};

	/* Term 0, then 1: both are below what is known. */
	for (uint8_t term = 0; term < 2; term++) {
		offer[9] = term;
		elect_message(w.nodes[to].e, w.now, world_id(owner), ELECT_OFFER,
			span_of(offer, sizeof(offer)));
		world_drain(&w);
	}
	cr_expect_eq(world_owner(&w, 0), (int)owner);
}

#include "world.h"

#include <criterion/criterion.h>

static struct world w;

static void stop_world(void)
{
	world_end(&w);
}

static size_t boot(size_t n)
{
	world_make(&w, n);
	world_boot(&w);
	cr_assert_geq(world_owner(&w, 0), 0);
	return (size_t)world_owner(&w, 0);
}

TestSuite(claims, .fini = stop_world);

Test(claims, after_a_boot_of_all_each_address_has_one_owner_and_all_agree)
{
	struct elect_vip_view v;

	world_make(&w, 5);
	w.n_vips = 2;
	world_boot(&w);
	for (size_t vip = 0; vip < 2; vip++) {
		cr_assert_geq(world_owner(&w, vip), 0);
		for (size_t i = 0; i < 5; i++) {
			elect_vip(w.nodes[i].e, vip, &v);
			cr_expect_eq(v.owner, world_id((size_t)world_owner(&w, vip)));
			cr_expect_eq(v.mine, (int)i == world_owner(&w, vip));
		}
	}
}

Test(claims, the_preferred_node_owns_it_after_a_boot)
{
	for (size_t preferred = 0; preferred < 3; preferred++) {
		world_make(&w, 3);
		w.vips[0].prefer = world_id(preferred);
		world_boot(&w);
		cr_expect_eq(world_owner(&w, 0), (int)preferred);
		cr_expect_eq(w.nodes[(preferred + 1) % 3].drops[0], 0, "nobody else had it before");
		world_end(&w);
	}
}

Test(claims, several_addresses_spread_over_the_nodes)
{
	unsigned owned[WORLD_NODES] = {0}, owners = 0;

	for (uint8_t v = 0; v < 20; v++) {
		world_make(&w, 3);
		w.vips[0].ip[15] = v;
		world_boot(&w);
		owned[world_owner(&w, 0)]++;
		world_end(&w);
	}
	for (size_t i = 0; i < 3; i++)
		owners += owned[i] > 0;
	cr_expect_geq(owners, 2);
}

Test(claims, the_survivors_take_over_with_a_higher_term)
{
	size_t owner = boot(3), heir;
	struct elect_vip_view v;

	elect_vip(w.nodes[owner].e, 0, &v);
	world_crash(&w, owner);
	world_tell_all(&w, owner, ELECT_DEAD);
	cr_assert_geq(world_owner(&w, 0), 0);
	heir = (size_t)world_owner(&w, 0);
	cr_expect_neq(heir, owner);
	cr_expect_gt(w.nodes[heir].last_hold.term, v.term);
	cr_expect_eq(w.nodes[heir].last_hold.cause, ELECT_OWNER_DEAD);
}

Test(claims, without_prefer_an_address_stays_where_it_is)
{
	size_t owner = boot(3);
	int heir;

	world_crash(&w, owner);
	world_tell_all(&w, owner, ELECT_DEAD);
	heir = world_owner(&w, 0);
	world_start(&w, owner);
	world_meet(&w, owner);
	world_run(&w, 60000);
	cr_expect_eq(world_owner(&w, 0), heir);
}

Test(claims, a_node_that_starts_anew_claims_nothing_that_is_owned)
{
	size_t owner = boot(3), other = (owner + 1) % 3;

	world_crash(&w, other);
	world_start(&w, other);
	world_meet(&w, other);
	world_run(&w, 5000);
	cr_expect_eq(world_owner(&w, 0), (int)owner);
	cr_expect_eq(w.nodes[owner].drops[0], 0);
}

Test(claims, an_owner_that_starts_anew_before_its_death_is_known_does_not_lose_it_twice)
{
	size_t owner = boot(3);

	world_crash(&w, owner);
	world_start(&w, owner);
	world_meet(&w, owner);
	world_run(&w, 2 * SILENT_MS);
	cr_expect_geq(world_owner(&w, 0), 0);
}

Test(claims, of_two_owners_that_meet_the_lower_one_lets_go_and_the_other_announces_again)
{
	size_t winner, loser;
	unsigned announced;

	world_make(&w, 2);
	w.has_gateway = true;
	world_boot(&w);
	world_tell(&w, 0, 1, ELECT_SUSPECT);
	world_tell(&w, 1, 0, ELECT_SUSPECT);
	world_part(&w, 0, 1);
	world_run(&w, 1000);
	cr_assert_eq(world_owner(&w, 0), -2, "both reach the gateway");
	announced = w.nodes[0].announced[0] + w.nodes[1].announced[0];
	world_heal(&w, 0, 1);
	cr_assert_geq(world_owner(&w, 0), 0);
	winner = (size_t)world_owner(&w, 0);
	loser = 1 - winner;
	cr_expect_eq(w.nodes[loser].last_drop.cause, ELECT_OUTBID);
	cr_expect_gt(w.nodes[0].announced[0] + w.nodes[1].announced[0], announced);
}

/* Of five nodes the owner dies; what `mute` says reaches nobody (5: nobody is mute). */
static int heir_of_five(size_t mute)
{
	size_t owner = boot(5);

	for (size_t i = 0; mute < 5 && i < 5; i++)
		w.cut[mute][i] = true;
	world_crash(&w, owner);
	world_tell_all(&w, owner, ELECT_DEAD);
	world_run(&w, 4 * SILENT_MS);
	return world_owner(&w, 0);
}

Test(claims, when_the_best_candidate_gets_no_vote_the_next_one_takes_it)
{
	int best = heir_of_five(5), next;

	cr_assert_geq(best, 0);
	world_end(&w);
	next = heir_of_five((size_t)best);
	cr_expect_geq(next, 0);
	cr_expect_neq(next, best);
}

/* Two that do not hear each other, and a third one that hears both. */
Test(claims, a_higher_claim_of_one_that_is_thought_dead_counts_where_a_majority_granted_it)
{
	size_t owner = boot(3), heir;
	struct world_node *n;

	for (size_t i = 0; i < 3; i++) {
		if (i != owner)
			world_tell(&w, i, owner, ELECT_DEAD);
		w.cut[owner][i] = w.cut[i][owner] = true;
	}
	world_run(&w, 4 * SILENT_MS);
	cr_assert_eq(world_owner(&w, 0), -2);
	heir = w.nodes[(owner + 1) % 3].has[0] ? (owner + 1) % 3 : (owner + 2) % 3;
	n = &w.nodes[heir];
	world_tell(&w, owner, heir, ELECT_DEAD);
	cr_assert(w.nodes[owner].has[0], "it hears the third one, and is quorate");
	elect_record(w.nodes[owner].e, w.now, world_id(heir), span_of(n->record, n->record_n));
	world_drain(&w);
	cr_expect_not(w.nodes[owner].has[0]);
	cr_expect_eq(w.nodes[owner].last_drop.cause, ELECT_OUTBID);
	world_run(&w, 4 * SILENT_MS);
	cr_expect_eq(world_owner(&w, 0), (int)heir, "it gets no votes for taking it back");
}

Test(claims, stuck_loops_let_go_and_another_node_takes_over)
{
	size_t owner = boot(3);

	elect_set_healthy(w.nodes[owner].e, w.now, false);
	world_drain(&w);
	cr_expect_not(w.nodes[owner].has[0]);
	cr_expect_eq(w.nodes[owner].last_drop.cause, ELECT_LOOPS_STUCK);
	cr_expect_geq(world_owner(&w, 0), 0, "at once");
	elect_set_healthy(w.nodes[owner].e, w.now, true);
	world_run(&w, 1000);
	cr_expect_neq(world_owner(&w, 0), (int)owner);
}

Test(claims, a_node_that_cannot_put_it_on_its_interface_leaves_it_to_another)
{
	size_t owner = boot(3), next = (owner + 1) % 3, last = (owner + 2) % 3;

	w.nodes[next].interface_broken = true;
	world_crash(&w, owner);
	world_tell_all(&w, owner, ELECT_DEAD);
	world_run(&w, 3 * BEAT_MS);
	cr_expect_eq(world_owner(&w, 0), (int)last);
	world_crash(&w, last);
	world_start(&w, owner);
	world_meet(&w, owner);
	world_tell(&w, owner, last, ELECT_DEAD);
	world_tell(&w, next, last, ELECT_DEAD);
	world_run(&w, 6000);
	cr_expect_eq(world_owner(&w, 0), (int)owner);
}

Test(claims, who_reaches_more_servers_takes_what_is_free)
{
	size_t owner = boot(3), next = (owner + 1) % 3, last = (owner + 2) % 3;

	elect_set_priority(w.nodes[next].e, w.now, 50);
	world_drain(&w);
	cr_expect_eq(world_owner(&w, 0), (int)owner);
	world_crash(&w, owner);
	world_tell_all(&w, owner, ELECT_DEAD);
	cr_expect_eq(world_owner(&w, 0), (int)last);
}

Test(claims, a_paused_node_drops_everything_and_claims_nothing_before_it_knows)
{
	size_t owner = boot(3);

	/* The others think it dead, and took it. */
	for (size_t i = 0; i < 3; i++)
		w.cut[i][owner] = true;
	world_tell_all(&w, owner, ELECT_DEAD);
	w.now = mono_add_ms(w.now, 10000);
	elect_woken(w.nodes[owner].e, w.now);
	world_drain(&w);
	cr_expect_eq(w.nodes[owner].last_drop.cause, ELECT_PAUSED);
	cr_expect_not(w.nodes[owner].has[0]);
	for (size_t i = 0; i < 3; i++)
		w.cut[i][owner] = false;
	world_tell_all(&w, owner, ELECT_ALIVE);
	world_run(&w, 5000);
	cr_expect_geq(world_owner(&w, 0), 0);
	cr_expect_neq(world_owner(&w, 0), (int)owner);
	cr_expect_eq(w.nodes[(size_t)world_owner(&w, 0)].drops[0], 0);
}

Test(claims, a_pause_that_nobody_noticed_gives_the_address_back)
{
	size_t owner = boot(3);

	w.now = mono_add_ms(w.now, 3000);
	elect_woken(w.nodes[owner].e, w.now);
	world_drain(&w);
	world_run(&w, 5000);
	cr_expect_geq(world_owner(&w, 0), 0);
}

Test(claims, a_short_pause_keeps_the_address_while_others_are_asked)
{
	size_t owner = boot(3);

	w.lose_kind = ELECT_SYNCED;
	elect_doubt(w.nodes[owner].e, w.now);
	world_drain(&w);
	world_run(&w, SILENT_MS);
	cr_expect(w.nodes[owner].has[0]);
	cr_expect_not(elect_may_renew(w.nodes[owner].e));
	w.lose_kind = 0;
	world_run(&w, 2 * BEAT_MS);
	cr_expect(elect_may_renew(w.nodes[owner].e));
	cr_expect_eq(w.nodes[owner].drops[0], 0);
}

Test(claims, a_short_pause_without_answers_ends_with_letting_go)
{
	size_t owner = boot(3);

	w.lose_kind = ELECT_SYNC;
	elect_doubt(w.nodes[owner].e, w.now);
	world_drain(&w);
	world_run(&w, 2 * SILENT_MS + 1);
	cr_expect_not(w.nodes[owner].has[0]);
}

Test(claims, nothing_is_claimed_before_all_that_are_heard_have_answered)
{
	world_make(&w, 3);
	w.lose_kind = ELECT_SYNCED;
	for (size_t i = 0; i < 3; i++)
		world_start(&w, i);
	for (size_t i = 0; i < 3; i++)
		world_meet(&w, i);
	world_run(&w, 5000);
	cr_expect_eq(world_owner(&w, 0), -1);
	w.lose_kind = 0;
	world_run(&w, 2 * SILENT_MS);
	cr_expect_geq(world_owner(&w, 0), 0);
}

Test(claims, hostile_records_and_messages_change_nothing)
{
	size_t owner = boot(3), other = (owner + 1) % 3;
	uint8_t junk[ELECT_VALUE_MAX];

	for (unsigned round = 0; round < 20000; round++) {
		size_t n = (round * 7919u) % 100;

		for (size_t i = 0; i < n; i++)
			junk[i] = (uint8_t)((round * 31 + i * 17) ^ (round >> 3));
		elect_message(w.nodes[owner].e, w.now, world_id(other), (uint8_t)(round % 9),
			span_of(junk, n));
		world_drain(&w);
	}
	cr_expect_eq(world_owner(&w, 0), (int)owner);
}

Test(claims, addresses_that_look_the_same_on_the_wire_are_refused)
{
	struct elect_vip two[2] = {{.ip = {1}}, {.ip = {1}}};
	struct elect_vip other[2] = {{.ip = {1}}, {.ip = {2}}};

	cr_expect(elect_vips_clash(two, 2));
	cr_expect_not(elect_vips_clash(other, 2));
}

/* Members, beats, votes and deaths, on the network of net.h. */
#include "net.h"

#include <criterion/criterion.h>

static struct net *started(int n)
{
	struct net *net = net_new(n, n < 3 ? n : 3, 25, 300, (uint64_t)n);

	net_start_all(net);
	cr_assert(net_until(net, 2000, net_agrees));
	net_run(net, 500);
	return net;
}

static uint64_t changes_of(struct net *net, int of)
{
	uint64_t n = 0;

	for (int i = 0; i < net->n; i++)
		n += net->nodes[i].changes[of];
	return n;
}

static void clear_changes(struct net *net)
{
	for (int i = 0; i < net->n; i++) {
		memset(net->nodes[i].changes, 0, sizeof(net->nodes[i].changes));
		memset(net->nodes[i].deaths, 0, sizeof(net->nodes[i].deaths));
	}
}

/* How long after `since` the last of them found it dead; fails where one did not. */
static double latest_ms(struct net *net, int dead, uint64_t since)
{
	uint64_t latest = since;

	for (int i = 0; i < net->n; i++) {
		if (i == dead || !net->nodes[i].running)
			continue;
		cr_assert_eq(net->nodes[i].said[dead], GOSSIP_DEAD, "n%d", i);
		cr_assert_geq(net->nodes[i].said_at[dead], since);
		if (net->nodes[i].said_at[dead] > latest)
			latest = net->nodes[i].said_at[dead];
	}
	return (double)(latest - since) / 1000;
}

Test(gossip, a_configuration_beyond_the_limits_is_refused)
{
	struct net *net = net_new(1, 0, 25, 300, 1);
	struct gossip_config c = net->nodes[0].config;

	c.epoch = 1;
	c.silent_ms = 299;
	cr_assert_null(gossip_new(&c, net_time(net, 0)), "fewer than 12 beats");
	c.silent_ms = 300;
	c.node = "";
	cr_assert_null(gossip_new(&c, net_time(net, 0)), "no name");
	c.node = "n";
	c.epoch = UINT64_C(1) << 48;
	cr_assert_null(gossip_new(&c, net_time(net, 0)), "an epoch of 49 bits");
	c.epoch = 1;
	c.id = 0;
	cr_assert_null(gossip_new(&c, net_time(net, 0)), "no id");
	net_free(net);
}

Test(gossip, two_nodes_meet_by_one_address_within_a_round_trip_and_a_half)
{
	struct net *net = net_new(2, 1, 25, 300, 1);
	uint64_t from = net->now;

	net_start_all(net);
	cr_assert(net_until(net, 1000, net_agrees));
	cr_assert_lt(net->now - from, 3 * net->delay_max_us);
	net_free(net);
}

Test(gossip, twenty_nodes_that_know_one_address_all_meet)
{
	struct net *net = net_new(20, 1, 25, 300, 2);

	net_start_all(net);
	cr_assert(net_until(net, 2000, net_agrees));
	net_free(net);
}

Test(gossip, a_peer_that_is_not_there_yet_is_asked_until_it_is)
{
	struct net *net = net_new(2, 2, 25, 300, 3);

	net_start(net, 0);
	net_run(net, 60000);
	net_start(net, 1);
	cr_assert(net_until(net, 50, net_agrees), "it asks, too");
	net_free(net);
}

/* What a reload brings. */
Test(gossip, a_peer_that_is_named_later_is_asked_at_once_and_members_stay_without_it)
{
	struct net *net = net_new(2, 0, 25, 300, 7);
	struct gossip_addr peer = net_addr(1);

	net_start_all(net);
	net_run(net, 3000);
	cr_assert_not(net_agrees(net), "nobody knows an address");
	gossip_set_peers(net->nodes[0].g, net_time(net, 0), &peer, 1);
	cr_assert(net_until(net, 100, net_agrees));
	gossip_set_peers(net->nodes[0].g, net_time(net, 0), NULL, 0);
	clear_changes(net);
	net_run(net, 3000);
	cr_assert(net_agrees(net));
	cr_assert_eq(changes_of(net, 0) + changes_of(net, 1), 0);
	net_free(net);
}

Test(gossip, members_know_name_address_and_version_of_each_other)
{
	struct net *net = started(3);
	struct gossip_addr addr = net_addr(2);
	struct gossip_member m;

	cr_assert(gossip_find(net->nodes[0].g, net_id(2), &m));
	cr_assert_str_eq(m.name, "n2");
	cr_assert_str_eq(m.version, "1.0");
	cr_assert_eq(memcmp(&m.addr, &addr, sizeof(addr)), 0);
	cr_assert(m.balancer);
	cr_assert(m.heard && m.hears_us);
	cr_assert_eq(m.speaks_max, GOSSIP_SPEAKS_MAX);
	net_free(net);
}

/* Of the packets of node 0: how many go to one that is known to hear it. */
struct sureness {
	unsigned packets, sure;
};

static void count_sure(void *arg, const struct net_packet *p)
{
	struct sureness *s = arg;

	s->packets += p->from == 0;
	s->sure += p->from == 0 && p->hears_us;
}

static struct sureness sureness_for(struct net *net, uint64_t ms)
{
	struct sureness s = {0};

	net->tap = count_sure;
	net->tap_arg = &s;
	net_run(net, ms);
	net->tap = NULL;
	return s;
}

Test(gossip, a_packet_tells_whether_its_receiver_hears_us)
{
	struct net *net = net_new(2, 2, 25, 300, 5);
	struct sureness s;

	net_start(net, 0);
	s = sureness_for(net, 2000);
	cr_assert(s.packets > 0 && s.sure == 0, "nobody is there");
	net_start(net, 1);
	net_run(net, 1000);
	s = sureness_for(net, 1000);
	cr_assert(s.packets >= 38 && s.sure == s.packets);
	net->loss = 0.2;
	s = sureness_for(net, 1000);
	cr_assert_gt(s.sure, s.packets / 2);
	net->loss = 0;
	net->cut[0][1] = true; /* it is still heard, and says what it hears */
	net_run(net, 4 * 25 + 10);
	s = sureness_for(net, 150);
	cr_assert(s.packets > 0 && s.sure == 0);
	net_free(net);
}

/* What node 0 sends: in the moment in which a packet comes, or at a time of its own. */
struct company {
	struct net *net;
	uint64_t arrivals[1024];
	size_t n;
	unsigned along, alone;
};

static void note_company(void *arg, const struct net_packet *p)
{
	struct company *c = arg;
	bool along = false;

	if (p->to == 0)
		c->arrivals[c->n++ % 1024] = c->net->now + c->net->delay_min_us;
	if (p->from != 0)
		return;
	for (size_t i = 0; i < c->n && i < 1024; i++)
		along |= c->arrivals[i] == c->net->now;
	c->along += along;
	c->alone += !along;
}

Test(gossip, beats_go_along_with_what_comes_and_are_no_more_for_it)
{
	struct net *net = started(3);
	struct company c = {.net = net};

	net->delay_max_us = net->delay_min_us;
	net_run(net, 1000);
	net->tap = note_company;
	net->tap_arg = &c;
	net_run(net, 10000);
	net->tap = NULL;
	cr_assert_gt(c.along, c.alone, "%u at times of their own", c.alone);
	cr_assert_geq(c.along + c.alone, 2 * 10000 / 25);
	cr_assert_leq(c.along + c.alone, 2 * (10000 * 16 / (25 * 15) + 2));
	net_free(net);
}

Test(gossip, the_round_trip_is_measured)
{
	struct net *net = started(2);
	struct gossip_member m;

	net_run(net, 3000);
	cr_assert(gossip_find(net->nodes[0].g, net_id(1), &m));
	cr_assert_geq(m.rtt_us, 2 * (int64_t)net->delay_min_us);
	cr_assert_leq(m.rtt_us, 2 * (int64_t)net->delay_max_us);
	net_free(net);
}

Test(gossip, a_kill_is_known_to_all_after_two_missed_beats)
{
	struct net *net = started(3);
	uint64_t at = net->now;
	double ms;

	net_kill(net, 2);
	net_run(net, 500);
	ms = latest_ms(net, 2, at);
	cr_assert_geq(ms, 25);
	cr_assert_leq(ms, 60);
	net_free(net);
}

Test(gossip, a_silent_host_is_dead_after_the_silence)
{
	struct net *net = started(3);
	uint64_t at = net->now;
	double ms;

	net_cut(net, 0, 2, true);
	net_cut(net, 1, 2, true);
	net_run(net, 1000);
	ms = latest_ms(net, 2, at);
	cr_assert_geq(ms, 270);
	cr_assert_leq(ms, 340);
	net_free(net);
}

Test(gossip, of_twenty_all_know_of_a_silent_one_in_time)
{
	struct net *net = started(20);
	uint64_t at = net->now;

	net_split(net, 1, true);
	net_run(net, 1000);
	cr_assert_leq(latest_ms(net, 0, at), 340);
	net_free(net);
}

Test(gossip, a_sole_observer_decides)
{
	struct net *net = started(2);
	uint64_t at = net->now;

	net_cut(net, 0, 1, true);
	net_run(net, 1000);
	cr_assert_leq(latest_ms(net, 1, at), 340);
	net_free(net);
}

Test(gossip, the_end_of_a_lifeline_alone_is_no_death)
{
	struct net *net = started(3);

	clear_changes(net);
	gossip_lifeline(net->nodes[0].g, net_time(net, 0), net_id(2), false);
	gossip_lifeline(net->nodes[1].g, net_time(net, 1), net_id(2), false);
	net_run(net, 1000);
	cr_assert_eq(net_state(net, 0, 2), GOSSIP_ALIVE);
	cr_assert_eq(changes_of(net, 2), 0);
	net_free(net);
}

Test(gossip, a_lifeline_that_stands_is_no_proof_of_life)
{
	struct net *net = started(3);
	uint64_t at = net->now;

	net_stop(net, 2);
	net_run(net, 1000);
	cr_assert_leq(latest_ms(net, 2, at), 340);
	net_free(net);
}

Test(gossip, one_link_of_three_cut_kills_nobody_and_does_not_flap)
{
	struct net *net = started(3);

	net_cut(net, 0, 1, true);
	net_run(net, 1000);
	cr_assert_eq(net_state(net, 0, 1), GOSSIP_SUSPECT);
	cr_assert_eq(net_state(net, 2, 1), GOSSIP_SUSPECT);
	clear_changes(net);
	net_run(net, 60000);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(changes_of(net, i), 0, "n%d", i);
	net_cut(net, 0, 1, false);
	cr_assert(net_until(net, 100, net_agrees));
	net_free(net);
}

/* Sends, does not receive. */
Test(gossip, a_deaf_node_is_dead_within_two_silences_and_knows_that_it_hears_nobody)
{
	struct net *net = started(3);
	struct gossip_self self;
	uint64_t at = net->now;

	net->cut[0][2] = net->cut[1][2] = true;
	net_run(net, 600);
	cr_assert_leq(latest_ms(net, 2, at), 600);
	gossip_self(net->nodes[2].g, &self);
	cr_assert(self.alone);
	cr_assert_eq(net_state(net, 2, 0), GOSSIP_DEAD, "nobody is usable from here");
	cr_assert_eq(net_state(net, 0, 1), GOSSIP_ALIVE, "it blames nobody in public");
	net_free(net);
}

/* Receives, is not heard. */
Test(gossip, a_mute_node_knows_it_and_blames_nobody)
{
	struct net *net = started(3);
	struct gossip_self self;
	uint64_t at = net->now;

	net->cut[2][0] = net->cut[2][1] = true;
	net_run(net, 1000);
	cr_assert_leq(latest_ms(net, 2, at), 340);
	gossip_self(net->nodes[2].g, &self);
	cr_assert(self.unheard);
	cr_assert(self.accused);
	cr_assert_eq(net_state(net, 2, 0), GOSSIP_ALIVE);
	cr_assert_eq(net_state(net, 2, 1), GOSSIP_ALIVE);
	net_free(net);
}

Test(gossip, of_two_a_deaf_one_is_dead_to_the_other)
{
	struct net *net = started(2);

	net->cut[0][1] = true;
	net_run(net, 600);
	cr_assert_eq(net_state(net, 0, 1), GOSSIP_DEAD);
	cr_assert_eq(net_state(net, 1, 0), GOSSIP_DEAD);
	net_free(net);
}

Test(gossip, after_a_split_each_side_finds_the_other_dead_and_healing_disturbs_no_majority)
{
	struct net *net = started(5);

	net_split(net, 2, true);
	net_run(net, 1000);
	for (int i = 0; i < 5; i++)
		for (int j = 0; j < 5; j++)
			cr_assert_eq(net_state(net, i, j),
				(i < 2) == (j < 2) ? GOSSIP_ALIVE : GOSSIP_DEAD, "n%d of n%d", i,
				j);
	clear_changes(net);
	net_split(net, 2, false);
	cr_assert(net_until(net, 1500, net_agrees));
	net_run(net, 2000);
	cr_assert(net_agrees(net));
	for (int i = 2; i < 5; i++)
		for (int j = 2; j < 5; j++)
			cr_assert_eq(net->nodes[i].deaths[j], 0, "n%d of n%d", i, j);
	net_free(net);
}

Test(gossip, a_few_that_are_cut_off_from_many_find_them_dead_within_three_silences)
{
	struct net *net = net_new(24, 3, 25, 300, 12);

	for (int i = 0; i < net->n; i++)
		net->nodes[i].config.balancer = false;
	net_start_all(net);
	cr_assert(net_until(net, 2000, net_agrees));
	net_run(net, 1000);
	net_split(net, 3, true);
	net_run(net, 3 * 300 + 200);
	for (int i = 0; i < net->n; i++)
		for (int j = 0; j < net->n; j++)
			cr_assert_eq(net_state(net, i, j),
				(i < 3) == (j < 3) ? GOSSIP_ALIVE : GOSSIP_DEAD, "n%d of n%d", i,
				j);
	net_split(net, 3, false);
	cr_assert(net_until(net, 2000, net_agrees));
	net_free(net);
}

Test(gossip, the_dead_that_speaks_is_told_and_comes_back_by_a_higher_incarnation)
{
	struct net *net = started(3);
	struct gossip_member before, behind;
	struct gossip_stats stats;

	cr_assert(gossip_find(net->nodes[0].g, net_id(2), &before));
	net_split(net, 2, true);
	net_run(net, 1000);
	cr_assert_eq(net_state(net, 0, 2), GOSSIP_DEAD);
	net_split(net, 2, false);
	cr_assert(net_until(net, 600, net_agrees));
	cr_assert(gossip_find(net->nodes[0].g, net_id(2), &behind));
	cr_assert_eq(behind.epoch, before.epoch);
	cr_assert_gt(behind.incarnation, before.incarnation);
	gossip_stats(net->nodes[2].g, &stats);
	cr_assert_eq(stats.refutations, 1);
	net_free(net);
}

Test(gossip, who_heard_nobody_spreads_no_deaths)
{
	struct net *net = started(3);
	struct gossip_stats stats;

	net_split(net, 1, true);
	net_run(net, 2000);
	cr_assert_eq(net_state(net, 0, 1), GOSSIP_DEAD);
	net_split(net, 1, false);
	clear_changes(net);
	cr_assert(net_until(net, 1000, net_agrees));
	for (int i = 1; i < 3; i++) {
		gossip_stats(net->nodes[i].g, &stats);
		cr_assert_eq(stats.refutations, 0, "nobody told n%d that it is dead", i);
	}
	net_free(net);
}

Test(gossip, a_node_whose_own_loop_stood_still_votes_for_nobody)
{
	struct net *net = started(2);
	struct gossip_stats before, behind;
	struct gossip_self self;

	gossip_stats(net->nodes[0].g, &before);
	net_stop(net, 0);
	net_run(net, 10000);
	for (size_t i = 0; i < net->n_wire; i++)
		net->wire[i]->to = -1;
	net->n_wire = 0; /* what waited for it is lost */
	net_continue(net, 0);
	net_run(net, 10);
	gossip_self(net->nodes[0].g, &self);
	cr_assert(self.lagging);
	net_run(net, 1000);
	gossip_stats(net->nodes[0].g, &behind);
	cr_assert_eq(behind.votes_cast, before.votes_cast);
	cr_assert(net_agrees(net));
	net_free(net);
}

Test(gossip, no_false_verdict_in_ten_minutes_of_20_percent_loss)
{
	struct net *net = started(5);
	struct gossip_stats stats;

	net->loss = 0.2;
	net_run(net, 600000);
	for (int i = 0; i < 5; i++) {
		gossip_stats(net->nodes[i].g, &stats);
		cr_assert_eq(stats.deaths, 0);
	}
	net_free(net);
}

/* It may have connections to wait for, long after. */
Test(gossip, who_has_left_does_not_call_the_others_dead_because_they_speak_to_it_no_more)
{
	struct net *net = started(2);

	clear_changes(net);
	gossip_leave(net->nodes[0].g, net_time(net, 0));
	net_run(net, 10000);
	cr_assert_eq(net->nodes[1].said[0], GOSSIP_LEFT);
	cr_assert_eq(net->nodes[0].said[1], GOSSIP_ALIVE);
	cr_assert_eq(net->nodes[0].deaths[1], 0);
	net_free(net);
}

Test(gossip, who_leaves_is_left_at_once_and_is_not_missed)
{
	struct net *net = started(3);
	struct gossip_stats stats;

	gossip_leave(net->nodes[2].g, net_time(net, 2));
	net_drain(net, 2);
	net_run(net, 10);
	cr_assert_eq(net_state(net, 0, 2), GOSSIP_LEFT);
	cr_assert_eq(net_state(net, 1, 2), GOSSIP_LEFT);
	net_run(net, 100);
	net_kill(net, 2);
	net_run(net, 2000);
	cr_assert_eq(net_state(net, 0, 2), GOSSIP_LEFT);
	gossip_stats(net->nodes[0].g, &stats);
	cr_assert_eq(stats.votes_cast, 0);
	net_start(net, 2);
	cr_assert(net_until(net, 1000, net_agrees), "and comes back by itself");
	net_free(net);
}

Test(gossip, a_restart_comes_back_with_a_higher_epoch_before_it_is_missed)
{
	struct net *net = started(3);
	struct gossip_member before, behind;
	uint64_t at = net->now;

	cr_assert(gossip_find(net->nodes[0].g, net_id(2), &before));
	net_kill(net, 2);
	net_start(net, 2);
	cr_assert(net_until(net, 1000, net_agrees));
	net_run(net, 1000);
	cr_assert(net_agrees(net));
	cr_assert(gossip_find(net->nodes[0].g, net_id(2), &behind));
	cr_assert_gt(behind.epoch, before.epoch);
	cr_assert_lt(net->nodes[0].said_at[2], at, "nobody saw it dead");
	net_free(net);
}

Test(gossip, state_lost_and_a_clock_set_back_still_lead_above_the_old_epoch)
{
	struct net *net = started(3);
	struct gossip_member before, behind;

	cr_assert(gossip_find(net->nodes[0].g, net_id(2), &before));
	net_kill(net, 2);
	net_run(net, 1000);
	net->nodes[2].wall_offset_ms = -86400000;
	net->nodes[2].epochs = net->nodes[2].config.epoch = 0;
	net_start(net, 2);
	cr_assert(net_until(net, 1000, net_agrees));
	cr_assert(gossip_find(net->nodes[0].g, net_id(2), &behind));
	cr_assert_gt(behind.epoch, before.epoch);
	cr_assert_geq(net->nodes[2].epochs_told, 1, "to be stored");
	cr_assert_eq(net->nodes[2].epochs, behind.epoch);
	net_free(net);
}

Test(gossip, all_at_once_come_back_within_three_seconds_of_loss)
{
	struct net *net = started(5);

	net->loss = 0.2;
	for (int i = 0; i < 5; i++)
		net_kill(net, i);
	for (int i = 0; i < 5; i++)
		net_start(net, i);
	cr_assert(net_until(net, 3000, net_agrees));
	net_free(net);
}

Test(gossip, only_the_dead_are_struck_off_and_everywhere)
{
	struct net *net = started(3);

	cr_assert_not(gossip_forget(net->nodes[0].g, net_time(net, 0), net_id(2)));
	cr_assert_not(gossip_forget(net->nodes[0].g, net_time(net, 0), net_id(0)));
	net_kill(net, 2);
	net_run(net, 500);
	cr_assert(gossip_forget(net->nodes[0].g, net_time(net, 0), net_id(2)));
	net_drain(net, 0);
	net_run(net, 200);
	for (int i = 0; i < 2; i++) {
		cr_assert(net->nodes[i].forgot[2]);
		cr_assert_eq(gossip_count(net->nodes[i].g), 2);
	}
	net_start(net, 2);
	cr_assert(net_until(net, 1000, net_agrees), "it may come back with a higher epoch");
	net_free(net);
}

Test(gossip, who_was_away_when_one_was_struck_off_learns_it)
{
	struct net *net = started(4);

	net_kill(net, 3);
	net_run(net, 500);
	net_split(net, 1, true);
	net_run(net, 1000);
	cr_assert(gossip_forget(net->nodes[1].g, net_time(net, 1), net_id(3)));
	net_drain(net, 1);
	net_run(net, 3000);
	net_split(net, 1, false);
	net_run(net, 3000);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(gossip_count(net->nodes[i].g), 3, "n%d", i);
	net_free(net);
}

Test(gossip, versions_are_exchanged_and_the_highest_common_one_is_known)
{
	struct net *net = net_new(3, 1, 25, 300, 9);
	struct gossip_self self;

	net->nodes[0].config.speaks_min = 1;
	net->nodes[0].config.speaks_max = 3;
	net->nodes[1].config.speaks_min = 1;
	net->nodes[1].config.speaks_max = 2;
	net->nodes[2].config.speaks_min = 4;
	net->nodes[2].config.speaks_max = 4;
	net_start_all(net);
	net_run(net, 2000);
	gossip_self(net->nodes[0].g, &self);
	cr_assert_eq(self.speaks, 2);
	cr_assert_eq(gossip_count(net->nodes[0].g), 2, "who speaks nothing of ours is no member");
	net_free(net);
}

Test(gossip, lifelines_are_wanted_to_those_it_observes)
{
	struct net *net = started(3);

	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 3; j++)
			cr_assert_eq(net->nodes[i].lifeline_wanted[j], i != j);
	net_kill(net, 2);
	net_run(net, 500);
	cr_assert_not(net->nodes[0].lifeline_wanted[2]);
	net_free(net);
}

Test(gossip, idle_bandwidth_is_within_the_budget)
{
	static const struct {
		int n;
		uint32_t beat_ms, silent_ms;
		double kilobytes;
	} budgets[] = {{3, 25, 300, 16}, {20, 25, 300, 70}, {100, 50, 600, 40}};

	for (size_t b = 0; b < 3; b++) {
		struct net *net =
			net_new(budgets[b].n, 3, budgets[b].beat_ms, budgets[b].silent_ms, 5);
		uint64_t most = 0;

		net_start_all(net);
		net_run(net, 6000);
		for (int i = 0; i < net->n; i++)
			net->nodes[i].bytes_out = 0;
		net_run(net, 2000);
		for (int i = 0; i < net->n; i++)
			if (net->nodes[i].bytes_out > most)
				most = net->nodes[i].bytes_out;
		cr_expect_leq((double)most / 2000, budgets[b].kilobytes, "N=%d: %f kB/s",
			budgets[b].n, (double)most / 2000);
		net_free(net);
	}
}

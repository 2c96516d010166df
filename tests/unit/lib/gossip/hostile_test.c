/* What an attacker can do with captured packets, and what a machine that was set back does. */
#include "net.h"

#include "gossip/message.h"

#include <criterion/criterion.h>

#include <stdlib.h>

enum { CAPTURE_MAX = 20000 };

struct capture {
	struct net_packet *packets[CAPTURE_MAX];
	size_t n;
};

static void keep(void *arg, const struct net_packet *p)
{
	struct capture *c = arg;

	if (c->n == CAPTURE_MAX)
		return;
	c->packets[c->n] = malloc(sizeof(*p));
	*c->packets[c->n++] = *p;
}

static struct net *started(int n)
{
	struct net *net = net_new(n, n, 25, 300, (uint64_t)n + 90);

	net_start_all(net);
	cr_assert(net_until(net, 2000, net_agrees));
	net_run(net, 500);
	return net;
}

/* What was captured on its way to `to` (addressed packets open nowhere else), all at once. */
static void replay(struct net *net, struct capture *c, int to)
{
	for (size_t i = 0; i < c->n; i++) {
		struct net_packet p = *c->packets[i];

		if (p.addressed && p.to != to)
			continue;
		p.to = to;
		p.at = net->now + i % 1000;
		p.source = net_addr(50); /* the attacker's own */
		net_inject(net, &p);
	}
}

static void check_undisturbed(struct net *net, uint64_t messages)
{
	for (int i = 0; i < net->n; i++) {
		for (int j = 0; j < net->n; j++)
			cr_assert_eq(net_state(net, i, j), GOSSIP_ALIVE, "n%d of n%d", i, j);
		cr_assert_eq(net->nodes[i].messages, messages);
	}
}

static uint64_t epoch_of(struct net *net, int at, int of)
{
	struct gossip_member m;

	cr_assert(gossip_find(net->nodes[at].g, net_id(of), &m));
	return m.epoch;
}

Test(hostile, a_capture_played_again_to_everyone_changes_nothing)
{
	static struct capture c;
	struct net *net = started(3);
	struct gossip_stats stats;

	net->tap = keep;
	net->tap_arg = &c;
	gossip_send(net->nodes[0].g, net_time(net, 0), net_id(1), 1, span_str("offer"));
	net_drain(net, 0);
	net_run(net, 20000);
	net->tap = NULL;
	cr_assert_eq(net->nodes[1].messages, 1);
	net->nodes[1].messages = 0;
	for (int i = 0; i < 3; i++)
		memset(net->nodes[i].changes, 0, sizeof(net->nodes[i].changes));
	for (int i = 0; i < 3; i++)
		replay(net, &c, i);
	net_run(net, 1000);
	check_undisturbed(net, 0);
	gossip_stats(net->nodes[1].g, &stats);
	cr_assert_gt(stats.refused[GOSSIP_REFUSED_REPLAY], 1000);
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 3; j++)
			cr_assert_eq(net->nodes[i].changes[j], 0);
	net_free(net);
}

Test(hostile, a_capture_from_before_a_restart_opens_no_session)
{
	static struct capture c;
	struct net *net = started(3);
	uint64_t epochs[3];

	net->tap = keep;
	net->tap_arg = &c;
	net_run(net, 5000);
	gossip_send(net->nodes[0].g, net_time(net, 0), net_id(1), 1, span_str("offer"));
	net_drain(net, 0);
	net_run(net, 100);
	for (int i = 0; i < 3; i++)
		net_kill(net, i);
	net_run(net, 1000);
	net_start_all(net);
	net_run(net, 1000);
	net->tap = NULL;
	for (int i = 0; i < 3; i++) {
		net->nodes[i].messages = 0;
		epochs[i] = epoch_of(net, 0, i);
	}
	for (int i = 0; i < 3; i++)
		replay(net, &c, i);
	net_run(net, 3000);
	check_undisturbed(net, 0);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(epoch_of(net, 1, i), epochs[i]);
	net_free(net);
}

/* The victim has just started, knows nobody, and gets nothing but old packets of a node that is gone. */
Test(hostile, old_packets_alone_make_nobody_a_member)
{
	static struct capture c;
	struct net *net = started(2);

	net->tap = keep;
	net->tap_arg = &c;
	net_run(net, 5000);
	net->tap = NULL;
	net_kill(net, 0);
	net_kill(net, 1);
	net_run(net, 100);
	net_start(net, 0);
	for (int round = 0; round < 20; round++) {
		replay(net, &c, 0);
		net_run(net, 200);
	}
	cr_assert_eq(gossip_count(net->nodes[0].g), 1);
	net_free(net);
}

Test(hostile, while_old_packets_rain_down_a_restarted_node_joins_again)
{
	static struct capture c;
	struct net *net = started(3);

	net->tap = keep;
	net->tap_arg = &c;
	net_run(net, 10000);
	net->tap = NULL;
	net_kill(net, 2);
	net_run(net, 500);
	net_start(net, 2);
	for (int round = 0; round < 100 && !net_agrees(net); round++) {
		for (int i = 0; i < 3; i++)
			replay(net, &c, i);
		net_run(net, 10);
	}
	cr_assert(net_agrees(net));
	net_free(net);
}

Test(hostile, answers_to_old_packets_are_rationed)
{
	static struct capture c;
	struct net *net = started(2);
	struct gossip_stats before, behind;

	net->tap = keep;
	net->tap_arg = &c;
	net_run(net, 20000);
	net->tap = NULL;
	net_kill(net, 1);
	net_kill(net, 0);
	net_start(net, 0);
	net_run(net, 100);
	gossip_stats(net->nodes[0].g, &before);
	for (int round = 0; round < 10; round++) {
		replay(net, &c, 0);
		net_run(net, 100);
	}
	gossip_stats(net->nodes[0].g, &behind);
	cr_assert_gt(behind.packets_in - before.packets_in, 5000);
	cr_assert_lt(behind.packets_out - before.packets_out, 500);
	net_free(net);
}

/* Set back to a snapshot: it counts again from where it was, in the epoch it had. */
Test(hostile, a_machine_set_back_to_a_snapshot_notices_and_goes_on)
{
	struct net *net = started(3);
	struct net_node *node = &net->nodes[2];
	uint64_t epoch = epoch_of(net, 0, 2);

	net_run(net, 20000);
	net_kill(net, 2);
	node->config.epoch = epoch;
	node->g = gossip_new(&node->config, net_time(net, 2)); /* as it was at its start */
	node->running = true;
	cr_assert(net_until(net, 1000, net_agrees));
	net_run(net, 1000);
	cr_assert(net_agrees(net));
	cr_assert_gt(epoch_of(net, 0, 2), epoch);
	cr_assert_geq(node->epochs_told, 1);
	net_free(net);
}

Test(hostile, what_two_nodes_say_to_a_third_of_the_future_is_jumped_over)
{
	struct net *net = started(2);
	uint8_t bytes[GOSSIP_PAYLOAD_MAX];
	struct wire_writer w = wire_write(bytes, sizeof(bytes));
	struct message_challenge c = {.to_epoch = epoch_of(net, 0, 1)};
	struct gossip_addr from = net_addr(0);
	uint64_t far = epoch_of(net, 0, 1) + 1000000;

	c.known_epoch = far;
	message_put_head(&w, &(struct message_head){epoch_of(net, 1, 0), 1000000});
	message_put_challenge(&w, &c);
	gossip_input(net->nodes[1].g, net_time(net, 1), &from, net_id(0), true,
		span_of(bytes, wire_written(&w)));
	net_drain(net, 1);
	cr_assert_eq(net->nodes[1].epochs, far + 1);
	net->nodes[1].running = true;
	cr_assert(net_until(net, 1000, net_agrees));
	net_free(net);
}

Test(hostile, two_nodes_of_one_name_do_not_chase_each_other_upwards_without_end)
{
	struct net *net = net_new(3, 3, 25, 300, 99);

	net->nodes[2].config.id = net_id(1); /* seals as n1, from another address */
	net_start(net, 0);
	net_start(net, 1);
	net_run(net, 1000);
	net_start(net, 2);
	net_run(net, 10000);
	cr_assert_leq(net->nodes[1].epochs_told, 40, "at most one a silence");
	net_free(net);
}

Test(hostile, garbage_is_counted_and_nothing_else)
{
	struct net *net = started(2);
	struct gossip_stats before, behind;
	struct gossip_addr from = net_addr(9);
	struct prng prng;
	uint8_t bytes[200];

	prng_init(&prng, 4);
	gossip_stats(net->nodes[0].g, &before);
	for (int i = 0; i < 100000; i++) {
		size_t n = prng_below(&prng, sizeof(bytes));

		for (size_t j = 0; j < n; j++)
			bytes[j] = (uint8_t)prng_next(&prng);
		gossip_input(net->nodes[0].g, net_time(net, 0), &from, net_id(1), i % 2,
			span_of(bytes, n));
		net_drain(net, 0);
	}
	gossip_stats(net->nodes[0].g, &behind);
	cr_assert_eq(
		behind.refused[GOSSIP_REFUSED_MALFORMED] - before.refused[GOSSIP_REFUSED_MALFORMED],
		100000);
	cr_assert(net_agrees(net));
	net_free(net);
}

Test(hostile, the_table_of_members_is_full_at_some_time)
{
	struct net *net = started(2);
	struct message_self s = {.speaks_min = 1,
		.speaks_max = 1,
		.addr = net_addr(77),
		.name = span_str("x"),
		.version = span_str("")};
	struct gossip_addr from = net_addr(1);
	struct gossip_stats stats;
	struct message_claim c = {.epoch = 1, .state = CLAIM_DEAD};

	for (uint64_t i = 1; i <= 1000; i++) {
		uint8_t bytes[GOSSIP_PAYLOAD_MAX];
		struct wire_writer w = wire_write(bytes, sizeof(bytes));

		c.id = i;
		message_put_head(&w, &(struct message_head){epoch_of(net, 0, 1), 100000 + i});
		message_put_member(&w, &c, &s);
		gossip_input(net->nodes[0].g, net_time(net, 0), &from, net_id(1), true,
			span_of(bytes, wire_written(&w)));
	}
	cr_assert_eq(gossip_count(net->nodes[0].g), GOSSIP_MEMBERS_MAX);
	gossip_stats(net->nodes[0].g, &stats);
	cr_assert_eq(stats.refused[GOSSIP_REFUSED_FULL], 1002 - GOSSIP_MEMBERS_MAX);
	net_free(net);
}

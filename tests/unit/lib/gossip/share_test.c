/* Records, items and messages between members, on the network of net.h. */
#include "net.h"

#include <criterion/criterion.h>

#include <stdio.h>

static struct net *started(int n)
{
	struct net *net = net_new(n, n < 3 ? n : 3, 25, 300, (uint64_t)n + 50);

	net_start_all(net);
	cr_assert(net_until(net, 2000, net_agrees));
	net_run(net, 500);
	return net;
}

static void publish(struct net *net, int node, uint16_t key, const char *value)
{
	gossip_publish(net->nodes[node].g, net_time(net, node), key, span_str(value));
	net_drain(net, node);
}

static bool has_record(struct net *net, int at, int origin, uint16_t key, const char *value)
{
	return span_eq(gossip_record(net->nodes[at].g, net_id(origin), key), span_str(value));
}

static void set(struct net *net, int node, const char *key, const char *value)
{
	struct item item = {.kind = 2, .key = span_str(key), .value = span_str(value)};

	cr_assert_eq(gossip_item_set(net->nodes[node].g, net_time(net, node), &item), ITEMS_TAKEN);
	net_drain(net, node);
}

static bool has_item(struct net *net, int at, const char *key, const char *value)
{
	struct item item;

	return gossip_item(net->nodes[at].g, 2, span_str(key), &item) &&
	       span_eq(item.value, span_str(value));
}

Test(share, a_record_is_everywhere_one_way_later)
{
	struct net *net = started(20);

	publish(net, 4, 7, "seven");
	net_run(net, 1);
	for (int i = 0; i < 20; i++)
		cr_assert(has_record(net, i, 4, 7, "seven"), "n%d", i);
	cr_assert_eq(net->nodes[0].records, 1);
	net_free(net);
}

Test(share, a_record_that_was_lost_on_the_way_is_repaired)
{
	struct net *net = started(3);

	net->loss = 1;
	publish(net, 0, 7, "seven");
	net_run(net, 30);
	net->loss = 0;
	net_run(net, 250);
	cr_assert(has_record(net, 1, 0, 7, "seven"));
	cr_assert(has_record(net, 2, 0, 7, "seven"));
	net_free(net);
}

Test(share, records_of_the_dead_are_passed_on_until_it_is_struck_off)
{
	struct net *net = net_new(4, 3, 25, 300, 60);

	for (int i = 0; i < 3; i++)
		net_start(net, i);
	net_run(net, 500);
	publish(net, 2, 7, "last words");
	net_run(net, 100);
	net_kill(net, 2);
	net_run(net, 1000);
	net_start(net, 3);
	net_run(net, 1000);
	cr_assert(has_record(net, 3, 2, 7, "last words"));
	cr_assert(gossip_forget(net->nodes[0].g, net_time(net, 0), net_id(2)));
	net_drain(net, 0);
	net_run(net, 100);
	cr_assert_eq(gossip_record(net->nodes[3].g, net_id(2), 7).n, 0);
	net_free(net);
}

Test(share, a_restart_takes_back_what_it_does_not_say_again)
{
	struct net *net = started(3);

	publish(net, 2, 7, "seven");
	publish(net, 2, 8, "eight");
	net_run(net, 100);
	net_kill(net, 2);
	net_start(net, 2);
	publish(net, 2, 8, "eight again");
	net_run(net, 1000);
	cr_assert_eq(gossip_record(net->nodes[0].g, net_id(2), 7).n, 0);
	cr_assert(has_record(net, 0, 2, 8, "eight again"));
	net_free(net);
}

Test(share, an_item_is_in_force_everywhere_one_way_later)
{
	struct net *net = started(20);

	set(net, 3, "b/s", "drain");
	net_run(net, 1);
	for (int i = 0; i < 20; i++)
		cr_assert(has_item(net, i, "b/s", "drain"), "n%d", i);
	cr_assert_eq(net->nodes[3].items, 1, "told where it was set, too");
	cr_assert_eq(net->nodes[0].items, 1);
	net_free(net);
}

Test(share, under_20_percent_loss_an_item_is_everywhere_soon)
{
	struct net *net = started(5);

	net->loss = 0.2;
	for (int round = 0; round < 50; round++) {
		char value[16];

		snprintf(value, sizeof(value), "%d", round);
		set(net, round % 5, "b/s", value);
		net_run(net, 500);
		for (int i = 0; i < 5; i++)
			cr_assert(has_item(net, i, "b/s", value), "n%d, %d", i, round);
	}
	net_free(net);
}

Test(share, after_a_split_the_last_writer_wins_on_both_sides)
{
	struct net *net = started(4);

	net_split(net, 2, true);
	net_run(net, 1000);
	set(net, 0, "b/s", "drain");
	set(net, 0, "b/other", "maint");
	net_run(net, 10);
	set(net, 3, "b/s", "ready");
	net_run(net, 100);
	net_split(net, 2, false);
	net_run(net, 1000);
	for (int i = 0; i < 4; i++) {
		cr_assert(has_item(net, i, "b/s", "ready"), "n%d", i);
		cr_assert(has_item(net, i, "b/other", "maint"), "n%d", i);
	}
	net_free(net);
}

Test(share, a_new_node_gets_ten_thousand_items)
{
	struct net *net = net_new(3, 3, 25, 300, 61);
	char key[32];

	net_start(net, 0);
	net_start(net, 1);
	net_run(net, 300);
	for (int i = 0; i < 10000; i++) {
		snprintf(key, sizeof(key), "10.0.%d.%d", i / 256, i % 256);
		set(net, 0, key, "banned");
		if (i % 100 == 0)
			net_run(net, 1);
	}
	net_run(net, 500);
	net_start(net, 2);
	net_run(net, 5000);
	cr_assert_eq(gossip_items(net->nodes[2].g), 10000);
	net_free(net);
}

Test(share, an_item_with_an_end_ceases_on_every_node)
{
	struct net *net = started(3);
	struct item item = {.kind = 2, .key = span_str("k"), .value = span_str("v")};

	net->nodes[1].wall_offset_ms = 86400000;
	item.until = (struct mono){net->now + 1000000};
	gossip_item_set(net->nodes[0].g, net_time(net, 0), &item);
	net_drain(net, 0);
	net_run(net, 900);
	cr_assert(has_item(net, 1, "k", "v"));
	net_run(net, 150);
	for (int i = 0; i < 3; i++) {
		cr_assert(has_item(net, i, "k", ""), "n%d", i);
		cr_assert_eq(net->nodes[i].items, 2, "n%d was told of both", i);
	}
	net_free(net);
}

Test(share, items_from_disk_are_shared_and_told_to_others_only)
{
	struct net *net = net_new(2, 2, 25, 300, 62);
	struct item item = {.kind = 2, .key = span_str("k"), .value = span_str("v")};

	net_start_all(net);
	item.stamp = 1000;
	item.node = net_id(0);
	cr_assert_eq(gossip_item_load(net->nodes[0].g, net_time(net, 0), &item), ITEMS_TAKEN);
	net_run(net, 1000);
	cr_assert(has_item(net, 1, "k", "v"));
	cr_assert_eq(net->nodes[0].items, 0);
	cr_assert_eq(net->nodes[1].items, 1);
	net_free(net);
}

Test(share, a_message_arrives_once_also_where_the_network_doubles)
{
	struct net *net = started(3);

	net->duplicates = 1;
	cr_assert(gossip_send(net->nodes[0].g, net_time(net, 0), net_id(2), 1, span_str("offer")));
	net_drain(net, 0);
	net_run(net, 10);
	cr_assert_eq(net->nodes[2].messages, 1);
	cr_assert_str_eq(net->nodes[2].message, "offer");
	cr_assert_eq(net->nodes[1].messages, 0);
	net_free(net);
}

Test(share, messages_too_long_or_to_nobody_are_refused)
{
	struct net *net = started(2);
	uint8_t long_one[GOSSIP_MESSAGE_MAX + 1] = {0};
	struct gossip *g = net->nodes[0].g;
	struct gossip_time t = net_time(net, 0);

	cr_assert_not(gossip_send(g, t, net_id(1), 1, span_of(long_one, sizeof(long_one))));
	cr_assert(gossip_send(g, t, net_id(1), 1, span_of(long_one, GOSSIP_MESSAGE_MAX)));
	cr_assert_not(gossip_send(g, t, net_id(7), 1, span_str("x")));
	cr_assert_not(gossip_send(g, t, net_id(0), 1, span_str("x")));
	net_free(net);
}

#include "net.h"

#include <criterion/criterion.h>

/* What one process of a node writes for the next. */
struct carried {
	uint8_t bytes[64][GOSSIP_CARRY_MAX];
	size_t n[64], count;
};

static struct net *net;
static struct carried carried;

static bool keep(void *arg, struct span entry)
{
	struct carried *c = arg;

	cr_assert_lt(c->count, 64);
	cr_assert_leq(entry.n, GOSSIP_CARRY_MAX);
	memcpy(c->bytes[c->count], entry.p, entry.n);
	c->n[c->count++] = entry.n;
	return true;
}

static struct span entry_of(size_t i)
{
	return span_of(carried.bytes[i], carried.n[i]);
}

static void start(void)
{
	net = net_new(3, 3, 25, 300, 7);
	net_start_all(net);
	cr_assert(net_until(net, 5000, net_agrees));
	gossip_publish(net->nodes[0].g, net_time(net, 0), 40, span_str("of the first process"));
	net_drain(net, 0);
	net_run(net, 500);
	carried = (struct carried){.count = 0};
	cr_assert(gossip_carry(net->nodes[0].g, keep, &carried));
}

static void end(void)
{
	net_free(net);
}

static struct gossip *fresh(void)
{
	struct gossip_config config = net->nodes[0].config;

	config.epoch = 1;
	config.seed++;
	return gossip_new(&config, net_time(net, 0));
}

static void replace(void)
{
	struct gossip *g = fresh();

	for (size_t i = 0; i < carried.count; i++)
		cr_assert(gossip_resume(g, net_time(net, 0), entry_of(i)), "entry %zu", i);
	gossip_free(net->nodes[0].g);
	net->nodes[0].g = g;
	memset(net->nodes[0].lifeline_wanted, 0, sizeof(net->nodes[0].lifeline_wanted));
	memset(net->nodes[0].lifeline_open, 0, sizeof(net->nodes[0].lifeline_open));
	net_drain(net, 0);
}

TestSuite(carry, .init = start, .fini = end);

Test(carry, others_see_the_same_start_of_the_node_and_no_change_of_it)
{
	struct gossip_member before, after;
	uint64_t changes = net->nodes[1].changes[0];

	cr_assert(gossip_find(net->nodes[1].g, net_id(0), &before));
	replace();
	net_run(net, 5000);
	cr_assert(gossip_find(net->nodes[1].g, net_id(0), &after));
	cr_expect_eq(after.epoch, before.epoch);
	cr_expect_eq(after.incarnation, before.incarnation);
	cr_expect_eq(after.since.us, before.since.us);
	cr_expect_eq(net->nodes[1].changes[0], changes);
	cr_expect(net_agrees(net));
	cr_expect_eq(net->nodes[0].epochs_told, 0);
}

Test(carry, records_hold_and_the_next_ones_are_taken)
{
	replace();
	cr_expect(span_eq(
		gossip_record(net->nodes[0].g, net_id(0), 40), span_str("of the first process")));
	gossip_publish(net->nodes[0].g, net_time(net, 0), 40, span_str("of the second"));
	net_drain(net, 0);
	net_run(net, 500);
	cr_expect(
		span_eq(gossip_record(net->nodes[2].g, net_id(0), 40), span_str("of the second")));
	cr_expect_eq(net->nodes[0].epochs_told, 0);
}

Test(carry, messages_pass_both_ways_at_once)
{
	uint64_t messages[2];

	replace();
	messages[0] = net->nodes[0].messages;
	messages[1] = net->nodes[1].messages;
	gossip_send(net->nodes[0].g, net_time(net, 0), net_id(1), 1, span_str("there"));
	net_drain(net, 0);
	gossip_send(net->nodes[1].g, net_time(net, 1), net_id(0), 1, span_str("back"));
	net_drain(net, 1);
	net_run(net, 20);
	cr_expect_eq(net->nodes[1].messages, messages[1] + 1);
	cr_expect_eq(net->nodes[0].messages, messages[0] + 1);
}

Test(carry, another_version_is_told_to_the_others)
{
	struct gossip_member m;

	net->nodes[0].config.version = "9.9";
	replace();
	net_run(net, 1000);
	cr_assert(gossip_find(net->nodes[1].g, net_id(0), &m));
	cr_expect_str_eq(m.version, "9.9");
	cr_expect_eq(m.state, GOSSIP_ALIVE);
}

Test(carry, who_is_dead_stays_dead)
{
	struct gossip_member m;

	net_kill(net, 2);
	net_run(net, 2000);
	carried.count = 0;
	cr_assert(gossip_carry(net->nodes[0].g, keep, &carried));
	replace();
	cr_assert(gossip_find(net->nodes[0].g, net_id(2), &m));
	cr_expect_eq(m.state, GOSSIP_DEAD);
	net_run(net, 1000);
	cr_assert(gossip_find(net->nodes[0].g, net_id(2), &m));
	cr_expect_eq(m.state, GOSSIP_DEAD);
}

Test(carry, an_entry_that_is_cut_or_too_long_is_refused)
{
	uint8_t longer[GOSSIP_CARRY_MAX + 1] = {0};

	for (size_t i = 0; i < carried.count; i++) {
		struct gossip *g = fresh();

		for (size_t k = 0; k < i; k++)
			cr_assert(gossip_resume(g, net_time(net, 0), entry_of(k)));
		for (size_t n = 0; n < carried.n[i]; n++)
			if (carried.bytes[i][0] != 4 ||
				n < 25) /* of a record, its value ends where it ends */
				cr_expect_not(gossip_resume(g, net_time(net, 0),
						      span_of(carried.bytes[i], n)),
					"entry %zu cut at %zu", i, n);
		memcpy(longer, carried.bytes[i], carried.n[i]);
		if (carried.bytes[i][0] != 4)
			cr_expect_not(gossip_resume(
				g, net_time(net, 0), span_of(longer, carried.n[i] + 1)));
		gossip_free(g);
	}
}

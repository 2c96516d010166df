/* Two nodes that talk while one allocation after the other fails: nothing leaks or falls over, and what was lost is
 * repaired when there is memory again. */
#include "../../fault.h"
#include "gossip/gossip.h"

#include <criterion/criterion.h>

enum { NODES = 2, BEAT_MS = 25 };

static struct gossip_addr address(int i)
{
	return (struct gossip_addr){
		.ip = {[10] = 0xff, [11] = 0xff, 10, 0, 0, (uint8_t)(i + 1)}, .port = 7946};
}

static struct gossip *node(int i, struct gossip_time t)
{
	static const char *const names[NODES] = {"a", "b"};
	struct gossip_addr peer = address(1 - i);
	struct gossip_config config = {.node = names[i],
		.id = (uint64_t)i + 1,
		.self = address(i),
		.beat_ms = BEAT_MS,
		.silent_ms = 300,
		.peers = &peer,
		.n_peers = 1,
		.epoch = 1000,
		.seed = (uint64_t)i,
		.version = "1"};

	return gossip_new(&config, t);
}

/* What one has to say is heard by the other at once. */
static void talk(struct gossip *const nodes[NODES], struct gossip_time t)
{
	struct gossip_packet p;
	struct gossip_event e;

	for (int round = 0; round < 8; round++)
		for (int i = 0; i < NODES; i++) {
			struct gossip_addr from = address(i);

			while (gossip_output(nodes[i], t, &p))
				gossip_input(nodes[1 - i], t, &from, (uint64_t)i + 1, p.to != 0,
					p.payload);
			while (gossip_event(nodes[i], &e))
				;
		}
}

static void beats(struct gossip *const nodes[NODES], struct gossip_time *t, int n)
{
	for (int i = 0; i < n; i++) {
		t->now = mono_add_ms(t->now, BEAT_MS + 2);
		t->wall_ms += BEAT_MS + 2;
		for (int j = 0; j < NODES; j++)
			gossip_tick(nodes[j], *t);
		talk(nodes, *t);
	}
}

static void say_something(struct gossip *g, struct gossip_time t)
{
	struct item item = {.kind = 1, .key = span_str("key"), .value = span_str("value")};

	gossip_publish(g, t, 7, span_str("record"));
	gossip_item_set(g, t, &item);
	gossip_send(g, t, 2, 1, span_str("message"));
}

static bool has_all(struct gossip *g)
{
	struct item item;

	return gossip_count(g) == NODES && span_eq(gossip_record(g, 1, 7), span_str("record")) &&
	       gossip_item(g, 1, span_str("key"), &item);
}

Test(fault, a_node_starts_whole_or_not_at_all)
{
	struct gossip_time t = {{1000000}, 1700000000000};

	for (unsigned n = 1; fault_next(n); n++) {
		struct gossip *g = node(0, t);

		cr_assert_eq(g == NULL, fault_struck());
		gossip_free(g);
	}
}

Test(fault, what_is_lost_to_memory_is_repaired)
{
	for (unsigned n = 1; n < 400; n++) {
		struct gossip_time t = {{1000000}, 1700000000000};
		struct gossip *nodes[NODES] = {node(0, t), node(1, t)};
		bool more;

		cr_assert(nodes[0] && nodes[1]);
		more = fault_next(n);
		beats(nodes, &t, 4);
		say_something(nodes[0], t);
		talk(nodes, t);
		beats(nodes, &t, 4);
		fault_struck();
		if (more) {
			say_something(nodes[0], t);
			beats(nodes, &t, 60);
			cr_assert(has_all(nodes[1]), "after the allocation %u failed", n);
		}
		for (int i = 0; i < NODES; i++)
			gossip_free(nodes[i]);
		if (!more)
			return;
	}
}

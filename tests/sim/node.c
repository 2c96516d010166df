#include "node.h"

#include "base/bug.h"
#include "check.h"
#include "network.h"

#include <stdlib.h>

void node_init(struct sim *s, struct node *node, uint32_t index)
{
	const struct scenario *c = &s->scenario;

	node->index = index;
	snprintf(node->name, sizeof node->name, "n%u", index);
	node->id = prng_next(&s->rng) | 1;
	node->addr = (struct gossip_addr){.port = 7946};
	node->addr.ip[10] = node->addr.ip[11] = 0xff;
	node->addr.ip[12] = 10;
	node->addr.ip[14] = (uint8_t)(index >> 8);
	node->addr.ip[15] = (uint8_t)index;
	node->balancer = index < c->balancers;
	node->armed = UINT64_MAX;
	node->mono_us = 1000000 + sim_below(s, UINT64_C(1) << 40);
	node->wall_ms = (int64_t)sim_below(s, 2000) - 1000;
}

void node_release(struct node *node)
{
	gossip_free(node->gossip);
	elect_free(node->elect);
	free(node->stored_items);
	node->gossip = NULL;
	node->elect = NULL;
	node->stored_items = NULL;
}

/* --- disk --- */

/* Items are on disk before a command is answered; here it is enough to write them as the process ends. */
static void store(struct sim *s, struct node *node)
{
	size_t n = gossip_items(node->gossip), room = n * (2 + ITEM_BYTES_MAX) + 1;
	struct wire_writer w;

	free(node->stored_items);
	node->stored_items = malloc(room);
	BUG_ON(!node->stored_items);
	w = wire_write(node->stored_items, room);
	for (size_t i = 0; i < n; i++) {
		struct wire_writer length = w;
		struct item item;

		gossip_item_at(node->gossip, i, &item);
		wire_put_u16(&w, 0);
		item_encode(&w, node_mono(s, node), &item);
		wire_put_u16(&length, (uint16_t)(w.p - length.p - 2));
	}
	node->stored_bytes = wire_written(&w);
}

/* The lifetimes stand still while it is off, as on a machine whose wall clock cannot be believed. */
static void load(struct sim *s, struct node *node)
{
	struct wire_reader r = wire_read(span_of(node->stored_items, node->stored_bytes));

	while (wire_left(&r) > 0) {
		struct item item;
		struct span body = wire_bytes(&r, wire_u16(&r));

		if (item_decode(body, node_mono(s, node), &item))
			gossip_item_load(node->gossip, node_time(s, node), &item);
	}
}

void node_forget_disk(struct node *node)
{
	node->stored_epoch = 0;
	node->stored_bytes = 0;
	node->served_alone = false;
}

/* --- life --- */

static struct gossip *gossip_for(struct sim *s, struct node *node)
{
	const struct scenario *c = &s->scenario;
	struct gossip_addr peers[SIM_NODES_MAX];
	uint64_t wall = node_time(s, node).wall_ms;
	struct gossip_config config = {
		.node = node->name,
		.id = node->id,
		.self = node->addr,
		.balancer = node->balancer,
		.beat_ms = c->beat_ms,
		.silent_ms = c->silent_ms,
		.peers = peers,
		.epoch = node->stored_epoch + 1 > wall ? node->stored_epoch + 1 : wall,
		.seed = prng_next(&s->rng),
		.version = "1.0",
		.items = {0, c->tight},
	};

	for (uint32_t i = 0; i < c->peers && i < s->n; i++)
		peers[config.n_peers++] = s->nodes[i].addr;
	node->stored_epoch = config.epoch;
	return gossip_new(&config, node_time(s, node));
}

void node_start(struct sim *s, struct node *node)
{
	bool resumed = node->state == NODE_DOWN && node->served_alone;

	BUG_ON(node->state == NODE_RUNNING || node->state == NODE_PAUSED);
	node->run++;
	node->state = NODE_RUNNING;
	node->leaving = false;
	node->armed = UINT64_MAX;
	node->served_alone = false;
	node->gossip = gossip_for(s, node);
	BUG_ON(!node->gossip);
	network_touched(s, node->index);
	check_started(s, node);
	load(s, node);
	for (uint32_t v = 0; v < SIM_VIPS_MAX; v++)
		node->lease[v] = 0; /* what a former run left is swept */
	if (node->balancer && s->scenario.vips > 0)
		BUG_ON(!vip_start(s, node, resumed));
	node_set_digest(s, node, node->digest);
	sim_say(s, node, "starts, epoch %llu", (unsigned long long)node->stored_epoch);
	node_drain(s, node);
}

static void end_process(struct sim *s, struct node *node)
{
	struct elect_quorum quorum = {0};

	store(s, node);
	if (node->elect) {
		elect_quorum(node->elect, &quorum);
		node->served_alone = quorum.met && quorum.alive == 1;
	}
	gossip_free(node->gossip);
	elect_free(node->elect);
	node->gossip = NULL;
	node->elect = NULL;
	network_drop_backlog(s, node);
	lifeline_lost(s, node);
	network_touched(s, node->index);
	memset(node->holds, 0, sizeof node->holds);
	check_holders(s);
}

void node_kill(struct sim *s, struct node *node, bool host)
{
	if (node->state == NODE_DOWN || node->state == NODE_OFF)
		return;
	sim_say(s, node, host ? "is switched off" : "is killed");
	end_process(s, node);
	node->state = host ? NODE_OFF : NODE_DOWN;
	if (host) {
		memset(node->lease, 0, sizeof node->lease);
		node->served_alone = false;
	} else {
		lifeline_ended(s, node);
	}
}

void node_stop(struct sim *s, struct node *node, bool for_good)
{
	if (node->state != NODE_RUNNING || node->leaving)
		return;
	sim_say(s, node, for_good ? "is told to leave" : "is told to stop");
	if (node->elect) {
		elect_stop(node->elect, node_mono(s, node), for_good);
		node_drain(s, node);
		return; /* it leaves once it holds nothing */
	}
	node->leaving = true;
	gossip_leave(node->gossip, node_time(s, node));
	agenda_put(&s->agenda, s->now + 6000 * s->scenario.beat_ms, EVENT_EXIT, node->index,
		node->run, 0);
	node_drain(s, node);
}

void node_exit(struct sim *s, struct node *node, uint32_t run)
{
	if (node->run != run || node->state == NODE_DOWN || node->state == NODE_OFF)
		return;
	sim_say(s, node, "ends");
	end_process(s, node);
	node->state = NODE_DOWN;
	memset(node->lease, 0, sizeof node->lease);
	lifeline_ended(s, node);
}

void node_pause(struct sim *s, struct node *node)
{
	if (node->state != NODE_RUNNING)
		return;
	sim_say(s, node, "is paused");
	node->state = NODE_PAUSED;
	node->paused_at = s->now;
	network_touched(s, node->index);
	check_holders(s);
}

/* As the daemon does: the time that it missed first, then what waited in the socket. */
void node_resume(struct sim *s, struct node *node)
{
	uint64_t lag = s->now - node->paused_at;

	if (node->state != NODE_PAUSED)
		return;
	sim_say(s, node, "goes on after %llu ms", (unsigned long long)lag / 1000);
	node->state = NODE_RUNNING;
	network_touched(s, node->index);
	check_holders(s);
	if (node->elect)
		vip_resume(s, node, lag);
	gossip_lagged(node->gossip, node_time(s, node), lag);
	node_drain(s, node);
	network_backlog(s, node);
	node_tick(s, node);
}

/* --- in --- */

void node_input(struct sim *s, struct node *node, const struct gossip_addr *from, uint64_t sender,
	bool addressed, struct span payload)
{
	gossip_input(node->gossip, node_time(s, node), from, sender, addressed, payload);
	node_drain(s, node);
}

/* Timers are armed late: one that has moved on meanwhile is put again for its new time. */
void node_tick(struct sim *s, struct node *node)
{
	uint64_t mono = node_mono(s, node).us;

	if (node->state != NODE_RUNNING)
		return;
	if (gossip_deadline(node->gossip).us <= mono)
		gossip_tick(node->gossip, node_time(s, node));
	vip_look(s, node);
	if (node->elect && elect_deadline(node->elect).us <= mono)
		elect_tick(node->elect, node_mono(s, node));
	node_drain(s, node);
}

void node_lifeline(struct sim *s, struct node *node, uint64_t id, bool open)
{
	gossip_lifeline(node->gossip, node_time(s, node), id, open);
	node_drain(s, node);
}

/* --- out --- */

static void on_event(struct sim *s, struct node *node, const struct gossip_event *event)
{
	switch (event->event) {
	case GOSSIP_EVENT_MEMBER:
		check_member(s, node, event);
		break;
	case GOSSIP_EVENT_LIFELINE:
		lifeline_want(s, node, event->id, event->wanted);
		break;
	case GOSSIP_EVENT_EPOCH:
		sim_say(s, node, "goes on with epoch %llu", (unsigned long long)event->epoch);
		if (event->epoch <= node->stored_epoch)
			sim_fail(s, node, "its epoch goes back");
		node->stored_epoch = event->epoch;
		break;
	case GOSSIP_EVENT_FORGOTTEN:
		check_forgotten(s, node, event->id);
		break;
	default:
		break;
	}
	if (node->elect)
		vip_event(s, node, event);
}

static void arm(struct sim *s, struct node *node)
{
	uint64_t at = gossip_deadline(node->gossip).us;

	if (node->elect && elect_deadline(node->elect).us < at)
		at = elect_deadline(node->elect).us;
	at = at < node->mono_us + s->now ? s->now : at - node->mono_us;
	if (at >= node->armed)
		return;
	node->armed = at;
	agenda_put(&s->agenda, at, EVENT_TICK, node->index, 0, 0);
}

void node_drain(struct sim *s, struct node *node)
{
	struct gossip_event event;
	struct gossip_packet packet;

	if (node->elect)
		vip_drain(s, node);
	while (gossip_event(node->gossip, &event))
		on_event(s, node, &event);
	while (gossip_output(node->gossip, node_time(s, node), &packet))
		network_send(s, node, &packet);
	arm(s, node);
}

/* --- what operators and servers do --- */

void node_set_item(struct sim *s, struct node *node, uint32_t key, uint32_t life_ms)
{
	char name[16], value[32];
	struct item write = {.kind = life_ms ? NODE_BAN : NODE_SERVER};
	struct item set;

	if (node->state != NODE_RUNNING)
		return;
	write.key = span_of(name, (size_t)snprintf(name, sizeof name, "item-%u", key));
	if (sim_below(s, 4) > 0)
		write.value = span_of(value,
			(size_t)snprintf(value, sizeof value, "%u", (unsigned)sim_below(s, 1000)));
	if (life_ms > 0)
		write.until = mono_add_ms(node_mono(s, node), life_ms);
	sim_say(s, node, "sets %s to \"%.*s\"", name, (int)write.value.n,
		(const char *)write.value.p);
	if (gossip_item_set(node->gossip, node_time(s, node), &write) == ITEMS_TAKEN &&
		gossip_item(node->gossip, write.kind, write.key, &set))
		check_item_set(s, node, &set);
	node_drain(s, node);
}

void node_set_items(struct sim *s, struct node *node, uint32_t first, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		node_set_item(s, node, first + i, 0);
}

void node_set_digest(struct sim *s, struct node *node, uint8_t digest)
{
	uint8_t about[12] = {digest};

	node->digest = digest;
	if (node->state != NODE_RUNNING)
		return;
	memcpy(about + 1, &node->run, sizeof node->run);
	gossip_publish(node->gossip, node_time(s, node), NODE_RECORD, span_of(about, sizeof about));
	if (node->elect)
		vip_tell(s, node, node->id);
	node_drain(s, node);
}

/* `forget NODE`: its voice first, then the member. */
void node_forget(struct sim *s, struct node *node, struct node *gone)
{
	struct gossip_member m;

	if (node->state != NODE_RUNNING || !gossip_find(node->gossip, gone->id, &m) ||
		m.state == GOSSIP_ALIVE || m.state == GOSSIP_SUSPECT)
		return;
	sim_say(s, node, "is told to forget %s", gone->name);
	if (node->elect)
		elect_forget(node->elect, node_mono(s, node), gone->id);
	gossip_forget(node->gossip, node_time(s, node), gone->id);
	node_drain(s, node);
}

void node_say(struct sim *s, struct node *node, uint32_t key, uint32_t bytes)
{
	uint8_t value[RECORDS_VALUE_MAX];

	if (node->state != NODE_RUNNING)
		return;
	node->said++;
	for (uint32_t i = 0; i < bytes; i++)
		value[i] = (uint8_t)(node->said + i);
	gossip_publish(node->gossip, node_time(s, node), (uint16_t)(NODE_HEALTH + key),
		span_of(value, bytes));
	node_drain(s, node);
}

void node_move(struct sim *s, struct node *node, uint32_t vip, uint32_t to)
{
	if (node->state != NODE_RUNNING || !node->elect)
		return;
	sim_say(s, node, "is to move vip %u to n%u: %s", vip, to,
		elect_order_text(
			elect_move(node->elect, node_mono(s, node), vip, s->nodes[to].id)));
	node_drain(s, node);
}

#include "network.h"

#include "base/bug.h"
#include "node.h"

#include <stdlib.h>

enum {
	NO_SLOT = UINT32_MAX,
	BACKLOG_MAX = 256, /* datagrams in a socket's buffer */
	REPLAY_EVERY_US = 4000,
	HEARD_LOSS = 65536 / 2, /* with more, nodes may well miss each other for long */
};

void network_init(struct sim *s)
{
	const struct scenario *c = &s->scenario;

	s->net.free = NO_SLOT;
	s->net.loss = c->loss * 65536 / 1000;
	for (uint32_t i = 0; i < c->n_faults; i++)
		s->net.taping |= c->faults[i].kind == FAULT_REPLAY;
}

void network_release(struct sim *s)
{
	for (uint32_t i = 0; i < s->net.n_slots; i++)
		free(s->net.slots[i]);
	free(s->net.slots);
	s->net.slots = NULL;
	s->net.n_slots = 0;
}

static struct slot *slot_of(struct sim *s, uint32_t i)
{
	return s->net.slots[i];
}

/* Slots are used again; there are as many as were ever under way at once. */
static uint32_t slot_take(struct sim *s)
{
	struct network *net = &s->net;
	uint32_t i = net->free;

	if (i != NO_SLOT) {
		net->free = slot_of(s, i)->next;
		return i;
	}
	if ((net->n_slots & (net->n_slots - 1)) == 0) {
		size_t room = net->n_slots ? 2 * (size_t)net->n_slots : 1;

		net->slots = realloc(net->slots, room * sizeof(struct slot *));
		BUG_ON(!net->slots);
	}
	i = net->n_slots++;
	net->slots[i] = calloc(1, sizeof(struct slot));
	BUG_ON(!net->slots[i]);
	return i;
}

static void slot_give(struct sim *s, uint32_t i)
{
	slot_of(s, i)->next = s->net.free;
	s->net.free = i;
}

static void slot_copy(struct slot *to, const struct slot *from)
{
	to->from = from->from;
	to->dest = from->dest;
	to->to = from->to;
	to->n = from->n;
	memcpy(to->payload, from->payload, from->n);
}

static uint64_t delay(struct sim *s)
{
	const struct scenario *c = &s->scenario;
	uint64_t us = c->delay_us;

	if (c->jitter_us > 0)
		us += sim_below(s, c->jitter_us);
	if (s->net.shuffle_us > 0)
		us += sim_below(s, s->net.shuffle_us);
	return us;
}

/* The n-th node has the address 10.0.N.N. */
static uint32_t node_at(const struct sim *s, const struct gossip_addr *addr)
{
	uint32_t i = (uint32_t)addr->ip[14] << 8 | addr->ip[15];

	return i < s->n && addr->port == s->nodes[i].addr.port ? i : UINT32_MAX;
}

static void tape(struct sim *s, const struct slot *slot)
{
	struct network *net = &s->net;

	if (net->taped < SIM_TAPE)
		slot_copy(&net->tape[net->taped++], slot);
	else if (sim_chance(s, 65536 / 64))
		slot_copy(&net->tape[sim_below(s, SIM_TAPE)], slot);
}

void network_send(struct sim *s, struct node *from, const struct gossip_packet *packet)
{
	uint32_t dest = node_at(s, &packet->addr), i;
	struct slot *slot;

	from->bytes_out += packet->payload.n + SIM_OVERHEAD;
	s->figures.packets++;
	if (packet->payload.n > GOSSIP_PAYLOAD_MAX) {
		sim_fail(s, from, "a payload of %zu bytes", packet->payload.n);
		return;
	}
	if (dest == UINT32_MAX || s->net.cut[from->index][dest] || sim_chance(s, s->net.loss))
		return;
	i = slot_take(s);
	slot = slot_of(s, i);
	slot->from = from->index;
	slot->dest = dest;
	slot->to = packet->to;
	slot->n = (uint32_t)packet->payload.n;
	memcpy(slot->payload, packet->payload.p, packet->payload.n);
	agenda_put(&s->agenda, s->now + delay(s), EVENT_PACKET, i, 0, 0);
	if (sim_chance(s, s->net.doubled)) {
		uint32_t twin = slot_take(s);

		slot_copy(slot_of(s, twin), slot_of(s, i));
		agenda_put(&s->agenda, s->now + delay(s), EVENT_PACKET, twin, 0, 0);
	}
	if (s->net.taping)
		tape(s, slot_of(s, i));
}

/* As the seal would: a packet for another node cannot be opened. */
static void read_slot(struct sim *s, const struct slot *slot)
{
	struct node *node = &s->nodes[slot->dest], *from = &s->nodes[slot->from];

	if (slot->to == 0 || slot->to == node->id)
		node_input(s, node, &from->addr, from->id, slot->to != 0,
			span_of(slot->payload, slot->n));
}

void network_arrived(struct sim *s, uint32_t i)
{
	struct slot *slot = slot_of(s, i);
	struct node *node = &s->nodes[slot->dest];

	if (node->state == NODE_PAUSED && node->backlog_n < BACKLOG_MAX) {
		slot->next = NO_SLOT;
		if (node->backlog_n++ == 0)
			node->backlog = i;
		else
			slot_of(s, node->backlog_end)->next = i;
		node->backlog_end = i;
		return;
	}
	if (node->state == NODE_RUNNING)
		read_slot(s, slot);
	slot_give(s, i);
}

void network_backlog(struct sim *s, struct node *node)
{
	while (node->backlog_n > 0) {
		uint32_t i = node->backlog;

		node->backlog = slot_of(s, i)->next;
		node->backlog_n--;
		if (node->state == NODE_RUNNING)
			read_slot(s, slot_of(s, i));
		slot_give(s, i);
	}
}

void network_drop_backlog(struct sim *s, struct node *node)
{
	for (; node->backlog_n > 0; node->backlog_n--) {
		uint32_t i = node->backlog;

		node->backlog = slot_of(s, i)->next;
		slot_give(s, i);
	}
}

/* Somebody on the wire sends what was heard before, to whom it was for or to anyone. */
void network_replay(struct sim *s, uint32_t fault)
{
	uint64_t until = (uint64_t)s->scenario.faults[fault].until_ms * 1000;

	if (s->net.taped > 0) {
		uint32_t i = slot_take(s);

		slot_copy(slot_of(s, i), &s->net.tape[sim_below(s, s->net.taped)]);
		if (sim_chance(s, 65536 / 4))
			slot_of(s, i)->dest = (uint32_t)sim_below(s, s->n);
		agenda_put(&s->agenda, s->now + delay(s), EVENT_PACKET, i, 0, 0);
	}
	if (s->now + REPLAY_EVERY_US < until)
		agenda_put(&s->agenda, s->now + REPLAY_EVERY_US, EVENT_REPLAY, fault, 0, 0);
}

static void pair_touched(struct sim *s, uint32_t a, uint32_t b)
{
	if (a < s->n && b < s->n)
		s->net.clear_since[a][b] = s->net.clear_since[b][a] = s->now;
}

void network_cut(struct sim *s, uint32_t from, uint32_t to, bool on)
{
	if (from == to)
		return;
	if (on)
		s->net.cut[from][to]++;
	else
		s->net.cut[from][to]--;
	pair_touched(s, from, to);
}

bool network_hears(const struct sim *s, uint32_t listener, uint32_t speaker)
{
	return s->net.cut[speaker][listener] == 0;
}

void network_lose(struct sim *s, int32_t thousandths)
{
	uint32_t before = s->net.loss;

	s->net.loss += (uint32_t)(thousandths * 65536 / 1000);
	if (before <= HEARD_LOSS && s->net.loss <= HEARD_LOSS)
		return;
	s->net.passable_since = s->now;
	for (uint32_t i = 0; i < s->n; i++)
		network_touched(s, i);
}

void network_touched(struct sim *s, uint32_t node)
{
	for (uint32_t i = 0; i < s->n; i++)
		pair_touched(s, node, i);
}

bool network_passable_since(const struct sim *s, uint64_t since)
{
	return s->net.loss <= HEARD_LOSS && s->net.passable_since <= since;
}

bool network_clear_since(const struct sim *s, uint32_t a, uint32_t b, uint64_t since)
{
	return network_hears(s, a, b) && network_hears(s, b, a) && s->net.loss <= HEARD_LOSS &&
	       s->nodes[a].state == NODE_RUNNING && s->nodes[b].state == NODE_RUNNING &&
	       s->net.clear_since[a][b] <= since;
}

#include "net.h"

#include <stdio.h>
#include <stdlib.h>

enum { HEADERS = 64 + 28 };

uint64_t net_id(int node)
{
	return ((uint64_t)node + 1) * 0x9e3779b97f4a7c15u;
}

int net_of(uint64_t id)
{
	for (int i = 0; i < NET_MAX; i++)
		if (net_id(i) == id)
			return i;
	return -1;
}

struct gossip_addr net_addr(int node)
{
	struct gossip_addr a = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 10}, .port = 7946};

	a.ip[15] = (uint8_t)(node + 1);
	return a;
}

static int node_at(const struct gossip_addr *a)
{
	return a->ip[15] - 1;
}

struct gossip_time net_time(const struct net *net, int node)
{
	return (struct gossip_time){
		{net->now}, (uint64_t)(1700000000000 + (int64_t)(net->now / 1000) +
				       net->nodes[node].wall_offset_ms)};
}

struct net *net_new(int n, int seeds, uint32_t beat_ms, uint32_t silent_ms, uint64_t seed)
{
	static struct gossip_addr peers[NET_MAX];
	static char names[NET_MAX][8];
	struct net *net = calloc(1, sizeof(*net));

	net->n = n;
	net->now = 1000000;
	net->beat_ms = beat_ms;
	net->silent_ms = silent_ms;
	net->delay_min_us = 100;
	net->delay_max_us = 500;
	prng_init(&net->prng, seed);
	for (int i = 0; i < n; i++) {
		peers[i] = net_addr(i);
		snprintf(names[i], sizeof(names[i]), "n%u", (unsigned)i % NET_MAX);
		net->nodes[i].config = (struct gossip_config){.node = names[i],
			.id = net_id(i),
			.self = net_addr(i),
			.balancer = true,
			.beat_ms = beat_ms,
			.silent_ms = silent_ms,
			.peers = peers,
			.n_peers = (size_t)seeds,
			.version = "1.0"};
	}
	return net;
}

void net_free(struct net *net)
{
	for (int i = 0; i < net->n; i++)
		gossip_free(net->nodes[i].g);
	for (size_t i = 0; i < net->n_wire; i++)
		free(net->wire[i]);
	free(net->wire);
	free(net);
}

/* --- the wire --- */

static bool before(const struct net_packet *a, const struct net_packet *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void swap(struct net *net, size_t a, size_t b)
{
	struct net_packet *p = net->wire[a];

	net->wire[a] = net->wire[b];
	net->wire[b] = p;
}

static void put(struct net *net, struct net_packet *p)
{
	size_t i = net->n_wire++;

	if (net->n_wire > net->wire_room) {
		net->wire_room = net->wire_room ? 2 * net->wire_room : 1024;
		net->wire = realloc(net->wire, net->wire_room * sizeof(*net->wire));
	}
	net->wire[i] = p;
	for (; i > 0 && before(net->wire[i], net->wire[(i - 1) / 2]); i = (i - 1) / 2)
		swap(net, i, (i - 1) / 2);
}

static struct net_packet *take(struct net *net)
{
	struct net_packet *first = net->wire[0];
	size_t i = 0;

	net->wire[0] = net->wire[--net->n_wire];
	for (;;) {
		size_t least = i;

		for (size_t child = 2 * i + 1; child <= 2 * i + 2; child++)
			if (child < net->n_wire && before(net->wire[child], net->wire[least]))
				least = child;
		if (least == i)
			return first;
		swap(net, i, least);
		i = least;
	}
}

static double chance(struct net *net)
{
	return (double)prng_below(&net->prng, 1000000) / 1e6;
}

void net_inject(struct net *net, const struct net_packet *p)
{
	struct net_packet *copy = malloc(sizeof(*copy));

	*copy = *p;
	copy->order = net->order++;
	put(net, copy);
}

static void transmit(struct net *net, struct net_packet *p)
{
	if (p->to < 0 || p->to >= net->n || net->cut[p->from][p->to])
		return;
	if (chance(net) < net->loss)
		return;
	p->at = net->now + net->delay_min_us +
		prng_below(&net->prng, net->delay_max_us - net->delay_min_us + 1);
	net_inject(net, p);
	if (chance(net) < net->duplicates)
		net_inject(net, p);
}

/* --- nodes --- */

static void on_event(struct net *net, int i, const struct gossip_event *e)
{
	struct net_node *node = &net->nodes[i];
	int of = net_of(e->id);

	switch (e->event) {
	case GOSSIP_EVENT_MEMBER:
		if (e->state != node->said[of])
			node->changes[of]++;
		node->deaths[of] += e->state == GOSSIP_DEAD;
		node->said[of] = e->state;
		node->said_at[of] = net->now;
		break;
	case GOSSIP_EVENT_FORGOTTEN:
		node->forgot[of] = true;
		break;
	case GOSSIP_EVENT_LIFELINE:
		node->lifeline_wanted[of] = e->wanted;
		if (!e->wanted)
			node->lifeline_open[of] = false;
		break;
	case GOSSIP_EVENT_MESSAGE:
		node->messages++;
		memcpy(node->message, e->value.p, e->value.n);
		node->message[e->value.n] = '\0';
		break;
	case GOSSIP_EVENT_ITEM:
		node->items++;
		break;
	case GOSSIP_EVENT_RECORD:
		node->records++;
		break;
	case GOSSIP_EVENT_EPOCH:
		node->epochs_told++;
		node->epochs = e->epoch;
		break;
	case GOSSIP_EVENT_DETAILS:
		break;
	}
}

static void open_lifelines(struct net *net, int i)
{
	struct net_node *node = &net->nodes[i];

	for (int peer = 0; peer < net->n; peer++) {
		if (!node->lifeline_wanted[peer] || node->lifeline_open[peer])
			continue;
		if (!net->nodes[peer].running || net->cut[i][peer] || net->cut[peer][i])
			continue;
		node->lifeline_open[peer] = true;
		gossip_lifeline(node->g, net_time(net, i), net_id(peer), true);
	}
}

void net_drain(struct net *net, int i)
{
	struct net_node *node = &net->nodes[i];
	struct gossip_packet out;
	struct gossip_event e;

	while (gossip_output(node->g, net_time(net, i), &out)) {
		struct net_packet p = {.from = i, .to = node_at(&out.addr), .n = out.payload.n};

		p.sender = node->config.id;
		p.addressed = out.to != 0;
		p.hears_us = out.hears_us;
		p.source = net_addr(i);
		if (p.to >= net->n || (out.to != 0 && net->nodes[p.to].config.id != out.to))
			continue; /* nobody there, or sealed to another: does not open */
		memcpy(p.bytes, out.payload.p, p.n);
		node->packets_out++;
		node->bytes_out += p.n + HEADERS;
		if (net->tap)
			net->tap(net->tap_arg, &p);
		transmit(net, &p);
	}
	while (gossip_event(node->g, &e))
		on_event(net, i, &e);
}

void net_start(struct net *net, int i)
{
	struct net_node *node = &net->nodes[i];

	node->config.seed = prng_next(&net->prng);
	if (node->config.epoch <= node->epochs)
		node->config.epoch = node->epochs + 1;
	if (node->config.epoch < net_time(net, i).wall_ms)
		node->config.epoch = net_time(net, i).wall_ms;
	node->epochs = node->config.epoch;
	node->g = gossip_new(&node->config, net_time(net, i));
	node->running = true;
	node->stopped = false;
	memset(node->said, 0xff, sizeof(node->said));
	memset(node->lifeline_wanted, 0, sizeof(node->lifeline_wanted));
	memset(node->lifeline_open, 0, sizeof(node->lifeline_open));
}

void net_start_all(struct net *net)
{
	for (int i = 0; i < net->n; i++)
		net_start(net, i);
}

static void end_lifelines_to(struct net *net, int peer)
{
	for (int i = 0; i < net->n; i++) {
		if (!net->nodes[i].lifeline_open[peer] || net->cut[i][peer] || net->cut[peer][i])
			continue;
		if (net->n_lifelines < sizeof(net->lifelines) / sizeof(net->lifelines[0]))
			net->lifelines[net->n_lifelines++] =
				(struct net_lifeline){net->now + 1000, i, peer, false};
	}
}

void net_kill(struct net *net, int i)
{
	net->nodes[i].running = false;
	gossip_free(net->nodes[i].g);
	net->nodes[i].g = NULL;
	end_lifelines_to(net, i);
}

void net_stop(struct net *net, int i)
{
	net->nodes[i].stopped = true;
}

void net_continue(struct net *net, int i)
{
	net->nodes[i].stopped = false;
}

void net_cut(struct net *net, int a, int b, bool cut)
{
	net->cut[a][b] = net->cut[b][a] = cut;
}

void net_split(struct net *net, int below, bool cut)
{
	for (int a = 0; a < below; a++)
		for (int b = below; b < net->n; b++)
			net_cut(net, a, b, cut);
}

/* --- time --- */

static bool is_active(const struct net_node *node)
{
	return node->running && !node->stopped;
}

static uint64_t next_of(struct net *net, int *ret_node)
{
	uint64_t first = UINT64_MAX;

	for (int i = 0; i < net->n; i++) {
		uint64_t at;

		if (!is_active(&net->nodes[i]))
			continue;
		at = gossip_deadline(net->nodes[i].g).us;
		at = at < net->now ? net->now : at;
		if (at < first) {
			first = at;
			*ret_node = i;
		}
	}
	return first;
}

static void tick(struct net *net, int i)
{
	gossip_tick(net->nodes[i].g, net_time(net, i));
	net_drain(net, i);
	open_lifelines(net, i);
	net_drain(net, i);
}

static void deliver(struct net *net)
{
	struct net_packet *p = take(net);
	struct net_node *node = &net->nodes[p->to];

	if (node->running && node->stopped) {
		p->at = net->now + 1000;
		put(net, p);
		return;
	}
	if (node->running) {
		gossip_input(node->g, net_time(net, p->to), &p->source, p->sender, p->addressed,
			span_of(p->bytes, p->n));
		net_drain(net, p->to);
	}
	free(p);
}

static void end_due_lifelines(struct net *net)
{
	for (size_t i = 0; i < net->n_lifelines; i++) {
		struct net_lifeline l = net->lifelines[i];

		if (l.at > net->now)
			continue;
		net->lifelines[i--] = net->lifelines[--net->n_lifelines];
		net->nodes[l.node].lifeline_open[l.peer] = false;
		if (!is_active(&net->nodes[l.node]))
			continue;
		gossip_lifeline(net->nodes[l.node].g, net_time(net, l.node), net_id(l.peer), false);
		net_drain(net, l.node);
	}
}

static bool step(struct net *net, uint64_t until)
{
	int node = -1;
	uint64_t at = next_of(net, &node);
	bool packet = net->n_wire > 0 && net->wire[0]->at <= at;

	if (packet)
		at = net->wire[0]->at;
	for (size_t i = 0; i < net->n_lifelines; i++)
		if (net->lifelines[i].at < at) {
			at = net->lifelines[i].at;
			packet = false;
			node = -1;
		}
	if (at > until)
		return false;
	net->now = at > net->now ? at : net->now;
	end_due_lifelines(net);
	if (packet)
		deliver(net);
	else if (node >= 0)
		tick(net, node);
	return true;
}

void net_run(struct net *net, uint64_t ms)
{
	uint64_t until = net->now + ms * 1000;

	while (step(net, until))
		;
	net->now = until;
}

bool net_until(struct net *net, uint64_t ms, bool (*cond)(struct net *net))
{
	uint64_t until = net->now + ms * 1000;

	while (!cond(net))
		if (!step(net, until))
			return false;
	return true;
}

enum gossip_state net_state(struct net *net, int at, int of)
{
	struct gossip_member m;

	if (!gossip_find(net->nodes[at].g, net_id(of), &m))
		return (enum gossip_state) - 1;
	return m.state;
}

bool net_agrees(struct net *net)
{
	for (int i = 0; i < net->n; i++) {
		for (int j = 0; j < net->n && net->nodes[i].running; j++) {
			bool alive = net_state(net, i, j) == GOSSIP_ALIVE;

			if (alive != net->nodes[j].running)
				return false;
		}
	}
	return true;
}

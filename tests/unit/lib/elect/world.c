#include "world.h"

#include <criterion/criterion.h>
#include <stdio.h>

static const char *const names[WORLD_NODES] = {"lb-01", "lb-02", "lb-03", "lb-04", "lb-05"};
static const char *const addresses[WORLD_NODES] = {
	"192.0.2.1:7946", "192.0.2.2:7946", "192.0.2.3:7946", "192.0.2.4:7946", "192.0.2.5:7946"};

static struct elect_addr addr_of(size_t node)
{
	struct elect_addr a = {
		.ip = {[10] = 0xff, 0xff, 192, 0, 2, (uint8_t)(node + 1)}, .port = 7946};

	return a;
}

static void drain(struct world *w, size_t node);

static void deliver_record(struct world *w, size_t from, size_t to)
{
	struct world_node *f = &w->nodes[from];

	if (w->cut[from][to] || !w->nodes[to].e || f->record_n == 0)
		return;
	elect_record(w->nodes[to].e, w->now, world_id(from), span_of(f->record, f->record_n));
	drain(w, to);
}

static void publish(struct world *w, size_t node, struct span value)
{
	memcpy(w->nodes[node].record, value.p, value.n);
	w->nodes[node].record_n = value.n;
	for (size_t to = 0; to < w->n; to++)
		if (to != node && w->nodes[node].sees[to] != ELECT_UNHEARD)
			deliver_record(w, node, to);
}

static void send(struct world *w, size_t from, const struct elect_event *ev)
{
	size_t to = (size_t)(ev->node - world_id(0));
	uint8_t copy[ELECT_VALUE_MAX];
	size_t n = ev->value.n;

	cr_assert_lt(to, w->n);
	w->messages++;
	if (w->cut[from][to] || !w->nodes[to].e || ev->message == w->lose_kind)
		return;
	if (w->lose_every && w->messages % w->lose_every == 0)
		return;
	memcpy(copy, ev->value.p, n);
	elect_message(w->nodes[to].e, w->now, world_id(from), ev->message, span_of(copy, n));
	drain(w, to);
}

static void keep_item(struct world_node *n, const struct elect_event *ev)
{
	struct world_item *at = n->kept;

	while (at < n->kept + n->n_kept && !span_eq(span_of(at->key, at->key_n), ev->key))
		at++;
	if (at == n->kept + n->n_kept)
		n->n_kept++;
	cr_assert_leq(n->n_kept, WORLD_ITEMS);
	memcpy(at->key, ev->key.p, ev->key.n);
	memcpy(at->value, ev->value.p, ev->value.n);
	at->key_n = ev->key.n;
	at->value_n = ev->value.n;
}

static void share_item(struct world *w, size_t from, const struct elect_event *ev)
{
	uint8_t key[32], value[ELECT_VALUE_MAX];
	struct elect_event copy;

	memcpy(key, ev->key.p, ev->key.n);
	memcpy(value, ev->value.p, ev->value.n);
	copy.key = span_of(key, ev->key.n);
	copy.value = span_of(value, ev->value.n);
	for (size_t to = 0; to < w->n; to++) {
		if (!w->nodes[to].e || w->cut[from][to])
			continue;
		keep_item(&w->nodes[to], &copy);
		elect_item(w->nodes[to].e, w->now, copy.key, copy.value);
		drain(w, to);
	}
}

void world_repair(struct world *w, size_t from, size_t to)
{
	const struct world_node *f = &w->nodes[from];

	for (size_t i = 0; i < f->n_kept; i++) {
		struct elect_event ev = {.key = span_of(f->kept[i].key, f->kept[i].key_n),
			.value = span_of(f->kept[i].value, f->kept[i].value_n)};

		keep_item(&w->nodes[to], &ev);
		elect_item(w->nodes[to].e, w->now, ev.key, ev.value);
		drain(w, to);
	}
}

static void hold(struct world *w, size_t node, const struct elect_event *ev)
{
	struct world_node *n = &w->nodes[node];

	n->last_hold = *ev;
	n->has[ev->vip] = !n->interface_broken;
	n->announced[ev->vip]++;
	elect_held(n->e, w->now, ev->vip, !n->interface_broken);
}

static void act(struct world *w, size_t node, const struct elect_event *ev)
{
	struct world_node *n = &w->nodes[node];

	switch (ev->kind) {
	case ELECT_DROP:
		n->last_drop = *ev;
		n->has[ev->vip] = false;
		n->drops[ev->vip]++;
		break;
	case ELECT_HOLD:
		hold(w, node, ev);
		break;
	case ELECT_ANNOUNCE:
		n->announced[ev->vip]++;
		break;
	case ELECT_PUBLISH:
		publish(w, node, ev->value);
		break;
	case ELECT_VOTER:
		share_item(w, node, ev);
		break;
	case ELECT_SEND:
		send(w, node, ev);
		break;
	case ELECT_ASK:
		n->asked++;
		if (n->gateway)
			elect_gateway(n->e, w->now);
		break;
	case ELECT_OWNER:
		n->last_owner = *ev;
		break;
	case ELECT_MOVED:
		n->moved = *ev;
		n->was_moved = true;
		break;
	case ELECT_STOPPED:
		n->stopped = true;
		break;
	case ELECT_QUORUM:
		break;
	}
}

static void drain(struct world *w, size_t node)
{
	struct elect_event ev;

	while (w->nodes[node].e && elect_next(w->nodes[node].e, w->now, &ev)) {
		act(w, node, &ev);
		cr_assert(elect_is_valid(w->nodes[node].e));
	}
}

void world_drain(struct world *w)
{
	for (size_t i = 0; i < w->n; i++)
		drain(w, i);
}

void world_make(struct world *w, size_t n)
{
	*w = (struct world){.n = n, .n_vips = 1, .now = {1000000000}, .n_peers = n};
	for (size_t v = 0; v < WORLD_VIPS; v++)
		w->vips[v] =
			(struct elect_vip){.ip = {[10] = 0xff, 0xff, 192, 0, 2, (uint8_t)(100 + v)},
				.preempt_ms = 5000};
	for (size_t i = 0; i < n; i++)
		w->nodes[i].gateway = true;
}

void world_start(struct world *w, size_t node)
{
	struct world_node *n = &w->nodes[node];
	struct elect_peer peers[WORLD_NODES];
	struct elect_config config = {
		.id = world_id(node),
		.name = names[node],
		.addr = addr_of(node),
		.rule = w->rule,
		.has_gateway = w->has_gateway,
		.resumed = w->resumed,
		.run = ++w->runs,
		.beat_ms = BEAT_MS,
		.silent_ms = SILENT_MS,
		.peers = peers,
		.n_peers = w->n_peers,
		.vips = w->vips,
		.n_vips = w->n_vips,
	};

	for (size_t i = 0; i < w->n_peers; i++)
		peers[i] = (struct elect_peer){addr_of(i), addresses[i]};
	memset(n->sees, 0, sizeof(n->sees));
	memset(n->has, 0, sizeof(n->has));
	n->record_n = 0;
	n->stopped = n->was_moved = false;
	n->e = elect_new(&config, w->now);
	cr_assert_not_null(n->e);
	for (size_t i = 0; i < n->n_kept; i++)
		elect_item(n->e, w->now, span_of(n->kept[i].key, n->kept[i].key_n),
			span_of(n->kept[i].value, n->kept[i].value_n));
	elect_start(n->e, w->now);
}

void world_crash(struct world *w, size_t node)
{
	struct world_node *n = &w->nodes[node];

	elect_free(n->e);
	n->e = NULL;
	memset(n->has, 0, sizeof(n->has));
}

void world_tell(struct world *w, size_t at, size_t node, enum elect_state state)
{
	struct elect_member m = {
		.id = world_id(node),
		.name = names[node],
		.addr = addr_of(node),
		.state = state,
		.balancer = true,
		.role_known = true,
		.has_digest = true,
		.digest = w->digests[node],
	};

	if (!w->nodes[at].e)
		return;
	w->nodes[at].sees[node] = state;
	elect_member(w->nodes[at].e, w->now, &m);
	drain(w, at);
	if (state == ELECT_ALIVE)
		deliver_record(w, node, at);
}

void world_tell_all(struct world *w, size_t node, enum elect_state state)
{
	for (size_t at = 0; at < w->n; at++)
		if (at != node)
			world_tell(w, at, node, state);
}

void world_meet(struct world *w, size_t node)
{
	world_tell(w, node, node, ELECT_ALIVE);
	for (size_t i = 0; i < w->n; i++) {
		if (i == node || !w->nodes[i].e)
			continue;
		/* A new run: what the old one said is gone. */
		elect_record(w->nodes[i].e, w->now, world_id(node), span_of(NULL, 0));
		world_tell(w, i, node, ELECT_ALIVE);
		world_tell(w, node, i, ELECT_ALIVE);
	}
}

void world_boot(struct world *w)
{
	for (size_t i = 0; i < w->n; i++)
		world_start(w, i);
	for (size_t i = 0; i < w->n; i++)
		world_meet(w, i);
	world_run(w, 2 * SILENT_MS);
}

void world_end(struct world *w)
{
	for (size_t i = 0; i < w->n; i++)
		world_crash(w, i);
}

void world_part(struct world *w, size_t a, size_t b)
{
	w->cut[a][b] = w->cut[b][a] = true;
	world_tell(w, a, b, ELECT_DEAD);
	world_tell(w, b, a, ELECT_DEAD);
}

void world_heal(struct world *w, size_t a, size_t b)
{
	w->cut[a][b] = w->cut[b][a] = false;
	world_tell(w, a, b, ELECT_ALIVE);
	world_tell(w, b, a, ELECT_ALIVE);
}

static void tick_all(struct world *w)
{
	for (size_t i = 0; i < w->n; i++) {
		if (!w->nodes[i].e || !mono_reached(w->now, elect_deadline(w->nodes[i].e)))
			continue;
		elect_tick(w->nodes[i].e, w->now);
		drain(w, i);
		cr_assert_gt(
			elect_deadline(w->nodes[i].e).us, w->now.us, "a deadline that never ends");
	}
}

void world_run(struct world *w, uint64_t ms)
{
	for (uint64_t i = 0; i <= ms; i++) {
		tick_all(w);
		if (i < ms)
			w->now = mono_add_ms(w->now, 1);
	}
}

int world_owner(const struct world *w, size_t vip)
{
	int owner = -1;

	for (size_t i = 0; i < w->n; i++)
		if (w->nodes[i].has[vip])
			owner = owner == -1 ? (int)i : -2;
	return owner;
}

bool world_quorate(const struct world *w, size_t node)
{
	struct elect_quorum q;

	elect_quorum(w->nodes[node].e, &q);
	return q.met;
}

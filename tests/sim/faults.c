#include "faults.h"

#include "network.h"
#include "node.h"

void faults_plan(struct sim *s)
{
	for (uint32_t i = 0; i < s->scenario.n_faults; i++) {
		const struct fault *f = &s->scenario.faults[i];

		agenda_put(&s->agenda, (uint64_t)f->at_ms * 1000, EVENT_BEGIN, i, 0, 0);
		if (f->until_ms > 0)
			agenda_put(&s->agenda, (uint64_t)f->until_ms * 1000, EVENT_END, i, 0, 0);
	}
}

static void cut_both(struct sim *s, uint32_t a, uint32_t b, bool on)
{
	network_cut(s, a, b, on);
	network_cut(s, b, a, on);
}

/* Everything that goes to a node, or comes from it. */
static void cut_all(struct sim *s, uint32_t node, bool to, bool from, bool on)
{
	for (uint32_t i = 0; i <= s->n; i++) {
		uint32_t other = i == s->n ? SIM_GATEWAY : i;

		if (to)
			network_cut(s, other, node, on);
		if (from)
			network_cut(s, node, other, on);
	}
}

static void split(struct sim *s, const struct fault *f, bool on)
{
	for (uint32_t i = 0; i < s->n; i++) {
		bool is_low = i < f->a;
		bool reaches = f->b == 2 || (f->b == 0 && is_low) || (f->b == 1 && !is_low);

		for (uint32_t k = f->a; is_low && k < s->n; k++)
			cut_both(s, i, k, on);
		if (!reaches)
			cut_both(s, i, SIM_GATEWAY, on);
	}
}

static uint32_t changed(uint32_t value, int32_t by, bool on)
{
	uint32_t amount = (uint32_t)by * 65536 / 1000;

	return on ? value + amount : value - amount;
}

/* What the network does while the fault lasts; false: it is none of those. */
static bool on_network(struct sim *s, const struct fault *f, bool on)
{
	switch (f->kind) {
	case FAULT_ISOLATE:
		cut_all(s, f->a, true, true, on);
		return true;
	case FAULT_DEAF:
		cut_all(s, f->a, true, false, on);
		return true;
	case FAULT_MUTE:
		cut_all(s, f->a, false, true, on);
		return true;
	case FAULT_LINK:
		cut_both(s, f->a, f->b, on);
		return true;
	case FAULT_ONEWAY:
		network_cut(s, f->a, f->b, on);
		return true;
	case FAULT_SPLIT:
		split(s, f, on);
		return true;
	case FAULT_GATEWAY:
		cut_both(s, f->a, SIM_GATEWAY, on);
		return true;
	case FAULT_LOSS:
		network_lose(s, on ? f->p : -f->p);
		return true;
	case FAULT_DOUBLE:
		s->net.doubled = changed(s->net.doubled, f->p, on);
		return true;
	case FAULT_SHUFFLE:
		s->net.shuffle_us = on ? (uint32_t)f->p * 1000 : 0;
		return true;
	default:
		return false;
	}
}

/* Nobody strikes off what will be back: two halves could then be quorate. */
static bool is_gone_for_good(const struct sim *s, const struct node *node)
{
	for (uint32_t i = 0; i < s->scenario.n_faults; i++) {
		const struct fault *f = &s->scenario.faults[i];

		if (f->a == node->index && f->until_ms != 0 &&
			(uint64_t)f->until_ms * 1000 >= s->now)
			return false;
	}
	return node->state == NODE_DOWN || node->state == NODE_OFF;
}

static void set_fitness(struct sim *s, struct node *node, const struct fault *f, bool fit)
{
	if (f->kind == FAULT_CANNOT)
		node->cannot[f->b] = !fit;
	if (node->state != NODE_RUNNING || !node->elect)
		return;
	if (f->kind == FAULT_STUCK)
		elect_set_healthy(node->elect, node_mono(s, node), fit);
	else if (fit)
		elect_able(node->elect, node_mono(s, node), f->b);
	node_drain(s, node);
}

static void begin_on_node(struct sim *s, const struct fault *f, uint32_t i)
{
	struct node *node = &s->nodes[f->a];

	switch (f->kind) {
	case FAULT_KILL:
	case FAULT_HALT:
		node_kill(s, node, f->kind == FAULT_HALT);
		break;
	case FAULT_STOP:
	case FAULT_LEAVE:
		node_stop(s, node, f->kind == FAULT_LEAVE);
		break;
	case FAULT_PAUSE:
		node_pause(s, node);
		break;
	case FAULT_REPLAY:
		network_replay(s, i);
		break;
	case FAULT_CLOCK:
		sim_say(s, node, "its clock jumps by %d s", f->p);
		node->wall_ms += (int64_t)f->p * 1000;
		break;
	case FAULT_ITEM:
		node_set_item(s, node, f->b, (uint32_t)f->p);
		break;
	case FAULT_RECORD:
		node_say(s, node, f->b, (uint32_t)f->p);
		break;
	case FAULT_ITEMS:
		node_set_items(s, node, f->b, (uint32_t)f->p);
		break;
	case FAULT_RECORDS:
		for (uint32_t key = 0; key < (uint32_t)f->p; key++)
			node_say(s, node, key, 20 + key);
		break;
	case FAULT_FORGET:
		if (is_gone_for_good(s, &s->nodes[f->b]))
			node_forget(s, node, &s->nodes[f->b]);
		break;
	case FAULT_DIGEST:
		node_set_digest(s, node, (uint8_t)f->p);
		break;
	case FAULT_STUCK:
	case FAULT_CANNOT:
		set_fitness(s, node, f, false);
		break;
	case FAULT_MOVE:
		node_move(s, node, f->b, (uint32_t)f->p);
		break;
	case FAULT_PRIORITY:
		if (node->state == NODE_RUNNING && node->elect) {
			elect_set_priority(node->elect, node_mono(s, node), (uint16_t)f->p);
			node_drain(s, node);
		}
		break;
	default:
		break;
	}
}

static void end_on_node(struct sim *s, const struct fault *f)
{
	struct node *node = &s->nodes[f->a];
	bool is_down = node->state == NODE_DOWN || node->state == NODE_OFF;

	switch (f->kind) {
	case FAULT_KILL:
	case FAULT_HALT:
		if (is_down && f->forgets)
			node_forget_disk(node);
		if (is_down)
			node_start(s, node);
		break;
	case FAULT_STUCK:
	case FAULT_CANNOT:
		set_fitness(s, node, f, true);
		break;
	case FAULT_STOP:
	case FAULT_LEAVE:
		if (!is_down && node->leaving)
			node_exit(s, node, node->run);
		if (node->state == NODE_DOWN || node->state == NODE_OFF)
			node_start(s, node);
		break;
	case FAULT_PAUSE:
		node_resume(s, node);
		break;
	case FAULT_PRIORITY:
		if (node->state == NODE_RUNNING && node->elect) {
			elect_set_priority(node->elect, node_mono(s, node), ELECT_PRIORITY_FULL);
			node_drain(s, node);
		}
		break;
	default:
		break;
	}
}

/* Orders and what nodes say are no faults: the network is as calm as before. */
static bool is_disturbing(const struct fault *f)
{
	switch (f->kind) {
	case FAULT_ITEM:
	case FAULT_ITEMS:
	case FAULT_RECORD:
	case FAULT_RECORDS:
	case FAULT_MOVE:
	case FAULT_DIGEST:
		return false;
	default:
		return true;
	}
}

void faults_begin(struct sim *s, uint32_t i)
{
	const struct fault *f = &s->scenario.faults[i];

	if (is_disturbing(f)) {
		s->calm_since = s->now;
		s->faults_active += f->until_ms > 0;
		sim_say(s, NULL, "%s %u %u %d begins", fault_name(f->kind), f->a, f->b, f->p);
	}
	if (!on_network(s, f, true))
		begin_on_node(s, f, i);
}

void faults_end(struct sim *s, uint32_t i)
{
	const struct fault *f = &s->scenario.faults[i];

	if (is_disturbing(f)) {
		s->calm_since = s->now;
		s->faults_active--;
		sim_say(s, NULL, "%s %u %u %d ends", fault_name(f->kind), f->a, f->b, f->p);
	}
	if (!on_network(s, f, false))
		end_on_node(s, f);
}

/* Lifelines: an observer keeps a connection to each that it observes. The kernel of a process that ended
 * says so, if the network lets it; a host that is off says nothing, and keep-alive finds it out much later. */
#include "network.h"
#include "node.h"

enum {
	RETRY_US = 200000,
	END_US = 1200, /* until the end of a stream is seen */
	KEEPALIVE_US = 20000000,
};

static bool is_up(const struct node *node)
{
	return node->state == NODE_RUNNING || node->state == NODE_PAUSED;
}

static void later(struct sim *s, uint32_t observer, uint32_t target, uint64_t us)
{
	agenda_put(&s->agenda, s->now + us, EVENT_LIFELINE, observer, target,
		s->nodes[observer].lifelines[target].generation);
}

void lifeline_want(struct sim *s, struct node *observer, uint64_t id, bool wanted)
{
	struct node *target = sim_node(s, id);
	struct lifeline *line;

	if (!target)
		return;
	line = &observer->lifelines[target->index];
	if (line->wanted == wanted)
		return;
	line->wanted = wanted;
	line->open = false;
	line->generation++;
	if (wanted)
		later(s, observer->index, target->index, 2 * (uint64_t)s->scenario.delay_us + 100);
}

void lifeline_event(struct sim *s, uint32_t o, uint32_t t, uint32_t generation)
{
	struct node *observer = &s->nodes[o], *target = &s->nodes[t];
	struct lifeline *line = &observer->lifelines[t];
	bool reaches =
		network_hears(s, o, t) && network_hears(s, t, o) && target->state != NODE_OFF;

	if (line->generation != generation || !line->wanted || !is_up(observer))
		return;
	if (observer->state == NODE_PAUSED || !reaches) {
		later(s, o, t, RETRY_US / 4); /* nothing is seen, nothing comes through */
		return;
	}
	if (line->open && (line->run != target->run || !is_up(target))) {
		line->open = false;
		node_lifeline(s, observer, target->id, false);
		if (line->generation == generation && line->wanted)
			later(s, o, t, RETRY_US);
	} else if (!line->open && is_up(target)) {
		line->open = true;
		line->run = target->run;
		node_lifeline(s, observer, target->id, true);
	} else if (!line->open) {
		later(s, o, t, RETRY_US);
	}
}

void lifeline_ended(struct sim *s, struct node *target)
{
	for (uint32_t o = 0; o < s->n; o++) {
		if (s->nodes[o].lifelines[target->index].open)
			later(s, o, target->index, END_US);
	}
}

void lifeline_lost(struct sim *s, struct node *observer)
{
	for (uint32_t t = 0; t < s->n; t++) {
		struct lifeline *line = &observer->lifelines[t];

		line->wanted = line->open = false;
		line->generation++;
	}
	/* Those to a host that was switched off end some time after it is back. */
	for (uint32_t o = 0; o < s->n; o++) {
		if (s->nodes[o].lifelines[observer->index].open)
			later(s, o, observer->index, KEEPALIVE_US);
	}
}

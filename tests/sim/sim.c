#include "sim.h"

#include "check.h"
#include "faults.h"
#include "network.h"
#include "node.h"

#include <stdarg.h>
#include <stdlib.h>

enum { START_US = 400000 }; /* within which the nodes start */

void sim_init(struct sim *s, const struct scenario *scenario, bool verbose)
{
	memset(s, 0, sizeof *s);
	s->scenario = *scenario;
	s->verbose = verbose;
	s->n = scenario->nodes;
	s->end = ((uint64_t)scenario_last_ms(scenario) + scenario->quiet_ms) * 1000 + 1;
	s->figures.converged_us = UINT64_MAX;
	prng_init(&s->rng, scenario->seed);
	network_init(s);
	for (uint32_t i = 0; i < s->n; i++)
		node_init(s, &s->nodes[i], i);
	check_init(s);
	faults_plan(s);
	s->calm_since = START_US;
	for (uint32_t i = 0; i < s->n; i++)
		agenda_put(&s->agenda, sim_below(s, START_US), EVENT_START, i, 0, 0);
}

void sim_release(struct sim *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		node_release(&s->nodes[i]);
	check_release(s);
	network_release(s);
	agenda_release(&s->agenda);
}

static void on_tick(struct sim *s, uint32_t i)
{
	struct node *node = &s->nodes[i];

	if (node->armed != s->now)
		return; /* another one came before it */
	node->armed = UINT64_MAX;
	node_tick(s, node);
}

static void step(struct sim *s, const struct event *e)
{
	switch ((enum event_kind)e->kind) {
	case EVENT_PACKET:
		network_arrived(s, e->a);
		break;
	case EVENT_TICK:
		on_tick(s, e->a);
		break;
	case EVENT_START:
		if (s->nodes[e->a].run == 0)
			node_start(s, &s->nodes[e->a]);
		break;
	case EVENT_RENEW:
		vip_renew(s, &s->nodes[e->a], e->b);
		break;
	case EVENT_GATEWAY:
		vip_gateway(s, &s->nodes[e->a], e->b);
		break;
	case EVENT_LIFELINE:
		lifeline_event(s, e->a, e->b, e->c);
		break;
	case EVENT_EXIT:
		node_exit(s, &s->nodes[e->a], e->b);
		break;
	case EVENT_BEGIN:
		faults_begin(s, e->a);
		break;
	case EVENT_END:
		faults_end(s, e->a);
		break;
	case EVENT_REPLAY:
		network_replay(s, e->a);
		break;
	case EVENT_ITEM:
		check_item(s, e->a);
		break;
	case EVENT_OVERLAP:
		check_overlap(s, e->a);
		break;
	case EVENT_SWEEP:
		check_sweep(s);
		break;
	}
}

bool sim_run(struct sim *s, uint64_t until)
{
	struct event event;

	while (!s->failure[0] && s->now < s->end && agenda_next(&s->agenda) <= until &&
		agenda_take(&s->agenda, &event)) {
		s->now = event.at;
		s->figures.steps++;
		step(s, &event);
	}
	if (s->now < until && until < s->end && !s->failure[0])
		s->now = until;
	return !s->failure[0];
}

bool sim_whole(struct sim *s, const struct scenario *scenario, bool verbose)
{
	bool good;

	sim_init(s, scenario, verbose);
	good = sim_run(s, UINT64_MAX - 1);
	sim_release(s);
	return good;
}

struct node *sim_node(struct sim *s, uint64_t id)
{
	for (uint32_t i = 0; i < s->n; i++) {
		if (s->nodes[i].id == id)
			return &s->nodes[i];
	}
	return NULL;
}

static void print(struct sim *s, const struct node *node, const char *text)
{
	printf("# %10.6f %-4s %s\n", (double)s->now / 1e6, node ? node->name : "", text);
}

void sim_say(struct sim *s, const struct node *node, const char *fmt, ...)
{
	char text[256];
	va_list args;

	if (!s->verbose)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	print(s, node, text);
}

void sim_fail(struct sim *s, const struct node *node, const char *fmt, ...)
{
	char text[192];
	va_list args;

	if (s->failure[0])
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	snprintf(s->failure, sizeof s->failure, "%.6f s: %s%s%s", (double)s->now / 1e6,
		node ? node->name : "", node ? ": " : "", text);
	if (s->verbose)
		print(s, node, text);
}

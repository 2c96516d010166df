#include "measure.h"

#include "network.h"
#include "node.h"

#include <stdlib.h>

enum {
	SAMPLES_MAX = 20000,
	SETTLE_US = 3000000,
	NEVER_MS = 1000000000,
};

struct samples {
	size_t n, missed; /* missed: it did not happen in time */
	double ms[SAMPLES_MAX];
};

static struct sim *world(void)
{
	static struct sim s;

	return &s;
}

static struct scenario quiet(uint32_t nodes, bool fast, uint32_t loss)
{
	return (struct scenario){
		.nodes = nodes,
		.balancers = nodes < 5 ? nodes : 5,
		.beat_ms = fast ? 25 : 50,
		.silent_ms = fast ? 300 : 600,
		.vips = 1,
		.quorum = true,
		.gateway = true,
		.loss = loss,
		.delay_us = 100,
		.jitter_us = 100,
		.peers = nodes,
		.n_faults = 1, /* keeps the world going; it is of no consequence */
		.faults = {{.kind = FAULT_ITEM, .at_ms = NEVER_MS}},
	};
}

static void add(struct samples *all, uint64_t us)
{
	if (us == UINT64_MAX)
		all->missed++;
	else if (all->n < SAMPLES_MAX)
		all->ms[all->n++] = (double)us / 1000;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double quantile(struct samples *all, double q)
{
	size_t i = (size_t)(q * (double)(all->n - 1) + 0.5);

	if (all->n == 0)
		return -1;
	qsort(all->ms, all->n, sizeof(double), compare);
	return all->ms[i < all->n ? i : all->n - 1];
}

/* --- bandwidth --- */

static void bandwidth(uint32_t nodes, bool fast)
{
	enum { SECONDS = 10 };
	struct scenario scenario = quiet(nodes, fast, 0);
	struct sim *s = world();
	uint64_t before[SIM_NODES_MAX], sum = 0, most = 0;

	sim_init(s, &scenario, false);
	sim_run(s, SETTLE_US);
	for (uint32_t i = 0; i < nodes; i++)
		before[i] = s->nodes[i].bytes_out;
	sim_run(s, SETTLE_US + SECONDS * 1000000);
	for (uint32_t i = 0; i < nodes; i++) {
		uint64_t rate = (s->nodes[i].bytes_out - before[i]) / SECONDS;

		sum += rate;
		most = rate > most ? rate : most;
	}
	printf("bandwidth N=%-3u %3u ms beats: %.1f kB/s a node, the busiest %.1f%s%s\n", nodes,
		scenario.beat_ms, (double)sum / nodes / 1000, (double)most / 1000,
		s->failure[0] ? "; " : "", s->failure);
	fflush(stdout);
	sim_release(s);
}

/* --- until all know of a death --- */

struct knowing {
	uint64_t id;
	uint32_t left; /* who does not know yet */
	uint64_t at;
};

static void on_state(struct sim *s, struct node *observer, uint64_t id, enum gossip_state state)
{
	struct knowing *k = s->arg;

	(void)observer;
	if (id == k->id && state == GOSSIP_DEAD && k->left > 0 && --k->left == 0)
		k->at = s->now;
}

static void death(uint32_t nodes, bool fast, uint32_t loss, uint32_t runs, bool host)
{
	static struct samples all;
	struct scenario scenario = quiet(nodes, fast, loss);
	struct sim *s = world();
	uint64_t false_deaths = 0;

	all.n = all.missed = 0;
	for (scenario.seed = 1; scenario.seed <= runs; scenario.seed++) {
		struct knowing k = {.left = nodes - 1};
		uint64_t at;
		uint32_t victim;

		sim_init(s, &scenario, false);
		at = SETTLE_US + sim_below(s, 100000);
		victim = (uint32_t)sim_below(s, nodes);
		sim_run(s, at);
		false_deaths += s->figures.deaths;
		k.id = s->nodes[victim].id;
		s->arg = &k;
		s->on_state = on_state;
		/* Not innocent any more: somebody does die. */
		s->failure[0] = 0;
		sim_forgive(s);
		node_kill(s, &s->nodes[victim], host);
		while (k.left > 0 && s->now < at + 5000000 && sim_run(s, s->now + 10000))
			continue;
		add(&all, k.left == 0 ? k.at - at : UINT64_MAX);
		sim_release(s);
	}
	printf("death     N=%-3u %3u ms beats, %2u %% loss, %s: all know after p50 %.0f p99 %.0f "
	       "ms "
	       "(%zu deaths, %zu unknown after 5 s, %llu false)\n",
		nodes, scenario.beat_ms, loss / 10, host ? "host off" : "kill -9",
		quantile(&all, 0.5), quantile(&all, 0.99), all.n, all.missed,
		(unsigned long long)false_deaths);
	fflush(stdout);
}

/* --- until what is set is everywhere --- */

static bool is_everywhere(const struct sim *s, const struct item *set)
{
	struct item item;

	for (uint32_t i = 0; i < s->n; i++) {
		if (!gossip_item(s->nodes[i].gossip, set->kind, set->key, &item))
			return false;
	}
	return true;
}

static void spreading(uint32_t nodes, bool fast, uint32_t loss, uint32_t runs)
{
	enum { WRITES = 20 };
	static struct samples all;
	struct scenario scenario = quiet(nodes, fast, loss);
	struct sim *s = world();

	all.n = all.missed = 0;
	for (scenario.seed = 1; scenario.seed <= runs; scenario.seed++) {
		sim_init(s, &scenario, false);
		sim_run(s, SETTLE_US);
		for (uint32_t i = 0; i < WRITES; i++) {
			struct node *node = &s->nodes[sim_below(s, nodes)];
			struct item item = {.kind = NODE_SERVER,
				.key = span_of(&i, sizeof i),
				.value = span_of("drain", 5)};
			uint64_t at = s->now;

			gossip_item_set(node->gossip, node_time(s, node), &item);
			node_drain(s, node);
			while (!is_everywhere(s, &item) && s->now < at + 5000000)
				sim_run(s, s->now + 500);
			add(&all, is_everywhere(s, &item) ? s->now - at : UINT64_MAX);
			sim_run(s, s->now + sim_below(s, 500000));
		}
		sim_release(s);
	}
	printf("item      N=%-3u %3u ms beats, %2u %% loss: everywhere after p50 %.1f p99 %.1f max "
	       "%.1f ms "
	       "(%zu times, %zu not within 5 s)\n",
		nodes, scenario.beat_ms, loss / 10, quantile(&all, 0.5), quantile(&all, 0.99),
		quantile(&all, 1), all.n, all.missed);
	fflush(stdout);
}

/* --- until somebody else holds the address --- */

static void on_hold(struct sim *s, struct node *node, uint32_t vip)
{
	uint64_t *at = s->arg;

	(void)node;
	(void)vip;
	if (*at == UINT64_MAX)
		*at = s->now;
}

static struct node *owner(struct sim *s)
{
	for (uint32_t i = 0; i < s->n; i++) {
		if (s->nodes[i].holds[0])
			return &s->nodes[i];
	}
	return NULL;
}

enum gap { GAP_KILL, GAP_CUT, GAP_PAUSE, GAP_STOP };

static void end_owner(struct sim *s, struct node *node, enum gap gap)
{
	switch (gap) {
	case GAP_KILL:
		node_kill(s, node, false);
		break;
	case GAP_CUT:
		for (uint32_t i = 0; i <= s->n; i++) {
			uint32_t other = i == s->n ? SIM_GATEWAY : i;

			network_cut(s, node->index, other, true);
			network_cut(s, other, node->index, true);
		}
		break;
	case GAP_PAUSE:
		node_pause(s, node);
		break;
	case GAP_STOP:
		node_stop(s, node, false);
		break;
	}
}

static void gap(uint32_t nodes, bool fast, uint32_t loss, uint32_t runs, enum gap kind)
{
	static const char *const names[] = {"kill -9", "cable cut", "SIGSTOP", "SIGTERM"};
	static struct samples all;
	struct scenario scenario = quiet(nodes, fast, loss);
	struct sim *s = world();

	all.n = all.missed = 0;
	for (scenario.seed = 1; scenario.seed <= runs; scenario.seed++) {
		uint64_t at, held = UINT64_MAX;
		struct node *node;

		sim_init(s, &scenario, false);
		at = SETTLE_US + 2000000 + sim_below(s, 100000);
		sim_run(s, at);
		s->failure[0] = 0;
		sim_forgive(s);
		node = owner(s);
		s->arg = &held;
		s->on_hold = on_hold;
		if (node)
			end_owner(s, node, kind);
		while (node && held == UINT64_MAX && s->now < at + 5000000 &&
			sim_run(s, s->now + 5000))
			continue;
		add(&all, held == UINT64_MAX ? UINT64_MAX : held - at);
		sim_release(s);
	}
	printf("gap       N=%-3u %3u ms beats, %2u %% loss, %s: held again after p50 %.1f p99 %.1f "
	       "max %.1f ms "
	       "(%zu times, %zu not within 5 s)\n",
		nodes, scenario.beat_ms, loss / 10, names[kind], quantile(&all, 0.5),
		quantile(&all, 0.99), quantile(&all, 1), all.n, all.missed);
	fflush(stdout);
}

/* --- deaths of those that live --- */

static void false_deaths(uint32_t nodes, bool fast, uint32_t hours)
{
	struct scenario scenario = quiet(nodes, fast, 200);
	struct sim *s = world();
	uint64_t moves = 0;

	scenario.seed = nodes;
	scenario.faults[0].at_ms = UINT32_MAX;
	sim_init(s, &scenario, false);
	s->end = UINT64_MAX;
	s->on_hold = on_hold;
	s->arg = &moves;
	sim_forgive(s);
	sim_run(s, (uint64_t)hours * 3600 * 1000000);
	printf("false     N=%-3u %3u ms beats, 20 %% loss: %llu deaths declared in %.1f h%s%s\n",
		nodes, scenario.beat_ms, (unsigned long long)s->figures.deaths,
		(double)s->now / 3.6e9, s->failure[0] ? "; " : "", s->failure);
	fflush(stdout);
	sim_release(s);
}

static void measure_false(void)
{
	static const uint32_t sizes[] = {2, 3, 5};

	for (size_t i = 0; i < 3; i++)
		false_deaths(sizes[i], true, 48);
	false_deaths(20, true, 6);
	false_deaths(2, false, 48);
	false_deaths(100, false, 1);
}

static void measure_bandwidth(void)
{
	bandwidth(2, true);
	bandwidth(3, true);
	bandwidth(20, true);
	bandwidth(100, false);
}

static void measure_death(void)
{
	static const uint32_t losses[] = {0, 200};

	for (int i = 0; i < 2; i++) {
		death(2, true, losses[i], 1000, true);
		death(3, true, losses[i], 1000, true);
		death(5, true, losses[i], 500, true);
		death(20, true, losses[i], 100, true);
		death(100, false, losses[i], 10, true);
		death(3, true, losses[i], 1000, false);
		death(20, true, losses[i], 100, false);
	}
}

static void measure_items(void)
{
	static const uint32_t losses[] = {0, 200};

	for (int i = 0; i < 2; i++) {
		spreading(3, true, losses[i], 50);
		spreading(20, true, losses[i], 20);
		spreading(100, false, losses[i], 2);
	}
}

static void measure_gap(void)
{
	static const uint32_t losses[] = {0, 200};

	for (int i = 0; i < 2; i++) {
		for (enum gap kind = GAP_KILL; kind <= GAP_STOP; kind++) {
			gap(2, true, losses[i], 1000, kind);
			gap(3, true, losses[i], 1000, kind);
		}
	}
}

bool measure(const char *what)
{
	bool all = strcmp(what, "all") == 0;

	if (strcmp(what, "false") == 0) {
		measure_false();
		return true;
	}
	if (all || strcmp(what, "bandwidth") == 0)
		measure_bandwidth();
	if (all || strcmp(what, "death") == 0)
		measure_death();
	if (all || strcmp(what, "item") == 0)
		measure_items();
	if (all || strcmp(what, "gap") == 0)
		measure_gap();
	return all || strcmp(what, "bandwidth") == 0 || strcmp(what, "death") == 0 ||
	       strcmp(what, "item") == 0 || strcmp(what, "gap") == 0;
}

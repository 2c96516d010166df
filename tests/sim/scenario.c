#include "scenario.h"

#include "base/prng.h"

#include <string.h>

enum {
	FIRST_FAULT_MS = 1500, /* the cluster has formed by then */
	FAULTS_WITHIN_MS = 3000,
	LASTS_MS = 2600,
	TROUBLED_WITHIN_MS = 8000, /* one run in four has many faults, and longer ones */
	TROUBLED_LASTS_MS = 5000,
	QUIET_MS = 5000,
};

/* A cluster's size: small ones are the most common, and the fastest to go through. */
static uint32_t draw_nodes(struct prng *g)
{
	uint64_t x = prng_below(g, 1000);

	if (x < 350)
		return 2;
	if (x < 750)
		return 3;
	if (x < 900)
		return 5;
	if (x < 990)
		return 4 + (uint32_t)prng_below(g, 6);
	if (x < 999)
		return 10 + (uint32_t)prng_below(g, 11);
	return 50 + 50 * (uint32_t)prng_below(g, 2);
}

static uint32_t draw_loss(struct prng *g)
{
	switch (prng_below(g, 4)) {
	case 0:
		return 200;
	case 1:
		return (uint32_t)prng_below(g, 200);
	default:
		return 0;
	}
}

static void draw_parameters(struct fault *f, const struct scenario *s, struct prng *g)
{
	static const int32_t jumps[] = {-86400, 86400, -3600, 3600, -1, 1, -2592000};

	f->a = (uint32_t)prng_below(g, s->nodes);
	switch (f->kind) {
	case FAULT_LINK:
	case FAULT_ONEWAY:
		f->b = (f->a + 1 + (uint32_t)prng_below(g, s->nodes - 1)) % s->nodes;
		break;
	case FAULT_SPLIT:
		f->a = 1 + (uint32_t)prng_below(g, s->nodes - 1);
		f->b = (uint32_t)prng_below(g, 4);
		break;
	case FAULT_LOSS:
		f->p = 100 + (int32_t)prng_below(g, 500);
		break;
	case FAULT_DOUBLE:
		f->p = 100;
		break;
	case FAULT_SHUFFLE:
		f->p = 1 + (int32_t)prng_below(g, 50);
		break;
	case FAULT_CLOCK:
		f->p = jumps[prng_below(g, 7)];
		break;
	case FAULT_FORGET:
		f->b = (uint32_t)prng_below(g, s->nodes);
		break;
	case FAULT_CANNOT:
		f->b = (uint32_t)prng_below(g, s->vips);
		break;
	case FAULT_DIGEST:
		f->p = (int32_t)prng_below(g, 3);
		break;
	case FAULT_ITEMS:
		f->b = (uint32_t)prng_below(g, 50);
		f->p = 1 + (int32_t)prng_below(g, 60);
		break;
	case FAULT_RECORDS:
		f->p = 1 + (int32_t)prng_below(g, 40);
		break;
	case FAULT_ITEM:
		f->b = (uint32_t)prng_below(g, 5);
		f->p = prng_below(g, 3) ? 0 : 100 + (int32_t)prng_below(g, 2000);
		break;
	case FAULT_RECORD:
		f->b = (uint32_t)prng_below(g, 5);
		f->p = (int32_t)prng_below(g, 481);
		break;
	case FAULT_MOVE:
		f->b = (uint32_t)prng_below(g, s->vips);
		f->p = (int32_t)prng_below(g, s->balancers);
		break;
	case FAULT_PRIORITY:
		f->p = (int32_t)prng_below(g, 101);
		break;
	default:
		break;
	}
}

static bool is_instant(enum fault_kind kind)
{
	switch (kind) {
	case FAULT_CLOCK:
	case FAULT_ITEM:
	case FAULT_ITEMS:
	case FAULT_RECORD:
	case FAULT_RECORDS:
	case FAULT_MOVE:
	case FAULT_FORGET:
	case FAULT_DIGEST:
		return true;
	default:
		return false;
	}
}

static bool is_an_end(enum fault_kind kind)
{
	return kind == FAULT_KILL || kind == FAULT_HALT || kind == FAULT_STOP ||
	       kind == FAULT_LEAVE;
}

/* What a run's faults have in common. */
struct weather {
	uint32_t within_ms, lasts_ms;
	uint32_t gone; /* nodes that do not come back */
};

static void draw_fault(
	struct fault *f, const struct scenario *s, struct prng *g, struct weather *weather)
{
	*f = (struct fault){.kind = (enum fault_kind)prng_below(g, FAULT_KINDS)};
	draw_parameters(f, s, g);
	f->at_ms = FIRST_FAULT_MS + (uint32_t)prng_below(g, weather->within_ms);
	if (is_instant(f->kind))
		return;
	f->forgets = prng_below(g, 4) == 0;
	/* Fewer than half of the nodes may be gone in the end. */
	if (is_an_end(f->kind) && prng_below(g, 3) == 0 && 2 * (weather->gone + 1) < s->nodes) {
		weather->gone++;
		return;
	}
	f->until_ms =
		f->at_ms + 20 + (uint32_t)prng_below(g, prng_below(g, 2) ? weather->lasts_ms : 500);
}

/* An operator strikes off who is gone, some time later. */
static void draw_forget(struct scenario *s, struct prng *g)
{
	for (uint32_t i = 0; i < s->n_faults; i++) {
		const struct fault *f = &s->faults[i];

		if (!is_an_end(f->kind) || f->until_ms > 0 || prng_below(g, 2))
			continue;
		s->faults[s->n_faults++] = (struct fault){
			.kind = FAULT_FORGET,
			.at_ms = f->at_ms + 700 + (uint32_t)prng_below(g, 1000),
			.a = (f->a + 1 + (uint32_t)prng_below(g, s->nodes - 1)) % s->nodes,
			.b = f->a,
		};
		return;
	}
}

/* All at once, as when the power fails; or one after the other, as in an upgrade. */
static void draw_restarts(struct scenario *s, struct prng *g)
{
	static const enum fault_kind kinds[] = {FAULT_KILL, FAULT_HALT, FAULT_STOP};
	uint32_t at = FIRST_FAULT_MS + (uint32_t)prng_below(g, 1000);
	uint32_t step = prng_below(g, 2) ? 20 : 600;

	for (uint32_t i = 0; i < s->nodes && s->n_faults + 2 < SIM_FAULTS_MAX; i++) {
		s->faults[s->n_faults++] = (struct fault){
			.kind = kinds[prng_below(g, 3)],
			.at_ms = at,
			.until_ms = at + 50 + (uint32_t)prng_below(g, 450),
			.a = i,
			.forgets = prng_below(g, 8) == 0,
		};
		at += (uint32_t)prng_below(g, step);
	}
}

void scenario_draw(struct scenario *s, uint64_t seed)
{
	struct prng g;
	struct weather weather = {FAULTS_WITHIN_MS, LASTS_MS, 0};
	bool fast, troubled;

	prng_init(&g, seed ^ UINT64_C(0x5ce0a210));
	memset(s, 0, sizeof *s);
	s->seed = seed;
	s->nodes = draw_nodes(&g);
	s->balancers = s->nodes <= 5 ? s->nodes : 2 + (uint32_t)prng_below(&g, 6);
	if (s->balancers > s->nodes)
		s->balancers = s->nodes;
	fast = s->nodes < 50 && prng_below(&g, 2) == 0;
	s->beat_ms = fast ? 25 : 50;
	s->silent_ms = fast ? 300 : 600;
	s->vips = 1 + (uint32_t)prng_below(&g, SIM_VIPS_MAX);
	s->prefer = prng_below(&g, 3) ? 0 : 1 + (uint32_t)prng_below(&g, s->balancers);
	s->quorum = prng_below(&g, 5) > 0;
	s->gateway = prng_below(&g, 3) > 0;
	s->loss = draw_loss(&g);
	s->delay_us = 50 + (uint32_t)prng_below(&g, 500);
	s->jitter_us = (uint32_t)prng_below(&g, 300);
	s->peers = prng_below(&g, 4) ? s->nodes : (s->nodes + 1) / 2;
	s->tight = prng_below(&g, 4) ? 0 : 1 + (uint32_t)prng_below(&g, 20);
	s->quiet_ms = QUIET_MS;
	troubled = s->nodes < 50 && prng_below(&g, 4) == 0;
	if (troubled)
		weather = (struct weather){TROUBLED_WITHIN_MS, TROUBLED_LASTS_MS, 0};
	s->n_faults = (uint32_t)prng_below(&g, troubled ? 25 : 7);
	for (uint32_t i = 0; i < s->n_faults; i++)
		draw_fault(&s->faults[i], s, &g, &weather);
	draw_forget(s, &g);
	if (prng_below(&g, 16) == 0)
		draw_restarts(s, &g);
}

uint32_t scenario_last_ms(const struct scenario *s)
{
	uint32_t last = FIRST_FAULT_MS;

	for (uint32_t i = 0; i < s->n_faults; i++) {
		const struct fault *f = &s->faults[i];
		uint32_t end = f->until_ms ? f->until_ms : f->at_ms;

		last = end > last ? end : last;
	}
	return last;
}

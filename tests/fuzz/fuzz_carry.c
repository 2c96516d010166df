/* What one process of a node writes for the next: the first octet says for which library. It comes from a process that is
 * trusted, of another version maybe; whatever it holds, what was taken can be worked with and be written again. */
#include "base/bug.h"
#include "base/wire.h"
#include "elect/elect.h"
#include "gossip/gossip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BEAT_MS = 25, SILENT_MS = 300, TURNS = 40, EVENTS_MAX = 5000 };

static const struct mono begun = {1000000000};

static void turn_elect(struct elect *e, struct mono now)
{
	struct elect_event ev;
	unsigned events = 0;

	while (elect_next(e, now, &ev)) {
		BUG_ON(++events > EVENTS_MAX);
		if (ev.kind == ELECT_HOLD)
			elect_held(e, now, ev.vip, true);
	}
	BUG_ON(!elect_is_valid(e));
}

static void fuzz_elect(struct span bytes)
{
	const struct elect_vip vips[] = {{.ip = {[15] = 1}}, {.ip = {[15] = 2}, .prefer = 7}};
	const struct elect_config config = {.id = 7,
		.name = "lb-01",
		.run = 1,
		.beat_ms = BEAT_MS,
		.silent_ms = SILENT_MS,
		.vips = vips,
		.n_vips = 2};
	struct elect *e = elect_new(&config, begun);
	uint8_t again[ELECT_CARRY_MAX];

	if (!e)
		return;
	elect_resume(e, begun, bytes);
	elect_start(e, begun);
	for (unsigned i = 0; i < TURNS; i++) {
		struct mono now = mono_add_ms(begun, (uint64_t)i * BEAT_MS);

		elect_tick(e, now);
		turn_elect(e, now);
	}
	BUG_ON(elect_carry(e, again) > sizeof(again));
	elect_free(e);
}

static bool count(void *arg, struct span entry)
{
	size_t *n = arg;

	BUG_ON(entry.n == 0 || entry.n > GOSSIP_CARRY_MAX);
	(*n)++;
	return true;
}

static void turn_gossip(struct gossip *g, struct gossip_time t)
{
	struct gossip_packet p;
	struct gossip_event ev;
	unsigned n = 0;

	while (gossip_output(g, t, &p))
		BUG_ON(++n > EVENTS_MAX || p.payload.n > GOSSIP_PAYLOAD_MAX);
	while (gossip_event(g, &ev))
		BUG_ON(++n > EVENTS_MAX);
}

static void fuzz_gossip(struct span bytes)
{
	const struct gossip_config config = {.node = "lb-01",
		.id = 7,
		.self = {.port = 7946},
		.beat_ms = BEAT_MS,
		.silent_ms = SILENT_MS,
		.epoch = 1,
		.seed = 1,
		.version = "1"};
	struct gossip_time t = {begun, 1};
	struct gossip *g = gossip_new(&config, t);
	struct wire_reader r = wire_read(bytes);
	bool ok = g != NULL;
	size_t n = 0;

	while (ok && wire_left(&r) > 0) {
		uint16_t len = wire_u16(&r);
		struct span entry = wire_bytes(&r, len);

		ok = !r.failed && gossip_resume(g, t, entry);
	}
	for (unsigned i = 0; ok && i < TURNS; i++) {
		t.now = mono_add_ms(begun, (uint64_t)i * BEAT_MS);
		gossip_tick(g, t);
		turn_gossip(g, t);
	}
	if (ok)
		BUG_ON(!gossip_carry(g, count, &n) || n == 0);
	gossip_free(g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] == 'e')
		fuzz_elect(span_of(data + 1, size - 1));
	else
		fuzz_gossip(span_of(data + 1, size - 1));
	return 0;
}

/* lib/elect against whatever a holder of a key, the network and time may do: the input is a list of steps, an octet
 * that says which and an octet with its size or value. Whatever comes, its state stays valid, what comes out ends, and
 * a deadline that was met is not asked for again. */
#include "base/bug.h"
#include "elect/elect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NODES = 4, VIPS = 3, EVENTS_MAX = 2000, STEPS_MAX = 400 };

struct run {
	struct elect *e;
	struct mono now;
	bool held[VIPS];
	bool broken;
};

static void drain(struct run *r)
{
	struct elect_event ev;
	unsigned events = 0;

	while (elect_next(r->e, r->now, &ev)) {
		BUG_ON(++events > EVENTS_MAX);
		BUG_ON(ev.value.n > ELECT_VALUE_MAX || ev.vip >= VIPS);
		if (ev.kind == ELECT_HOLD) {
			BUG_ON(r->held[ev.vip]);
			r->held[ev.vip] = !r->broken;
			elect_held(r->e, r->now, ev.vip, !r->broken);
		} else if (ev.kind == ELECT_DROP) {
			BUG_ON(!r->held[ev.vip]);
			r->held[ev.vip] = false;
		}
		BUG_ON(!elect_is_valid(r->e));
	}
}

static void member(struct run *r, uint8_t value)
{
	struct elect_member m = {
		.id = 2 + value % NODES,
		.name = "node",
		.addr = {.ip = {[15] = (uint8_t)(value % NODES)}, .port = 7946},
		.state = (enum elect_state)(value / NODES % 5),
		.balancer = value & 64,
		.role_known = value & 128,
		.has_digest = true,
		.digest = value >> 6,
	};

	elect_member(r->e, r->now, &m);
}

/* A step with bytes of its own. */
static void with_bytes(struct run *r, uint8_t step, uint64_t from, struct span bytes)
{
	size_t key = bytes.n > 8 ? 8 : bytes.n;

	if (step == 0)
		elect_record(r->e, r->now, from, bytes);
	else if (step < 7)
		elect_message(r->e, r->now, from, step, bytes);
	else
		elect_item(
			r->e, r->now, span_of(bytes.p, key), span_of(bytes.p + key, bytes.n - key));
}

static void with_value(struct run *r, uint8_t step, uint8_t value)
{
	switch (step) {
	case 8:
		member(r, value);
		break;
	case 9:
		r->now = mono_add_ms(r->now, (uint64_t)value * 4);
		elect_tick(r->e, r->now);
		drain(r);
		BUG_ON(elect_deadline(r->e).us <= r->now.us);
		break;
	case 10:
		elect_gateway(r->e, r->now);
		break;
	case 11:
		elect_set_healthy(r->e, r->now, value & 1);
		break;
	case 12:
		r->broken = value & 1;
		elect_set_alone(r->e, r->now, value & 2);
		break;
	case 13:
		elect_move(r->e, r->now, value % VIPS, 1 + value / VIPS % (NODES + 1));
		break;
	case 14:
		elect_forget(r->e, r->now, 1 + value % (NODES + 1));
		break;
	default:
		if (value < 8)
			elect_stop(r->e, r->now, value & 1);
		else
			elect_woken(r->e, r->now);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct elect_vip vips[VIPS] = {
		{.ip = {1}, .prefer = 1, .preempt_ms = 50},
		{.ip = {2}, .prefer = 2, .preempt_ms = 50},
		{.ip = {3}},
	};
	static const struct elect_peer peers[1] = {{{.ip = {[15] = 1}, .port = 7946}, "peer"}};
	struct elect_config config = {.id = 1,
		.name = "self",
		.run = 1,
		.beat_ms = 25,
		.silent_ms = 300,
		.peers = peers,
		.n_peers = size > 0 && data[0] & 1,
		.has_gateway = size > 0 && data[0] & 2,
		.vips = vips,
		.n_vips = VIPS};
	struct run r = {.now = {1000000}};
	size_t at = 1;

	r.e = elect_new(&config, r.now);
	BUG_ON(!r.e);
	elect_start(r.e, r.now);
	for (unsigned steps = 0; at + 2 <= size && steps < STEPS_MAX; steps++) {
		uint8_t step = data[at] % 16, from = data[at] / 16, value = data[at + 1];
		size_t n = value < size - at - 2 ? value : size - at - 2;

		at += 2;
		if (step < 8) {
			with_bytes(&r, step, 2 + from % NODES, span_of(data + at, n));
			at += n;
		} else {
			with_value(&r, step, value);
		}
		drain(&r);
	}
	elect_free(r.e);
	return 0;
}

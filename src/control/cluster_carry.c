/* This node's membership, from one process of it to the next: doc/decisions/013. */
#include "base/wire.h"
#include "control/cluster_inside.h"
#include "gossip/records.h"
#include "log.h"

#include <stdlib.h>
#include <string.h>

static bool put_entry(void *arg, struct span entry)
{
	uint8_t length[2] = {(uint8_t)(entry.n >> 8), (uint8_t)entry.n};
	FILE *out = arg;

	return fwrite(length, sizeof(length), 1, out) == 1 &&
	       fwrite(entry.p, 1, entry.n, out) == entry.n;
}

bool cluster_carry(const struct cluster *cl, FILE *out)
{
	return gossip_carry(cl->gossip, put_entry, out);
}

static bool resume_each(struct gossip *g, struct gossip_time t, struct span entries)
{
	struct wire_reader r = wire_read(entries);

	while (wire_left(&r) > 0) {
		uint16_t n = wire_u16(&r);
		struct span entry = wire_bytes(&r, n);

		if (r.failed || !gossip_resume(g, t, entry))
			return false;
	}
	return true;
}

/* Tried with another one: once begun it cannot be undone. */
static bool can_resume(struct cluster *cl, struct gossip_time t, struct span entries)
{
	struct gossip *g = cluster_gossip_new(cl, 1);
	bool ok = g && resume_each(g, t, entries);

	gossip_free(g);
	return ok;
}

struct own_record {
	uint16_t key;
	size_t n;
	uint8_t value[CLUSTER_VALUE_MAX];
};

/* What this process has said of itself so far holds; what only the earlier one said is withdrawn, but for what vip_join()
 * says. */
static void say_anew(
	struct cluster *cl, struct gossip_time t, const struct own_record *own, size_t n)
{
	struct record r;
	uint32_t key = 0;

	while (gossip_record_next(cl->gossip, cl->id, key, &r)) {
		bool is_said = r.key == CLUSTER_RECORD_CLAIMS || r.key == CLUSTER_RECORD_VIPS;

		for (size_t i = 0; i < n; i++)
			is_said = is_said || own[i].key == r.key;
		key = r.key + 1u;
		if (!is_said)
			gossip_publish(cl->gossip, t, r.key, span_of(NULL, 0));
	}
	for (size_t i = 0; i < n; i++)
		gossip_publish(cl->gossip, t, own[i].key, span_of(own[i].value, own[i].n));
}

bool cluster_resume(struct cluster *cl, struct span entries)
{
	struct gossip_time t = {mono_now(), log_wall_us() / 1000};
	struct own_record *own = malloc(RECORDS_KEYS_MAX * sizeof(*own));
	size_t n = 0;
	struct record r;
	bool ok = own && can_resume(cl, t, entries);

	for (uint32_t key = 0; ok && gossip_record_next(cl->gossip, cl->id, key, &r); n++) {
		own[n] = (struct own_record){.key = r.key, .n = r.value.n};
		memcpy(own[n].value, r.value.p, r.value.n);
		key = r.key + 1u;
	}
	ok = ok && resume_each(cl->gossip, t, entries);
	if (ok)
		say_anew(cl, t, own, n);
	free(own);
	cl->news++;
	cl->reorder = true;
	return ok;
}

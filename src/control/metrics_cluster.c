/* The cluster's part of the metrics. */
#include "control/metrics_cluster.h"

#include "control/cluster_agree.h"
#include "control/notifier.h"
#include "control/vip.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define COUNTER(n, h)                                                                              \
	{                                                                                          \
		"aegislb_" n "_total", h, EXPO_COUNTER                                             \
	}
#define GAUGE(n, h)                                                                                \
	{                                                                                          \
		"aegislb_" n, h, EXPO_GAUGE                                                        \
	}

/* The exposition in the making. */
struct writer {
	const struct control *c;
	struct expo *out;
	enum expo_format format;
};

static struct expo_label label(const char *name, const char *value)
{
	return (struct expo_label){name, span_str(value)};
}

static void plain(struct writer *w, const struct expo_family *f, uint64_t v)
{
	expo_family(w->out, f, w->format);
	expo_sample_u64(w->out, f, NULL, 0, v);
}

/* --- members --- */

static void write_states(struct writer *w)
{
	static const struct expo_family family =
		GAUGE("cluster_members", "Members of the cluster, this node included, by state.");
	static const enum cluster_state states[] = {
		CLUSTER_ALIVE, CLUSTER_SUSPECT, CLUSTER_DEAD, CLUSTER_LEFT};
	uint64_t n[4] = {0};

	for (size_t i = 0; i < cluster_members(w->c->cluster); i++)
		n[cluster_member_at(w->c->cluster, i)->state]++;
	expo_family(w->out, &family, w->format);
	for (size_t i = 0; i < 4; i++) {
		struct expo_label labels[] = {label("state", cluster_state_word(states[i]))};

		expo_sample_u64(w->out, &family, labels, 1, n[states[i]]);
	}
}

static void write_round_trips(struct writer *w)
{
	static const struct expo_family family = GAUGE("cluster_member_rtt_seconds",
		"Round trip to a member that this node observes, as last measured.");

	expo_family(w->out, &family, w->format);
	for (size_t i = 0; i < cluster_members(w->c->cluster); i++) {
		const struct cluster_member *m = cluster_member_at(w->c->cluster, i);
		struct expo_label labels[] = {label("member", m->name)};

		if (!m->self && m->rtt_us >= 0)
			expo_sample_seconds(w->out, &family, labels, 1, (uint64_t)m->rtt_us);
	}
}

static void write_agreement(struct writer *w)
{
	static const struct expo_family
		differs = GAUGE("cluster_config_digest_differs",
			"1 while live members that do the same work have unequal "
			"configurations."),
		lag = GAUGE("cluster_loop_lag_max_seconds",
			"The longest that this node came late to its own beats, in the last one or "
			"two minutes.");
	unsigned unequal = 0;
	struct cluster_stats stats;

	for (enum cluster_work work = 0; work < CLUSTER_WORKS; work++) {
		struct cluster_agreement a;

		cluster_agreement(w->c->cluster, work, &a);
		unequal += a.digests > 1;
	}
	plain(w, &differs, unequal > 0);
	cluster_stats(w->c->cluster, &stats);
	expo_family(w->out, &lag, w->format);
	expo_sample_seconds(w->out, &lag, NULL, 0, stats.lag_max_us);
}

/* --- datagrams --- */

static void write_directions(
	struct writer *w, const struct expo_family *f, uint64_t in, uint64_t out)
{
	struct expo_label labels[] = {label("direction", "in")};

	expo_family(w->out, f, w->format);
	expo_sample_u64(w->out, f, labels, 1, in);
	labels[0] = label("direction", "out");
	expo_sample_u64(w->out, f, labels, 1, out);
}

static void write_gossip(struct writer *w)
{
	static const struct expo_family
		packets = COUNTER(
			"gossip_packets", "Datagrams of the cluster; in: refused ones included."),
		bytes = COUNTER(
			"gossip_bytes", "Bytes of these datagrams, without UDP and IP headers."),
		refused = COUNTER("gossip_refused", "Datagrams refused, by cause."),
		errors = COUNTER(
			"gossip_send_errors", "Datagrams that this machine could not send.");
	struct cluster_stats s;

	cluster_stats(w->c->cluster, &s);
	write_directions(w, &packets, s.packets_in, s.packets_out);
	write_directions(w, &bytes, s.bytes_in, s.bytes_out);
	plain(w, &errors, s.send_errors);
	expo_family(w->out, &refused, w->format);
	for (unsigned i = 0; i < CLUSTER_REFUSALS; i++) {
		struct expo_label labels[] = {label("cause", cluster_refusal_word(i))};

		expo_sample_u64(w->out, &refused, labels, 1, s.refused[i]);
	}
}

static void write_lifelines(struct writer *w)
{
	static const struct expo_family family =
		GAUGE("cluster_lifelines", "TCP connections to observed members, whose end tells "
					   "of a crash; missing: not open "
					   "for some seconds.");
	struct expo_label labels[] = {label("state", "open")};
	struct cluster_stats s;

	cluster_stats(w->c->cluster, &s);
	expo_family(w->out, &family, w->format);
	expo_sample_u64(w->out, &family, labels, 1, s.lifelines_open);
	labels[0] = label("state", "missing");
	expo_sample_u64(w->out, &family, labels, 1, s.lifelines_missing);
}

/* --- keys --- */

static void write_keys(struct writer *w)
{
	static const struct expo_family
		info = GAUGE("cluster_key_info",
			"Always 1; a key that this node holds, by id and state."),
		waits = GAUGE("cluster_key_change_waits",
			"1 while what the file of keys says waits for another node.");
	uint32_t ids[16];
	size_t n = cluster_key_ids(w->c->cluster, ids, 16);

	expo_family(w->out, &info, w->format);
	for (size_t i = 0; i < n; i++) {
		struct expo_label labels[2];
		char id[16];

		snprintf(id, sizeof(id), "%08" PRIx32, ids[i]);
		labels[0] = label("id", id);
		labels[1] = label("state", i ? "standby" : "active");
		expo_sample_u64(w->out, &info, labels, 2, 1);
	}
	plain(w, &waits, cluster_keys_wait(w->c->cluster)[0] != '\0');
}

/* --- virtual addresses --- */

static void each_vip(struct writer *w, const struct expo_family *f, size_t offset)
{
	expo_family(w->out, f, w->format);
	for (size_t i = 0; i < vip_count(w->c->vip); i++) {
		struct expo_label labels[1];
		struct vip_view v;
		uint64_t n;

		vip_view(w->c->vip, i, &v);
		labels[0] = label("address", v.address);
		memcpy(&n, (const char *)&v + offset, sizeof(n));
		expo_sample_u64(w->out, f, labels, 1, n);
	}
}

static void write_vips(struct writer *w)
{
	static const struct expo_family met = GAUGE("cluster_quorum_met",
						"1 while this node may hold virtual addresses, as "
						"far as votes go; 1 also of a "
						"node that has none."),
					held = GAUGE("vip_held",
						"1 while this node has the virtual address."),
					taken = COUNTER("vip_taken", "Times this node took it."),
					dropped = COUNTER(
						"vip_dropped", "Times this node gave it up."),
					moves = COUNTER("vip_moves",
						"Times it had another owner, as seen from here.");
	struct elect_quorum q = {.met = true};

	if (w->c->vip)
		vip_quorum(w->c->vip, &q);
	plain(w, &met, q.met);
	expo_family(w->out, &held, w->format);
	for (size_t i = 0; i < vip_count(w->c->vip); i++) {
		struct expo_label labels[1];
		struct vip_view v;

		vip_view(w->c->vip, i, &v);
		labels[0] = label("address", v.address);
		expo_sample_u64(w->out, &held, labels, 1, v.mine);
	}
	each_vip(w, &taken, offsetof(struct vip_view, taken));
	each_vip(w, &dropped, offsetof(struct vip_view, dropped));
	each_vip(w, &moves, offsetof(struct vip_view, moves));
}

void metrics_cluster_write(const struct control *c, struct expo *out, enum expo_format format)
{
	static const struct expo_family dropped = COUNTER("notify_dropped",
		"Changes that cluster.notify was not run for: it did not keep up.");
	struct writer w = {c, out, format};

	write_states(&w);
	write_round_trips(&w);
	write_agreement(&w);
	write_gossip(&w);
	write_lifelines(&w);
	write_keys(&w);
	write_vips(&w);
	plain(&w, &dropped, notifier_dropped(c->notifier));
}

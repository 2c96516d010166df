/* `show cluster`: who is there, who has which virtual address, and what somebody should look at; as JSON and as text.
 * Without a cluster it is this node alone, in the same shape. */
#include "config-build.h"

#include "control/stat.h"

#include "control/cluster_agree.h"
#include "control/vip.h"
#include "control/vip_seen.h"
#include "log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* --- warnings --- */

enum { WARNINGS_MAX = 40, WARNING_BYTES = 384 };

struct warnings {
	char text[WARNINGS_MAX][WARNING_BYTES];
	size_t n;
};

__attribute__((format(printf, 2, 3))) static void warn(struct warnings *w, const char *fmt, ...)
{
	va_list ap;

	if (w->n == WARNINGS_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(w->text[w->n++], WARNING_BYTES, fmt, ap);
	va_end(ap);
}

static void warn_digests(struct control *c, struct warnings *w)
{
	for (enum cluster_work work = 0; work < CLUSTER_WORKS; work++) {
		struct cluster_agreement a;

		cluster_agreement(c->cluster, work, &a);
		if (a.digests > 1)
			warn(w, "digest differs: the configurations of the %s are not equal: %s",
				cluster_work_word(work), a.text);
	}
}

static void warn_standing(struct control *c, struct warnings *w)
{
	struct cluster_standing s;

	cluster_standing(c->cluster, &s);
	if (s.alone)
		warn(w, "this node hears none of the others: its network, or the file of keys");
	if (s.unheard)
		warn(w, "the others do not hear this node, though it hears them");
	if (s.lagging)
		warn(w, "this node comes late to its own beats, and casts no votes");
	if (s.speaks == 0)
		warn(w, "the nodes have no version of the protocol in common: upgrade the oldest");
}

static void warn_lifelines(struct control *c, struct warnings *w)
{
	for (size_t i = 0; i < cluster_members(c->cluster); i++) {
		const struct cluster_member *m = cluster_member_at(c->cluster, i);
		char addr[ADDR_TEXT_MAX];

		if (cluster_lacks_lifeline(c->cluster, m))
			warn(w,
				"no TCP connection to %s (%s) though its datagrams come: let TCP "
				"through; until then a crash of it is known only by its silence",
				m->name, addr_format(&m->addr, addr));
	}
}

static void warn_vips(struct control *c, struct warnings *w)
{
	for (size_t i = 0; c->vip && i < vip_count(c->vip); i++) {
		struct vip_view v;

		vip_view(c->vip, i, &v);
		if (v.warning)
			warn(w, "%s: %s", v.conf->text, v.warning);
		if (v.contested)
			warn(w, "%s: more than one node claims it", v.conf->text);
	}
}

static void collect_warnings(struct control *c, struct warnings *w)
{
	w->n = 0;
	if (!cluster_enabled(c->cluster))
		return;
	warn_digests(c, w);
	warn_standing(c, w);
	warn_lifelines(c, w);
	warn_vips(c, w);
	if (cluster_keys_wait(c->cluster)[0])
		warn(w, "%s", cluster_keys_wait(c->cluster));
	if (c->config->cluster.n_vips > 0 && c->config->cluster.quorum == QUORUM_NONE)
		warn(w, "quorum = \"none\": two nodes that do not hear each other both take every "
			"address");
}

/* --- JSON --- */

static json_t *json_time(uint64_t wall_us)
{
	char buf[LOG_TIME_MAX];

	return json_string(log_time(wall_us, buf));
}

/* Milliseconds to three places; null where nothing was measured. */
static json_t *json_rtt(const struct cluster_member *m)
{
	if (m->self)
		return json_integer(0);
	return m->rtt_us < 0 ? json_null() : json_real((double)m->rtt_us / 1000);
}

/* A node that stands alone is what balances, whatever it has of addresses. */
static const char *role_word(const struct control *c, const struct cluster_member *m)
{
	return m->balancer || !cluster_enabled(c->cluster) ? "balancer" : "backend";
}

static json_t *json_digest(const struct cluster_member *m)
{
	char text[24];

	snprintf(text, sizeof(text), "%016" PRIx64, m->config_digest);
	return m->has_digest ? json_string(text) : json_null();
}

static json_t *json_addr(const struct cluster_member *m)
{
	char text[ADDR_TEXT_MAX];

	return m->addr.family == AF_UNSPEC ? json_null() : json_string(addr_format(&m->addr, text));
}

static json_t *json_member(const struct control *c, const struct cluster_member *m)
{
	return json_pack("{s:s,s:o,s:s,s:s,s:I,s:o,s:o,s:s,s:o}", "name", m->name, "address",
		json_addr(m), "role", role_word(c, m), "state", cluster_state_word(m->state),
		"incarnation", (json_int_t)m->incarnation, "since", json_time(m->since_wall_us),
		"rtt_ms", json_rtt(m), "version", m->version, "config_digest", json_digest(m));
}

static json_t *json_members(struct control *c)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < cluster_members(c->cluster); i++)
		if (json_array_append_new(array, json_member(c, cluster_member_at(c->cluster, i))) <
			0) {
			json_decref(array);
			return NULL;
		}
	return array;
}

static json_t *json_warnings(struct control *c)
{
	json_t *array = json_array();
	struct warnings w;

	collect_warnings(c, &w);
	for (size_t i = 0; array && i < w.n; i++)
		json_array_append_new(array, json_string(w.text[i]));
	return array;
}

struct balancers {
	unsigned all, alive;
};

static struct balancers count_balancers(struct control *c)
{
	struct balancers b = {0};

	for (size_t i = 0; i < cluster_members(c->cluster); i++) {
		const struct cluster_member *m = cluster_member_at(c->cluster, i);

		b.all += m->balancer;
		b.alive +=
			m->balancer && (m->state == CLUSTER_ALIVE || m->state == CLUSTER_SUSPECT);
	}
	return b;
}

/* Of a node that has no voice itself: the balancers that it knows of. */
static json_t *json_quorum_seen(struct control *c)
{
	struct balancers b = count_balancers(c);

	if (!cluster_enabled(c->cluster))
		return json_pack(
			"{s:s,s:i,s:i,s:b}", "rule", "none", "voters", 1, "alive", 1, "met", 1);
	return json_pack("{s:s,s:i,s:i,s:b}", "rule",
		c->config->cluster.quorum == QUORUM_NONE ? "none" : "majority", "voters", b.all,
		"alive", b.alive, "met", b.all == 0 || b.alive * 2 > b.all);
}

/* Its own, or those that the balancers tell of. */
static json_t *json_vips(struct control *c)
{
	struct vip_seen seen[VIP_SEEN_MAX];
	json_t *list;
	size_t n;

	if (c->vip)
		return vip_json(c->vip);
	list = json_array();
	n = list ? vip_seen(c, seen) : 0;
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, vip_view_json(&seen[i].view));
	return list;
}

json_t *cluster_json(struct control *c)
{
	return json_pack("{s:s,s:s?,s:o,s:o,s:o,s:o}", "node", c->config->node, "cluster",
		c->config->cluster.name, "members", json_members(c), "vips", json_vips(c), "quorum",
		c->vip ? vip_quorum_json(c->vip) : json_quorum_seen(c), "warnings",
		json_warnings(c));
}

/* --- text --- */

/* Columns as wide as the widest of them. */
struct widths {
	int name, addr;
};

static void widen(int *width, const char *text)
{
	if ((int)strlen(text) > *width)
		*width = (int)strlen(text);
}

static struct widths widths_of(struct control *c)
{
	struct widths w = {6, 7};
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < cluster_members(c->cluster); i++) {
		const struct cluster_member *m = cluster_member_at(c->cluster, i);

		widen(&w.name, m->name);
		widen(&w.addr, m->addr.family == AF_UNSPEC ? "" : addr_format(&m->addr, text));
	}
	return w;
}

static void write_member(const struct control *c, const struct cluster_member *m,
	const struct widths *w, struct expo *out)
{
	char addr[ADDR_TEXT_MAX] = "-", since[LOG_TIME_MAX], rtt[24] = "-", digest[24] = "-";

	if (m->addr.family != AF_UNSPEC)
		addr_format(&m->addr, addr);
	if (m->rtt_us >= 0 && !m->self)
		snprintf(rtt, sizeof(rtt), "%.2f ms", (double)m->rtt_us / 1000);
	if (m->has_digest)
		snprintf(digest, sizeof(digest), "%016" PRIx64, m->config_digest);
	expo_fmt(out, "%-*s  %-*s  %-8s  %-7s  %11" PRIu64 "  %s  %9s  %-9s  %s\n", w->name,
		m->name, w->addr, addr, role_word(c, m), cluster_state_word(m->state),
		m->incarnation, log_time(m->since_wall_us, since), rtt,
		m->version[0] ? m->version : "-", digest);
}

static void write_members(struct control *c, struct expo *out)
{
	struct widths w = widths_of(c);

	expo_fmt(out, "%-*s  %-*s  %-8s  %-7s  %11s  %-24s  %9s  %-9s  %s\n", w.name, "member",
		w.addr, "address", "role", "state", "incarnation", "since", "rtt", "version",
		"digest");
	for (size_t i = 0; i < cluster_members(c->cluster); i++)
		write_member(c, cluster_member_at(c->cluster, i), &w, out);
}

static void write_vip(const struct vip_view *v, struct expo *out)
{
	char since[LOG_TIME_MAX];

	expo_fmt(out, "address %s on %s: ", v->conf->text, v->conf->interface);
	if (!v->owner) {
		expo_str(out, "nobody owns it\n");
		return;
	}
	expo_fmt(out, "owner %s%s since %s, term %" PRIu64 "%s%s\n", v->owner,
		v->mine ? " (this node)" : "", log_time(v->since_wall_us, since), v->term,
		v->pinned ? ", moved there by an operator" : "",
		v->moving ? ", being handed over" : "");
}

static void write_vips(struct control *c, struct expo *out)
{
	struct vip_seen seen[VIP_SEEN_MAX];
	size_t n = c->vip ? vip_count(c->vip) : vip_seen(c, seen);

	for (size_t i = 0; i < n; i++) {
		struct vip_view v;

		if (c->vip)
			vip_view(c->vip, i, &v);
		else
			v = seen[i].view;
		write_vip(&v, out);
	}
}

static void write_quorum(struct control *c, struct expo *out)
{
	struct elect_quorum q;

	vip_quorum(c->vip, &q);
	expo_fmt(out, "quorum %s, rule %s: ", q.met ? "met" : "NOT MET",
		q.rule == ELECT_NONE ? "none" : "majority");
	if (!strstr(q.text, "voters alive")) /* some reasons count them, too */
		expo_fmt(out, "%u of %u voters alive%s", q.alive, q.voters, q.text[0] ? ", " : "");
	expo_fmt(out, "%s\n", q.text);
}

/* "30 members: 28 alive, 1 dead, 1 left": of many, nobody reads every line. */
static void write_head(struct control *c, struct expo *out)
{
	const struct config_cluster *conf = &c->config->cluster;
	size_t n = cluster_members(c->cluster), count[CLUSTER_LEFT + 1] = {0};

	for (size_t i = 0; i < n; i++)
		count[cluster_member_at(c->cluster, i)->state]++;
	expo_fmt(out,
		"cluster %s, seen from %s, dead after %u ms of silence\n%zu members: %zu alive",
		conf->name, c->config->node, conf->silent_ms, n, count[CLUSTER_ALIVE]);
	for (enum cluster_state s = CLUSTER_SUSPECT; s <= CLUSTER_LEFT; s++) {
		if (count[s] > 0)
			expo_fmt(out, ", %zu %s", count[s], cluster_state_word(s));
	}
	expo_str(out, "\n");
}

static void write_balancers(struct control *c, struct expo *out)
{
	struct balancers b = count_balancers(c);

	expo_fmt(out, "a backend node: no addresses, no vote; %u of %u balancers are alive\n",
		b.alive, b.all);
}

static void write_keys(struct control *c, struct expo *out)
{
	uint32_t ids[16];
	size_t n = cluster_key_ids(c->cluster, ids, 16);

	for (size_t i = 0; i < n; i++)
		expo_fmt(out, "%s%08x %s", i ? ", " : "keys: ", ids[i], i ? "standby" : "active");
	expo_str(out, n ? "\n" : "");
}

void cluster_text(struct control *c, struct expo *out)
{
	struct warnings w;

	if (!cluster_enabled(c->cluster)) {
		expo_fmt(out, "no cluster is configured: node %s stands alone\n", c->config->node);
		return;
	}
	write_head(c, out);
	if (c->vip)
		write_quorum(c, out);
	else
		write_balancers(c, out);
	write_vips(c, out);
	write_keys(c, out);
	collect_warnings(c, &w);
	for (size_t i = 0; i < w.n; i++)
		expo_fmt(out, "warning: %s\n", w.text[i]);
	write_members(c, out);
}

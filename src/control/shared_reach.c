/* What follows from the views of other nodes: verdicts that are adopted, and servers that are out of reach from here
 * alone. */
#include "control/cluster.h"
#include "control/shared_health_inside.h"
#include "log.h"

#include <stdio.h>
#include <string.h>

/* "lb-02", "lb-02 and 2 more": who says so. */
static const char *who_says(
	const struct shared_health *h, const struct server *s, enum health_view state, char buf[96])
{
	const char *first = NULL;
	unsigned more = 0;

	for (size_t i = 0; i < h->n_peers; i++) {
		const struct cluster_member *m;

		if (h->peers[i].seen[s->id].entry.state != state ||
			!shared_health_is_fresh(h, &h->peers[i]))
			continue;
		m = cluster_find(h->control->cluster, h->peers[i].id);
		if (first)
			more++;
		else
			first = m->name;
	}
	if (more > 0)
		snprintf(buf, 96, "%.63s and %u more", first, more);
	else
		snprintf(buf, 96, "%.63s", first ? first : "nobody");
	return buf;
}

static void say_reach(const struct shared_health *h, const struct server *s, bool lost)
{
	char who[96];

	if (lost)
		log_warning("health",
			"%s/%s is unreachable from here only: %s can reach it; look at this node's "
			"way to it",
			s->backend->conf->name, s->name, who_says(h, s, HEALTH_UP, who));
	else if (server_is_up(s))
		log_notice("health", "%s/%s is reachable from here again", s->backend->conf->name,
			s->name);
}

/* One that is out of reach is never rounded away. */
static void tell_reach(const struct shared_health *h)
{
	unsigned all = 0, lost = 0;

	for (uint32_t id = 0; id < h->max_servers; id++) {
		all += h->servers[id].key != 0;
		lost += h->servers[id].key && h->servers[id].reach.lost;
	}
	if (h->hooks.reach && all > 0)
		h->hooks.reach(h->control, 100 * (all - lost) / all);
}

static void adopt(struct shared_health *h, struct server *s, const struct health_views *v)
{
	enum health_view verdict = health_adopted(v);
	char who[96], why[128];

	if (v->own != HEALTH_UNKNOWN || verdict == HEALTH_UNKNOWN)
		return;
	h->servers[s->id].adopted = true;
	snprintf(why, sizeof(why), "as %s %s", who_says(h, s, verdict, who),
		strstr(who, "more") ? "see it" : "sees it");
	servers_adopt(h->control->servers, s, verdict == HEALTH_UP, why);
}

/* The last good check of those who call it up. */
static struct mono others_up_at(const struct shared_health *h, const struct server *s)
{
	struct mono last = {0};

	for (size_t i = 0; i < h->n_peers; i++) {
		const struct seen *seen = &h->peers[i].seen[s->id];

		if (seen->entry.state == HEALTH_UP && check_statuses[seen->entry.status].ok &&
			seen->checked_at.us > last.us && shared_health_is_fresh(h, &h->peers[i]))
			last = seen->checked_at;
	}
	return last;
}

static void wait_patiently(struct shared_health *h, struct mono now, struct mono due)
{
	uint64_t us = mono_diff_us(now, due);
	struct timeval t = {(time_t)(us / 1000000), (suseconds_t)(us % 1000000)};

	if (due.us == MONO_NEVER.us || (h->patience_at.us && h->patience_at.us <= due.us))
		return;
	h->patience_at = due;
	evtimer_add(h->patience, &t);
}

static bool look_at_reach(
	struct shared_health *h, const struct server *s, const struct health_views *v)
{
	const struct config_health *conf = &s->backend->conf->health;
	uint64_t patience_ms = reach_patience_ms(conf->interval_ms, conf->timeout_ms);
	struct reach *reach = &h->servers[s->id].reach;
	struct reach_look look = {.down = v->own == HEALTH_DOWN, .others_up = v->others_up > 0};
	struct mono now = mono_now();
	bool changed;

	if (health_is_unreachable(v))
		look.others_up_at = others_up_at(h, s);
	changed = reach_update(reach, now, &look, patience_ms);
	if (look.others_up)
		wait_patiently(h, now, reach_due(reach, now, patience_ms));
	return changed;
}

void shared_reach_settle(struct shared_health *h, struct server *s)
{
	struct health_views v = shared_health_count(h, s);

	servers_set_peers_up(h->control->servers, s, v.others_up > 0);
	if (!s->judged)
		adopt(h, s, &v);
	if (!look_at_reach(h, s, &v))
		return;
	say_reach(h, s, h->servers[s->id].reach.lost);
	tell_reach(h);
}

void shared_reach_settle_all(struct shared_health *h)
{
	for (uint32_t id = 0; id < h->max_servers; id++) {
		struct server *s =
			h->servers[id].key ? servers_by_id(h->control->servers, id) : NULL;

		if (s)
			shared_reach_settle(h, s);
	}
}

bool shared_health_is_lost(const struct shared_health *h, const struct server *s)
{
	return h->servers[s->id].reach.lost;
}

unsigned shared_health_unreachable(const struct control *c)
{
	const struct shared_health *h = c->shared_health;
	unsigned n = 0;

	for (uint32_t id = 0; h && id < h->max_servers; id++)
		n += h->servers[id].key && h->servers[id].reach.lost;
	return n;
}

#include "control/shared_health.h"

#include "base/wire.h"
#include "control/cluster.h"
#include "control/health_record.h"
#include "log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PIECES = CLUSTER_RECORD_HEALTH_LAST - CLUSTER_RECORD_HEALTH_FIRST + 1,
	REFRESH_S = 10, /* when what has changed but for the state is told: the last check's time */
	TELL_MS = 200,	/* between two words about one server's failed connects */
	MESSAGE_BYTES = 9,
};

/* What a node sees of one server. */
struct seen {
	struct health_entry entry; /* its `server` is 0: nothing */
	uint16_t piece;		   /* the record that said so */
};

struct peer {
	uint64_t id;
	struct seen *seen; /* by server id */
};

/* What is known of one server beside its struct. */
struct shared_server {
	uint64_t key;		   /* 0: no such server */
	enum health_view told;	   /* what the others heard last of this node's view */
	struct mono told_failed;   /* when they last heard of a failed connect */
	bool unreachable, adopted; /* by the others' word */
};

struct shared_health {
	struct control *control;
	struct peer *peers;
	size_t n_peers;
	struct shared_server *servers; /* by id */
	uint32_t max_servers;
	struct event *refresh;
	struct shared_health_hooks hooks;
	bool said_too_many;
};

/* --- this node's view --- */

static enum health_view own_view(const struct server *s)
{
	if (!s->checks_enabled || !s->judged || s->admin == SERVER_MAINT)
		return HEALTH_UNKNOWN;
	return server_is_up(s) ? HEALTH_UP : HEALTH_DOWN;
}

static uint16_t piece_of(uint32_t id)
{
	return (uint16_t)(CLUSTER_RECORD_HEALTH_FIRST + id / HEALTH_RECORD_ENTRIES);
}

static struct health_entry entry_of(const struct shared_health *h, const struct server *s)
{
	return (struct health_entry){
		.server = h->servers[s->id].key,
		.state = own_view(s),
		.status = (uint8_t)s->last_check.status,
		.code = (uint16_t)s->last_check.code,
		.checked_s = (uint32_t)(s->last_check_wall_us / 1000000),
	};
}

/* A server's id is its place. */
static void publish_piece(struct shared_health *h, uint16_t piece)
{
	struct health_entry entries[HEALTH_RECORD_ENTRIES];
	uint8_t value[HEALTH_RECORD_MAX];
	uint32_t id = (uint32_t)(piece - CLUSTER_RECORD_HEALTH_FIRST) * HEALTH_RECORD_ENTRIES;
	size_t n = 0;

	for (uint32_t end = id + HEALTH_RECORD_ENTRIES; id < end && id < h->max_servers; id++) {
		const struct server *s = servers_by_id(h->control->servers, id);

		if (!s || !s->checks_enabled || !h->servers[id].key)
			continue;
		entries[n++] = entry_of(h, s);
		h->servers[id].told = own_view(s);
	}
	cluster_publish(h->control->cluster, piece,
		n > 0 ? span_of(value, health_record_encode(entries, n, value)) : span_of(NULL, 0));
}

static void publish_server(struct shared_health *h, uint32_t id)
{
	if (piece_of(id) <= CLUSTER_RECORD_HEALTH_LAST) {
		publish_piece(h, piece_of(id));
		return;
	}
	if (!h->said_too_many)
		log_warning("health",
			"more than %d servers: what this node sees of the rest is not told to the "
			"other nodes",
			PIECES * HEALTH_RECORD_ENTRIES);
	h->said_too_many = true;
}

static void publish_all(struct shared_health *h)
{
	for (uint32_t id = 0; id < h->max_servers && piece_of(id) <= CLUSTER_RECORD_HEALTH_LAST;
		id += HEALTH_RECORD_ENTRIES)
		publish_piece(h, piece_of(id));
}

static void on_refresh(evutil_socket_t fd, short what, void *arg)
{
	struct shared_health *h = arg;

	(void)fd;
	(void)what;
	if (cluster_enabled(h->control->cluster))
		publish_all(h);
}

/* --- the others' --- */

static bool is_fresh(const struct shared_health *h, const struct peer *p)
{
	const struct cluster_member *m = cluster_find(h->control->cluster, p->id);

	return m && (m->state == CLUSTER_ALIVE || m->state == CLUSTER_SUSPECT);
}

static void count_view(struct health_views *v, enum health_view state)
{
	v->others_up += state == HEALTH_UP;
	v->others_down += state == HEALTH_DOWN;
}

struct health_views shared_health_count(const struct shared_health *h, const struct server *s)
{
	struct health_views v = {.own = own_view(s)};

	for (size_t i = 0; i < h->n_peers; i++)
		if (is_fresh(h, &h->peers[i]))
			count_view(&v, h->peers[i].seen[s->id].entry.state);
	return v;
}

/* "lb-02", "lb-02 and 2 more": who says so. */
static const char *who_says(
	const struct shared_health *h, const struct server *s, enum health_view state, char buf[96])
{
	const char *first = NULL;
	unsigned more = 0;

	for (size_t i = 0; i < h->n_peers; i++) {
		const struct cluster_member *m;

		if (h->peers[i].seen[s->id].entry.state != state || !is_fresh(h, &h->peers[i]))
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

static void say_reach(const struct shared_health *h, const struct server *s, bool unreachable)
{
	char who[96];

	if (unreachable)
		log_warning("health",
			"%s/%s is unreachable from here only: %s can reach it; look at this node's "
			"way to it",
			s->backend->conf->name, s->name, who_says(h, s, HEALTH_UP, who));
	else if (server_is_up(s))
		log_notice("health", "%s/%s is reachable from here again", s->backend->conf->name,
			s->name);
}

/* --- what follows --- */

/* One that is out of reach is never rounded away. */
static void tell_reach(const struct shared_health *h)
{
	unsigned all = 0, unreachable = 0;

	for (uint32_t id = 0; id < h->max_servers; id++) {
		all += h->servers[id].key != 0;
		unreachable += h->servers[id].key && h->servers[id].unreachable;
	}
	if (h->hooks.reach && all > 0)
		h->hooks.reach(h->control, 100 * (all - unreachable) / all);
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

static void settle(struct shared_health *h, struct server *s)
{
	struct health_views v = shared_health_count(h, s);
	struct shared_server *own = &h->servers[s->id];
	bool unreachable = health_is_unreachable(&v);

	servers_set_peers_up(h->control->servers, s, v.others_up > 0);
	if (!s->judged)
		adopt(h, s, &v);
	if (unreachable == own->unreachable)
		return;
	own->unreachable = unreachable;
	say_reach(h, s, unreachable);
	tell_reach(h);
}

static void settle_all(struct shared_health *h)
{
	for (uint32_t id = 0; id < h->max_servers; id++) {
		struct server *s =
			h->servers[id].key ? servers_by_id(h->control->servers, id) : NULL;

		if (s)
			settle(h, s);
	}
}

void shared_health_observed(struct shared_health *h, struct server *s)
{
	if (h->servers[s->id].key && own_view(s) != h->servers[s->id].told)
		publish_server(h, s->id);
	settle(h, s);
}

static void look_closer(struct shared_health *h, struct server *s)
{
	if (h->hooks.look_again)
		h->hooks.look_again(h->control, s);
}

/* --- records --- */

static struct peer *peer_of(struct shared_health *h, uint64_t id)
{
	struct peer *peers;

	for (size_t i = 0; i < h->n_peers; i++)
		if (h->peers[i].id == id)
			return &h->peers[i];
	peers = realloc(h->peers, (h->n_peers + 1) * sizeof(*peers));
	if (!peers)
		return NULL;
	h->peers = peers;
	peers[h->n_peers] =
		(struct peer){.id = id, .seen = calloc(h->max_servers + 1, sizeof(struct seen))};
	return peers[h->n_peers].seen ? &peers[h->n_peers++] : NULL;
}

static struct server *server_of_key(const struct shared_health *h, uint64_t key)
{
	for (uint32_t id = 0; key && id < h->max_servers; id++)
		if (h->servers[id].key == key)
			return servers_by_id(h->control->servers, id);
	return NULL;
}

static void take_view(
	struct shared_health *h, struct server *s, struct seen *seen, const struct seen *news)
{
	enum health_view before = seen->entry.state, after = news->entry.state;

	*seen = *news;
	if (after == before)
		return;
	if (health_look_again(own_view(s), before, after))
		look_closer(h, s);
	settle(h, s);
}

static bool is_listed(const struct health_entry *entries, int n, uint64_t key)
{
	for (int i = 0; i < n; i++)
		if (entries[i].server == key)
			return true;
	return false;
}

/* What this piece said before and does not say any more. */
static void forget_rest(struct shared_health *h, struct peer *p, uint16_t piece,
	const struct health_entry *entries, int n)
{
	static const struct seen nothing;

	for (uint32_t id = 0; id < h->max_servers; id++) {
		struct seen *seen = &p->seen[id];
		struct server *s = servers_by_id(h->control->servers, id);

		if (seen->piece != piece || is_listed(entries, n, seen->entry.server))
			continue;
		if (s)
			take_view(h, s, seen, &nothing);
		*seen = nothing;
	}
}

static void on_record(void *arg, uint64_t origin, uint16_t key, struct span value)
{
	struct shared_health *h = arg;
	struct health_entry entries[HEALTH_RECORD_ENTRIES];
	struct peer *p;
	int n = 0;

	if (key < CLUSTER_RECORD_HEALTH_FIRST || key > CLUSTER_RECORD_HEALTH_LAST)
		return;
	p = peer_of(h, origin);
	if (!p)
		return; /* out of memory: the next refresh brings it again */
	if (value.n > 0)
		n = health_record_decode(value, entries, CHECK_STATUSES);
	if (n < 0)
		return;
	for (int i = 0; i < n; i++) {
		struct server *s = server_of_key(h, entries[i].server);
		struct seen news = {.entry = entries[i], .piece = key};

		if (s)
			take_view(h, s, &p->seen[s->id], &news);
	}
	forget_rest(h, p, key, entries, n);
}

/* --- failed connects --- */

void shared_health_connect_failed(struct shared_health *h, uint32_t id, int error)
{
	struct cluster *cl = h->control->cluster;
	const struct server *s = servers_by_id(h->control->servers, id);
	enum check_status status = check_status_of_errno(error);
	struct mono now = mono_now();
	uint8_t bytes[MESSAGE_BYTES];
	struct wire_writer w = wire_write(bytes, sizeof(bytes));
	size_t n = cluster_members(cl);

	if (!s || !s->checks_enabled || status == CHECK_SOCKET || n < 2)
		return;
	if (h->servers[id].told_failed.us &&
		!mono_reached(now, mono_add_ms(h->servers[id].told_failed, TELL_MS)))
		return;
	h->servers[id].told_failed = now;
	wire_put_u64(&w, h->servers[id].key);
	wire_put_u8(&w, (uint8_t)status);
	for (size_t i = 1; i < n; i++) {
		const struct cluster_member *m = cluster_member_at(cl, i);

		if (m && m->state <= CLUSTER_SUSPECT)
			cluster_send(cl, m->id, CLUSTER_MESSAGE_CONNECT_FAILED,
				span_of(bytes, wire_written(&w)));
	}
}

static void on_message(void *arg, uint64_t from, uint8_t kind, struct span value)
{
	struct shared_health *h = arg;
	struct wire_reader r = wire_read(value);
	struct server *s;

	(void)from;
	if (kind != CLUSTER_MESSAGE_CONNECT_FAILED)
		return;
	s = server_of_key(h, wire_u64(&r));
	if (r.failed || !s || !server_is_up(s))
		return;
	servers_peer_failed(h->control->servers, s);
	look_closer(h, s);
}

/* --- members, servers --- */

static void on_member(void *arg, const struct cluster_member *m)
{
	(void)m;
	settle_all(arg);
}

static void on_forgotten(void *arg, uint64_t id)
{
	struct shared_health *h = arg;

	for (size_t i = 0; i < h->n_peers; i++)
		if (h->peers[i].id == id) {
			free(h->peers[i].seen);
			h->peers[i] = h->peers[--h->n_peers];
			break;
		}
	settle_all(h);
}

/* What the others said of it before it was there is asked for again. */
void shared_health_added(struct shared_health *h, struct server *s)
{
	struct cluster *cl = h->control->cluster;

	h->servers[s->id] =
		(struct shared_server){.key = health_key(s->backend->conf->name, s->name)};
	for (size_t i = 0; i < h->n_peers; i++)
		h->peers[i].seen[s->id] = (struct seen){.piece = 0};
	for (size_t i = 0; i < h->n_peers; i++)
		for (unsigned k = CLUSTER_RECORD_HEALTH_FIRST; k <= CLUSTER_RECORD_HEALTH_LAST;
			k++) {
			struct span value = cluster_record(cl, h->peers[i].id, (uint16_t)k);

			if (value.n > 0)
				on_record(h, h->peers[i].id, (uint16_t)k, value);
		}
	publish_server(h, s->id);
}

void shared_health_removed(struct shared_health *h, struct server *s)
{
	h->servers[s->id].key = 0;
	publish_server(h, s->id);
}

/* --- reading --- */

bool shared_health_is_settled(const struct shared_health *h)
{
	for (uint32_t id = 0; id < h->max_servers; id++) {
		const struct server *s = servers_by_id(h->control->servers, id);

		if (s && s->checks_enabled && s->admin != SERVER_MAINT && !s->judged &&
			!h->servers[id].adopted)
			return false;
	}
	return true;
}

unsigned shared_health_unreachable(const struct control *c)
{
	const struct shared_health *h = c->shared_health;
	unsigned n = 0;

	for (uint32_t id = 0; h && id < h->max_servers; id++)
		n += h->servers[id].key && h->servers[id].unreachable;
	return n;
}

size_t shared_health_views(const struct shared_health *h, const struct server *s,
	struct shared_view ret[SHARED_VIEWS_MAX])
{
	struct cluster *cl = h->control->cluster;
	size_t members = cluster_members(cl), n = 0;

	ret[n++] = (struct shared_view){.node = h->control->config->node,
		.state = own_view(s),
		.fresh = true,
		.status = s->last_check.status,
		.code = s->last_check.code,
		.checked_wall_us = s->last_check_wall_us};
	for (size_t i = 1; i < members && n < SHARED_VIEWS_MAX; i++) {
		const struct cluster_member *m = cluster_member_at(cl, i);

		for (size_t k = 0; m && k < h->n_peers; k++) {
			const struct health_entry *e = &h->peers[k].seen[s->id].entry;

			if (h->peers[k].id != m->id || !e->server)
				continue;
			ret[n++] = (struct shared_view){.node = m->name,
				.state = e->state,
				.fresh = m->state == CLUSTER_ALIVE || m->state == CLUSTER_SUSPECT,
				.status = e->status,
				.code = e->code,
				.checked_wall_us = (uint64_t)e->checked_s * 1000000};
		}
	}
	return n;
}

/* --- life --- */

static void add_all(struct shared_health *h)
{
	const struct servers *all = h->control->servers;

	for (size_t i = 0; i < servers_backends(all); i++) {
		const struct backend *b = servers_backend(all, i);

		for (size_t k = 0; k < b->n_servers; k++)
			h->servers[b->servers[k]->id].key =
				health_key(b->conf->name, b->servers[k]->name);
	}
}

struct shared_health *shared_health_new(struct control *c, const struct shared_health_hooks *told)
{
	static const struct cluster_hooks hooks = {.member = on_member,
		.forgotten = on_forgotten,
		.record = on_record,
		.message = on_message};
	static const struct timeval period = {REFRESH_S, 0};
	struct shared_health *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->control = c;
	h->hooks = *told;
	h->max_servers = c->load->max_servers;
	h->servers = calloc(h->max_servers + 1, sizeof(*h->servers));
	h->refresh = event_new(c->base, -1, EV_PERSIST, on_refresh, h);
	if (!h->servers || !h->refresh || event_add(h->refresh, &period) < 0) {
		shared_health_free(h);
		return NULL;
	}
	add_all(h);
	cluster_subscribe(c->cluster, &hooks, h);
	return h;
}

void shared_health_free(struct shared_health *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < h->n_peers; i++)
		free(h->peers[i].seen);
	if (h->refresh)
		event_free(h->refresh);
	free(h->peers);
	free(h->servers);
	free(h);
}

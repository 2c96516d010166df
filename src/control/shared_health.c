#include "control/shared_health.h"

#include "base/wire.h"
#include "control/cluster.h"
#include "control/shared_health_inside.h"
#include "log.h"

#include <stdlib.h>

enum {
	PIECES = CLUSTER_RECORD_HEALTH_LAST - CLUSTER_RECORD_HEALTH_FIRST + 1,
	REFRESH_S = 10, /* when what has changed but for the state is told: the last check's time */
	TELL_MS = 200,	/* between two words about one server's failed connects */
	MESSAGE_BYTES = 9,
};

/* --- this node's view --- */

enum health_view shared_health_own(const struct server *s)
{
	if (!s->checks_enabled || !s->judged || s->admin == SERVER_MAINT)
		return HEALTH_UNKNOWN;
	return server_is_up(s) ? HEALTH_UP : HEALTH_DOWN;
}

static uint16_t piece_of(uint32_t id)
{
	return (uint16_t)(CLUSTER_RECORD_HEALTH_FIRST + id / HEALTH_RECORD_ENTRIES);
}

static uint32_t age_ms(const struct server *s)
{
	uint64_t ms = mono_diff_us(s->last_check_at, mono_now()) / 1000;

	return s->last_check_at.us && ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

static struct health_entry entry_of(const struct shared_health *h, const struct server *s)
{
	return (struct health_entry){
		.server = h->servers[s->id].key,
		.state = shared_health_own(s),
		.status = (uint8_t)s->last_check.status,
		.code = (uint16_t)s->last_check.code,
		.checked_s = (uint32_t)(s->last_check_wall_us / 1000000),
		.age_ms = age_ms(s),
	};
}

/* A server's id is its place. */
static void publish_piece(struct shared_health *h, uint16_t piece)
{
	struct health_entry entries[HEALTH_RECORD_ENTRIES];
	uint8_t value[HEALTH_RECORD_MAX];
	uint32_t id = (uint32_t)(piece - CLUSTER_RECORD_HEALTH_FIRST) * HEALTH_RECORD_ENTRIES;
	size_t n = 0;

	for (uint32_t end = id + HEALTH_RECORD_ENTRIES;
		id < end && id < servers_ids(h->control->servers); id++) {
		const struct server *s = servers_by_id(h->control->servers, id);

		if (!s || !s->checks_enabled || !h->servers[id].key)
			continue;
		entries[n++] = entry_of(h, s);
		h->servers[id].told = shared_health_own(s);
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
	for (uint32_t id = 0;
		id < servers_ids(h->control->servers) && piece_of(id) <= CLUSTER_RECORD_HEALTH_LAST;
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

static void on_patience(evutil_socket_t fd, short what, void *arg)
{
	struct shared_health *h = arg;

	(void)fd;
	(void)what;
	h->patience_at.us = 0;
	shared_reach_settle_all(h);
}

/* --- the others' --- */

bool shared_health_is_fresh(const struct shared_health *h, const struct peer *p)
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
	struct health_views v = {.own = shared_health_own(s)};

	for (size_t i = 0; i < h->n_peers; i++)
		if (shared_health_is_fresh(h, &h->peers[i]))
			count_view(&v, h->peers[i].seen[s->id].entry.state);
	return v;
}

/* A node that saw it down is told that it was good here since: otherwise it would not hear so before the next refresh. */
static bool is_answer_due(struct shared_health *h, const struct server *s)
{
	struct mono *doubted_at = &h->servers[s->id].doubted_at;

	if (!doubted_at->us || s->last_check_at.us <= doubted_at->us ||
		!check_statuses[s->last_check.status].ok)
		return false;
	doubted_at->us = 0;
	return true;
}

void shared_health_observed(struct shared_health *h, struct server *s)
{
	const struct shared_server *own = &h->servers[s->id];

	if (own->key && (is_answer_due(h, s) || shared_health_own(s) != own->told))
		publish_server(h, s->id);
	shared_reach_settle(h, s);
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
	for (uint32_t id = 0; key && id < servers_ids(h->control->servers); id++)
		if (h->servers[id].key == key)
			return servers_by_id(h->control->servers, id);
	return NULL;
}

/* About when that check was made. Delivery takes its time, so it seems later than it was; the very same word that comes
 * again, for it was asked for again, is as old as it was. */
static struct mono checked_at(
	const struct seen *before, const struct health_entry *e, struct mono heard_at)
{
	uint64_t age_us = (uint64_t)e->age_ms * 1000;

	if (e->age_ms > HEALTH_AGE_MAX_MS || heard_at.us <= age_us)
		return (struct mono){0};
	heard_at.us -= age_us;
	if (before->entry.checked_s == e->checked_s && before->entry.age_ms == e->age_ms &&
		before->checked_at.us < heard_at.us)
		return before->checked_at;
	return heard_at;
}

static void take_view(
	struct shared_health *h, struct server *s, struct seen *seen, const struct seen *news)
{
	enum health_view before = seen->entry.state, after = news->entry.state;

	*seen = *news;
	if (health_look_again(shared_health_own(s), before, after)) {
		if (after == HEALTH_DOWN)
			h->servers[s->id].doubted_at = mono_now();
		look_closer(h, s);
	}
	if (after != before || shared_health_own(s) == HEALTH_DOWN)
		shared_reach_settle(h, s);
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

	for (uint32_t id = 0; id < servers_ids(h->control->servers); id++) {
		struct seen *seen = &p->seen[id];
		struct server *s = servers_by_id(h->control->servers, id);

		if (seen->piece != piece || is_listed(entries, n, seen->entry.server))
			continue;
		if (s)
			take_view(h, s, seen, &nothing);
		*seen = nothing;
	}
}

/* heard_at: us 0 for one that came some time ago. */
static void take_record(struct shared_health *h, struct peer *p, uint16_t key, struct span value,
	struct mono heard_at)
{
	struct health_entry entries[HEALTH_RECORD_READ_MAX];
	int n = value.n > 0 ? health_record_decode(value, entries, CHECK_STATUSES) : 0;

	if (n < 0)
		return;
	for (int i = 0; i < n; i++) {
		struct server *s = server_of_key(h, entries[i].server);
		struct seen news = {.entry = entries[i], .piece = key};

		if (!s)
			continue;
		news.checked_at = checked_at(&p->seen[s->id], &entries[i], heard_at);
		take_view(h, s, &p->seen[s->id], &news);
	}
	forget_rest(h, p, key, entries, n);
}

static void on_record(void *arg, uint64_t origin, uint16_t key, struct span value)
{
	struct shared_health *h = arg;
	struct peer *p;

	if (key < CLUSTER_RECORD_HEALTH_FIRST || key > CLUSTER_RECORD_HEALTH_LAST)
		return;
	p = peer_of(h, origin);
	if (p) /* else out of memory: the next refresh brings it again */
		take_record(h, p, key, value, mono_now());
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
	shared_reach_settle_all(arg);
}

static void forget_peer(struct shared_health *h, size_t i)
{
	free(h->peers[i].seen);
	h->peers[i] = h->peers[--h->n_peers];
}

static void on_forgotten(void *arg, uint64_t id)
{
	struct shared_health *h = arg;

	for (size_t i = h->n_peers; i-- > 0;)
		if (h->peers[i].id == id)
			forget_peer(h, i);
	shared_reach_settle_all(h);
}

static void take_again(struct shared_health *h, struct peer *p)
{
	static const struct mono long_ago;

	for (unsigned k = CLUSTER_RECORD_HEALTH_FIRST; k <= CLUSTER_RECORD_HEALTH_LAST; k++) {
		struct span value = cluster_record(h->control->cluster, p->id, (uint16_t)k);

		if (value.n > 0)
			take_record(h, p, (uint16_t)k, value, long_ago);
	}
}

/* What the others said of it before it was there is asked for again. */
void shared_health_added(struct shared_health *h, struct server *s)
{
	h->servers[s->id] =
		(struct shared_server){.key = health_key(s->backend->conf->name, s->name)};
	for (size_t i = 0; i < h->n_peers; i++)
		h->peers[i].seen[s->id] = (struct seen){.piece = 0};
	for (size_t i = 0; i < h->n_peers; i++)
		take_again(h, &h->peers[i]);
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
	for (uint32_t id = 0; id < servers_ids(h->control->servers); id++) {
		const struct server *s = servers_by_id(h->control->servers, id);

		if (s && s->checks_enabled && s->admin != SERVER_MAINT && !s->judged &&
			!h->servers[id].adopted)
			return false;
	}
	return true;
}

size_t shared_health_views(const struct shared_health *h, const struct server *s,
	struct shared_view ret[SHARED_VIEWS_MAX])
{
	struct cluster *cl = h->control->cluster;
	size_t members = cluster_members(cl), n = 0;

	ret[n++] = (struct shared_view){.node = h->control->config->node,
		.state = shared_health_own(s),
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
	h->patience = evtimer_new(c->base, on_patience, h);
	if (!h->servers || !h->refresh || !h->patience || event_add(h->refresh, &period) < 0) {
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
	if (h->patience)
		event_free(h->patience);
	free(h->peers);
	free(h->servers);
	free(h);
}

#include "gossip/state.h"

#include "base/bug.h"

#include <stdlib.h>

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

/* Where a member with this id stands, or would. */
static size_t position(const struct gossip *g, uint64_t id)
{
	size_t low = 0, high = g->n_members;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (g->members[middle]->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct member *member_find(const struct gossip *g, uint64_t id)
{
	size_t at = position(g, id);

	return at < g->n_members && g->members[at]->id == id ? g->members[at] : NULL;
}

struct member *member_find_prefix(const struct gossip *g, uint64_t id)
{
	uint64_t prefix = id >> 32;
	size_t at = position(g, prefix << 32);

	if (at == g->n_members || g->members[at]->id >> 32 != prefix)
		return NULL;
	if (at + 1 < g->n_members && g->members[at + 1]->id >> 32 == prefix)
		return NULL;
	return g->members[at];
}

static void insert(struct gossip *g, struct member *m)
{
	size_t at = position(g, m->id);

	memmove(g->members + at + 1, g->members + at, (g->n_members - at) * sizeof(*g->members));
	g->members[at] = m;
	g->n_members++;
}

/* Whoever said longest ago that it leaves makes room for a new one; the dead are waited for. */
static bool make_room(struct gossip *g)
{
	struct member *oldest = NULL;

	if (g->n_members < GOSSIP_MEMBERS_MAX)
		return true;
	for (size_t i = 0; i < g->n_members; i++) {
		struct member *m = g->members[i];

		if (m != g->self && m->status == MEMBER_LEFT &&
			(!oldest || m->since.us < oldest->since.us))
			oldest = m;
	}
	if (!oldest)
		return false;
	share_forget(g, oldest->id);
	gossip_event_member(g, GOSSIP_EVENT_FORGOTTEN, oldest->id);
	member_remove(g, oldest);
	return true;
}

struct member *member_add(struct gossip *g, uint64_t id, struct mono now)
{
	struct member *m;

	BUG_ON(id == 0 || member_find(g, id));
	if (!make_room(g)) {
		g->stats.refused[GOSSIP_REFUSED_FULL]++;
		return NULL;
	}
	m = calloc(1, sizeof(*m));
	if (!m) {
		g->stats.lost_to_memory++;
		return NULL;
	}
	m->id = id;
	m->rtt_us = -1;
	m->sequence = g->sequence; /* above all that it was sent before */
	m->since = m->epoch_at = m->sign_at = now;
	for (size_t ring = 0; ring < RINGS; ring++)
		m->place[ring] = mix(id ^ mix(ring));
	insert(g, m);
	g->hash_stale = g->neighbours_stale = true;
	return m;
}

/* Cursors into the table may now skip one or repeat one: each is a turn that comes again. */
void member_remove(struct gossip *g, struct member *m)
{
	size_t at = position(g, m->id);

	BUG_ON(m == g->self || g->members[at] != m);
	if (m->lifeline_wanted)
		gossip_event_add(g,
			&(struct queued_event){
				.event = GOSSIP_EVENT_LIFELINE, .id = m->id, .addr = m->addr},
			span_of(NULL, 0));
	memmove(g->members + at, g->members + at + 1,
		(g->n_members - at - 1) * sizeof(*g->members));
	g->sequence = m->sequence > g->sequence ? m->sequence : g->sequence;
	g->n_members--;
	g->n_neighbours = 0; /* until they are looked for again */
	g->hash_stale = g->neighbours_stale = true;
	free(m);
}

static void lifeline(struct gossip *g, struct member *m, bool wanted)
{
	if (m->lifeline_wanted == wanted)
		return;
	m->lifeline_wanted = wanted;
	m->lifeline_open = false;
	m->lifeline_ended_at = (struct mono){0};
	gossip_event_add(g,
		&(struct queued_event){.event = GOSSIP_EVENT_LIFELINE,
			.id = m->id,
			.addr = m->addr,
			.wanted = wanted},
		span_of(NULL, 0));
}

static bool set_text(char *to, struct span text)
{
	if (strlen(to) == text.n && memcmp(to, text.p, text.n) == 0)
		return false;
	memcpy(to, text.p, text.n);
	to[text.n] = '\0';
	return true;
}

void member_set_details(struct gossip *g, struct member *m, const struct message_self *s)
{
	bool changed = memcmp(&m->addr, &s->addr, sizeof(m->addr)) != 0 ||
		       m->balancer != s->balancer || m->speaks_min != s->speaks_min ||
		       m->speaks_max != s->speaks_max;

	changed |= set_text(m->name, s->name);
	changed |= set_text(m->version, s->version);
	if (!changed)
		return;
	lifeline(g, m, false); /* wanted again by member_neighbours_refresh(), at its new address */
	g->neighbours_stale = true;
	m->addr = s->addr;
	m->balancer = s->balancer;
	m->speaks_min = s->speaks_min;
	m->speaks_max = s->speaks_max;
	gossip_event_member(g, GOSSIP_EVENT_DETAILS, m->id);
}

void member_self_of(const struct member *m, struct message_self *ret)
{
	*ret = (struct message_self){.speaks_min = m->speaks_min,
		.speaks_max = m->speaks_max,
		.balancer = m->balancer,
		.incarnation = m->incarnation,
		.addr = m->addr,
		.name = span_str(m->name),
		.version = span_str(m->version)};
}

void member_claim_of(const struct member *m, struct message_claim *ret)
{
	static const enum message_state told[] = {
		[MEMBER_ALIVE] = CLAIM_ALIVE,
		[MEMBER_DEAD] = CLAIM_DEAD,
		[MEMBER_LEFT] = CLAIM_LEFT,
	};

	*ret = (struct message_claim){.id = m->id,
		.epoch = m->epoch,
		.incarnation = m->incarnation,
		.state = m->dead_here ? CLAIM_ALIVE : told[m->status]};
}

void member_set_status(struct gossip *g, struct mono now, struct member *m,
	enum member_status status, bool dead_here)
{
	if (m->status == status && m->dead_here == dead_here)
		return;
	m->status = status;
	m->dead_here = dead_here;
	g->hash_stale = g->neighbours_stale = g->to_judge = true;
	member_show(g, now, m);
}

void member_is_news(struct gossip *g, struct member *m)
{
	m->news_left = NEWS_BEATS;
	g->hash_stale = true;
	beat_soon(g, 1);
}

static enum gossip_state state_of(const struct gossip *g, struct mono now, const struct member *m)
{
	if (m->status == MEMBER_LEFT)
		return GOSSIP_LEFT;
	if (m->status == MEMBER_DEAD)
		return GOSSIP_DEAD;
	if (m->voted)
		return GOSSIP_SUSPECT;
	for (size_t i = 0; i < m->n_votes; i++)
		if (suspicion_vote_is_fresh(g, now, &m->votes[i]))
			return GOSSIP_SUSPECT;
	return GOSSIP_ALIVE;
}

void member_show(struct gossip *g, struct mono now, struct member *m)
{
	enum gossip_state state = state_of(g, now, m);

	if (state == m->shown)
		return;
	gossip_event_add(g,
		&(struct queued_event){
			.event = GOSSIP_EVENT_MEMBER, .id = m->id, .state = state, .was = m->shown},
		span_of(NULL, 0));
	m->shown = state;
	m->since = now;
}

static uint64_t claim_hash(const struct member *m)
{
	struct message_claim c;

	member_claim_of(m, &c);
	return mix(mix(mix(c.id) ^ c.epoch) ^ ((uint64_t)c.incarnation << 8 | c.state));
}

uint64_t member_table_hash(struct gossip *g)
{
	if (!g->hash_stale)
		return g->members_hash;
	g->members_hash = 0;
	for (size_t i = 0; i < g->n_members; i++)
		g->members_hash += claim_hash(g->members[i]);
	g->hash_stale = false;
	return g->members_hash;
}

static bool add_observer(struct member *to[OBSERVERS_MAX], size_t *n, struct member *m)
{
	for (size_t i = 0; i < *n; i++)
		if (to[i] == m)
			return false;
	if (*n == OBSERVERS_MAX)
		return false;
	to[(*n)++] = m;
	return true;
}

/* Its living neighbours in one ring: the relation is the same seen from either side. */
static void ring_neighbours(const struct gossip *g, const struct member *m, size_t ring,
	struct member **ret_before, struct member **ret_behind)
{
	uint64_t to_before = UINT64_MAX, to_behind = UINT64_MAX;

	*ret_before = *ret_behind = NULL;
	for (size_t i = 0; i < g->n_members; i++) {
		struct member *o = g->members[i];
		uint64_t before = m->place[ring] - o->place[ring];
		uint64_t behind = o->place[ring] - m->place[ring];

		if (o == m || o->status != MEMBER_ALIVE)
			continue;
		if (before <= to_before) {
			to_before = before;
			*ret_before = o;
		}
		if (behind <= to_behind) {
			to_behind = behind;
			*ret_behind = o;
		}
	}
}

static size_t everyone(
	const struct gossip *g, const struct member *m, struct member *ret[OBSERVERS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < g->n_members; i++)
		if (g->members[i] != m && g->members[i]->status == MEMBER_ALIVE)
			add_observer(ret, &n, g->members[i]);
	return n;
}

/* Who may hold addresses has to know at once who else is cut off, so a few balancers watch each other. */
static void add_balancers(const struct gossip *g, const struct member *m,
	struct member *ret[OBSERVERS_MAX], size_t *n)
{
	size_t balancers = 1;

	for (size_t i = 0; i < g->n_members; i++) {
		const struct member *o = g->members[i];

		balancers += o != m && o->balancer && o->status == MEMBER_ALIVE;
	}
	if (!m->balancer || balancers > FEW_BALANCERS)
		return;
	for (size_t i = 0; i < g->n_members; i++) {
		struct member *o = g->members[i];

		if (o != m && o->balancer && o->status == MEMBER_ALIVE)
			add_observer(ret, n, o);
	}
}

size_t member_observers(
	const struct gossip *g, const struct member *m, struct member *ret[OBSERVERS_MAX])
{
	size_t others = 0, n = 0;

	for (size_t i = 0; i < g->n_members; i++)
		others += g->members[i] != m && g->members[i]->status == MEMBER_ALIVE;
	if (others < FULL_MESH)
		return everyone(g, m, ret);
	for (size_t ring = 0; ring < RINGS; ring++) {
		struct member *before, *behind;

		ring_neighbours(g, m, ring, &before, &behind);
		add_observer(ret, &n, before);
		add_observer(ret, &n, behind);
	}
	add_balancers(g, m, ret, &n);
	return n;
}

static bool is_among(struct member *const *list, size_t n, const struct member *m)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == m)
			return true;
	return false;
}

void member_neighbours_refresh(struct gossip *g, struct mono now)
{
	if (!g->neighbours_stale)
		return;
	g->neighbours_stale = false;
	g->n_neighbours = member_observers(g, g->self, g->neighbours);
	g->n_alive = g->n_known = 0;
	for (size_t i = 0; i < g->n_members; i++) {
		struct member *m = g->members[i];
		bool is = is_among(g->neighbours, g->n_neighbours, m);

		g->n_alive += m->status == MEMBER_ALIVE;
		g->n_known += m->status != MEMBER_LEFT;
		if (is && !m->is_neighbour) {
			m->neighbour_since = now;
			m->hears_us_at = now;
			m->beat_due = true;
		}
		m->is_neighbour = is;
		lifeline(g, m, is);
	}
}

struct forgotten *member_forgotten_find(struct gossip *g, uint64_t id)
{
	for (size_t i = 0; i < g->n_forgotten; i++)
		if (g->forgotten[i].id == id)
			return &g->forgotten[i];
	return NULL;
}

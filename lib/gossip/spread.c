#include "gossip/state.h"

enum {
	REFUTATIONS_AT_ONCE =
		4, /* and one a silence: a link that is cut one way must not make a storm */
	/* So long an observer that does not hear it votes against a dead one that others call alive; longer than they
	 * may take to say so again. */
	CONTESTED_MS = 20000,
};

/* --- what is said of this node --- */

void spread_refute(struct gossip *g, struct mono now, uint32_t incarnation)
{
	struct mono from = later(g->refute_full_at, now);

	g->accused_at = now;
	if (incarnation < g->self->incarnation || incarnation == UINT32_MAX)
		return;
	if (from.us - now.us >= (uint64_t)g->silent_us * REFUTATIONS_AT_ONCE)
		return;
	g->refute_full_at = mono_add_us(from, g->silent_us);
	g->self->incarnation = incarnation + 1;
	g->stats.refutations++;
	member_is_news(g, g->self);
}

static void claim_about_self(struct gossip *g, struct mono now, const struct message_claim *c)
{
	if (c->epoch > g->self->epoch) {
		handshake_jump(g, now, c->epoch);
		return;
	}
	if (c->epoch < g->self->epoch || c->incarnation < g->self->incarnation)
		return;
	if (c->state == CLAIM_ALIVE && c->incarnation == g->self->incarnation)
		return;
	if (c->state == CLAIM_LEFT && g->has_left)
		return;
	spread_refute(g, now, c->incarnation);
}

/* --- what is said of others --- */

static void set_epoch(
	struct gossip *g, struct mono now, struct member *m, const struct message_claim *c)
{
	m->epoch = c->epoch;
	m->epoch_at = m->sign_at = now;
	m->has_session = false;
	m->doubted = false;
	m->voted = false;
	m->n_votes = 0;
	m->lifeline_ended_at = (struct mono){0};
	m->probe_at = now;
	m->contested_until = (struct mono){0};
	g->hash_stale = g->to_judge = true;
}

static enum member_status status_of(enum message_state state)
{
	if (state == CLAIM_DEAD)
		return MEMBER_DEAD;
	return state == CLAIM_LEFT ? MEMBER_LEFT : MEMBER_ALIVE;
}

static void tell_new(struct gossip *g, struct mono now, struct member *m)
{
	enum gossip_state state = m->status == MEMBER_DEAD   ? GOSSIP_DEAD
				  : m->status == MEMBER_LEFT ? GOSSIP_LEFT
							     : GOSSIP_ALIVE;

	m->shown = state;
	m->since = now;
	gossip_event_add(g,
		&(struct queued_event){
			.event = GOSSIP_EVENT_MEMBER, .id = m->id, .state = state, .was = state},
		span_of(NULL, 0));
}

static bool speaks_with_us(const struct gossip *g, const struct message_self *s)
{
	return s->speaks_min <= g->self->speaks_max && s->speaks_max >= g->self->speaks_min;
}

static void new_member(struct gossip *g, struct mono now, const struct message_claim *c,
	const struct message_self *details)
{
	struct member *m;

	if (!details)
		return;
	m = member_add(g, c->id, now);
	if (!m)
		return;
	set_epoch(g, now, m, c);
	m->incarnation = c->incarnation;
	m->status = status_of(c->state);
	tell_new(g, now, m);
	member_set_details(g, m, details);
	member_is_news(g, m);
	g->neighbours_stale = true;
}

static void started_again(struct gossip *g, struct mono now, struct member *m,
	const struct message_claim *c, const struct message_self *details)
{
	if (!details)
		return;
	set_epoch(g, now, m, c);
	m->incarnation = c->incarnation;
	member_set_details(g, m, details);
	gossip_event_member(g, GOSSIP_EVENT_DETAILS, m->id);
	member_set_status(g, now, m, status_of(c->state), false);
	member_show(g, now, m);
	member_is_news(g, m);
}

/* Whether a member that was called dead may live again on this word. Observers that do not hear it themselves wait
 * until they do, or a majority of them would revive and bury it for ever. */
static bool may_revive(struct gossip *g, struct mono now, const struct member *m, bool direct)
{
	struct member *observers[OBSERVERS_MAX];
	size_t n = member_observers(g, m, observers);

	if (member_is_condemned(g, now, m))
		return false;
	if (direct || member_is_heard(g, now, m))
		return true;
	for (size_t i = 0; i < n; i++)
		if (observers[i] == g->self)
			return false;
	return true;
}

/* Alive in a higher incarnation. Where that is not enough the old verdict stands as it was: in the new incarnation it
 * has not been found. */
static void refuted(struct gossip *g, struct mono now, struct member *m,
	const struct message_claim *c, bool direct)
{
	if (m->status == MEMBER_DEAD && !may_revive(g, now, m, direct)) {
		m->contested_until = mono_add_ms(now, CONTESTED_MS);
		if (passed(m->told_at, now, g->beat_us)) {
			m->told_at = now;
			m->beat_due = m->probe_due = true;
		}
		return;
	}
	m->incarnation = c->incarnation;
	if (m->doubted_incarnation < c->incarnation)
		m->doubted = false;
	member_is_news(g, m);
	member_set_status(g, now, m, MEMBER_ALIVE, false);
}

/* Others say that it is dead. Their votes come too, and decide at once; this is for who missed them. An observer that
 * hears it knows better, and tells it, so that it refutes. */
static void doubt(
	struct gossip *g, struct mono now, struct member *m, const struct message_claim *c)
{
	if (m->status != MEMBER_ALIVE)
		return;
	if (!m->doubted) {
		m->doubted_at = now;
		beat_soon(g, 1);
	}
	m->doubted = true;
	m->doubted_incarnation = c->incarnation;
	if (m->is_neighbour)
		m->tell_due = true;
}

static void newer_claim(struct gossip *g, struct mono now, struct member *m,
	const struct message_claim *c, bool direct)
{
	if (c->state == CLAIM_ALIVE) {
		refuted(g, now, m, c, direct);
	} else if (c->state == CLAIM_LEFT) {
		m->incarnation = c->incarnation;
		m->doubted = false;
		member_is_news(g, m);
		member_set_status(g, now, m, MEMBER_LEFT, false);
	} else if (m->status == MEMBER_ALIVE) {
		doubt(g, now, m, c);
	} else {
		m->incarnation = c->incarnation;
		member_is_news(g, m);
		member_set_status(g, now, m, MEMBER_DEAD, false);
	}
}

void spread_claim(struct gossip *g, struct gossip_time t, const struct message_claim *c,
	const struct message_self *details, bool direct)
{
	struct member *m = member_find(g, c->id);
	struct forgotten *f;
	struct message_claim known;

	if (c->id == g->self->id) {
		claim_about_self(g, t.now, c);
		return;
	}
	if (details && !speaks_with_us(g, details)) {
		g->stats.refused[GOSSIP_REFUSED_VERSION]++;
		return;
	}
	if (!m) {
		f = member_forgotten_find(g, c->id);
		if (f && c->epoch <= f->epoch)
			f->news_left = NEWS_BEATS;
		else
			new_member(g, t.now, c, details);
		return;
	}
	member_claim_of(m, &known);
	if (c->epoch > m->epoch) {
		started_again(g, t.now, m, c, details);
	} else if (message_claim_compare(c, &known) > 0) {
		newer_claim(g, t.now, m, c, direct);
		/* The next process of a node may be of another version. */
		if (details && m->incarnation == c->incarnation)
			member_set_details(g, m, details);
	}
}

void spread_deaths(struct gossip *g, struct gossip_time t, struct span body)
{
	struct wire_reader r = wire_read(body);
	struct message_claim c;

	while (wire_left(&r) > 0 && message_get_claim(&r, &c))
		spread_claim(g, t, &c, NULL, false);
	if (r.failed)
		g->stats.refused[GOSSIP_REFUSED_MALFORMED]++;
}

/* --- striking off --- */

static void remember_forgotten(struct gossip *g, uint64_t id, uint64_t epoch)
{
	struct forgotten *f = member_forgotten_find(g, id);

	if (!f) {
		f = &g->forgotten[g->next_forgotten];
		g->next_forgotten = (g->next_forgotten + 1) % FORGOTTEN_MAX;
		if (g->n_forgotten < FORGOTTEN_MAX)
			g->n_forgotten++;
	}
	*f = (struct forgotten){.id = id, .epoch = epoch, .news_left = NEWS_BEATS};
	beat_soon(g, 1);
}

void spread_forget(struct gossip *g, struct gossip_time t, uint64_t id, uint64_t epoch)
{
	struct member *m = member_find(g, id);
	struct forgotten *f = member_forgotten_find(g, id);

	if (id == g->self->id) {
		if (epoch >= g->self->epoch)
			handshake_jump(g, t.now, epoch);
		return;
	}
	if ((m && m->epoch > epoch) || (f && f->epoch >= epoch))
		return;
	remember_forgotten(g, id, epoch);
	/* An echo that was asked for before must not bring it back. */
	nonces_drop(&g->nonces);
	share_forget(g, id);
	if (!m)
		return;
	gossip_event_member(g, GOSSIP_EVENT_FORGOTTEN, id);
	member_remove(g, m);
}

/* --- news in beats --- */

/* All observers said since that they hold what this node holds: then there is nothing to tell them. */
static bool all_know(struct gossip *g)
{
	for (size_t i = 0; i < g->n_neighbours; i++)
		if (g->neighbours[i]->its_members != member_table_hash(g))
			return false;
	return true;
}

void spread_choose_news(struct gossip *g)
{
	bool is_told = all_know(g);
	size_t chosen = 0;

	for (size_t i = 0; i < g->n_members; i++) {
		g->members[i]->is_news = false;
		if (is_told)
			g->members[i]->news_left = 0;
	}
	for (size_t i = 0; i < g->n_members && chosen < NEWS_AT_ONCE; i++) {
		struct member *m = g->members[(g->news_turn + i) % g->n_members];

		if (m->news_left == 0)
			continue;
		m->news_left--;
		m->is_news = true;
		chosen++;
	}
	g->news_turn += chosen;
	for (size_t i = 0; i < g->n_forgotten; i++)
		g->forgotten[i].news_left -= g->forgotten[i].news_left > 0;
}

bool spread_put_member(struct wire_writer *w, const struct member *m)
{
	struct message_claim c;
	struct message_self s;

	member_claim_of(m, &c);
	member_self_of(m, &s);
	return message_put_member(w, &c, &s);
}

void spread_put_news(struct gossip *g, struct wire_writer *w)
{
	for (size_t i = 0; i < g->n_forgotten; i++)
		if (g->forgotten[i].news_left > 0)
			message_put_forget(w, g->forgotten[i].id, g->forgotten[i].epoch);
	for (size_t i = 0; i < g->n_members; i++)
		if (g->members[i]->is_news)
			spread_put_member(w, g->members[i]);
}

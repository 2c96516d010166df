#include "gossip/state.h"

/* Two beats are missed when this much has passed: a beat may come a little late. */
static uint64_t two_beats_us(const struct gossip *g)
{
	return (uint64_t)g->beat_us * 9 / 4;
}

bool suspicion_is_lagging(const struct gossip *g, struct mono now)
{
	return g->lagged_until.us > now.us;
}

bool suspicion_vote_is_fresh(const struct gossip *g, struct mono now, const struct vote *v)
{
	return !passed(v->said_at, now, g->silent_us);
}

/* From when on its silence counts. */
static struct mono silence_began(const struct gossip *g, const struct member *m)
{
	struct mono since = later(m->heard_at, m->neighbour_since);

	return later(later(since, m->epoch_at), g->listening_since);
}

/* When its silence is long enough for a vote, if nothing more comes. Handshakes may take their time, where packets get
 * lost. */
static struct mono silence_ends(const struct gossip *g, const struct member *m)
{
	struct mono began = silence_began(g, m);
	struct mono end = mono_add_us(began, (uint64_t)g->silent_us * (m->has_session ? 1 : 2));

	if (is_set(m->lifeline_ended_at) && m->has_session)
		end = sooner(end, mono_add_us(began, two_beats_us(g)));
	return end;
}

/* From when on it counts as deaf to us, if it does not say that it heard us. A little later than silence, so that a
 * node that nobody hears knows it before it blames them. */
static struct mono deafness_ends(const struct gossip *g, const struct member *m)
{
	struct mono since = later(later(m->hears_us_at, m->neighbour_since),
		later(m->session_at, g->listening_since));

	return mono_add_us(since, g->silent_us + 2 * (uint64_t)g->beat_us);
}

bool member_is_heard(const struct gossip *g, struct mono now, const struct member *m)
{
	return m->has_session && is_set(m->heard_at) && !passed(m->heard_at, now, g->silent_us);
}

bool member_link_works(const struct gossip *g, struct mono now, const struct member *m)
{
	if (mono_reached(now, silence_ends(g, m)))
		return false;
	return g->unheard || !m->has_session || !mono_reached(now, deafness_ends(g, m));
}

/* --- what others vote --- */

/* Whom this node does not hear, or two say they do not hear, is not asked about others: after a split nobody waits for
 * the votes of the other side. */
static bool may_judge(const struct gossip *g, struct mono now, const struct member *o)
{
	size_t fresh = 0;

	if (o == g->self)
		return true;
	if (o->voted)
		return false;
	if (g->n_alive <= FULL_MESH)
		return true;
	for (size_t i = 0; i < o->n_votes; i++)
		fresh += suspicion_vote_is_fresh(g, now, &o->votes[i]);
	return fresh < 2;
}

static bool votes_against(
	const struct gossip *g, struct mono now, const struct member *voter, const struct member *m)
{
	if (voter == g->self)
		return m->voted;
	for (size_t i = 0; i < m->n_votes; i++)
		if (m->votes[i].voter == voter->id)
			return suspicion_vote_is_fresh(g, now, &m->votes[i]);
	return false;
}

bool member_is_condemned(const struct gossip *g, struct mono now, const struct member *m)
{
	struct member *observers[OBSERVERS_MAX];
	size_t n = member_observers(g, m, observers);
	size_t judges = 0, votes = 0;

	if (!m->voted && m->n_votes == 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!may_judge(g, now, observers[i]))
			continue;
		judges++;
		votes += votes_against(g, now, observers[i], m);
	}
	return votes * 2 > judges;
}

/* `here`: for this node only, because it hears too little to accuse anybody. */
static void die(struct gossip *g, struct mono now, struct member *m, bool here)
{
	m->contested_until = mono_add_us(now, 2 * (uint64_t)g->silent_us);
	m->doubted = false;
	g->stats.deaths++;
	beat_soon(g, VERDICT_BEATS);
	member_set_status(g, now, m, MEMBER_DEAD, here);
	member_neighbours_refresh(g, now);
}

void suspicion_judge(struct gossip *g, struct mono now)
{
	/* A death changes who observes whom, so look again; every round buries somebody. */
	while (g->to_judge) {
		g->to_judge = false;
		member_neighbours_refresh(g, now);
		for (size_t i = 0; i < g->n_members; i++) {
			struct member *m = g->members[i];

			if (m != g->self && m->status == MEMBER_ALIVE &&
				member_is_condemned(g, now, m))
				die(g, now, m, g->alone);
		}
	}
}

static struct vote *vote_place(struct gossip *g, struct member *m, uint64_t voter, struct mono now)
{
	for (size_t i = 0; i < m->n_votes; i++)
		if (m->votes[i].voter == voter)
			return &m->votes[i];
	for (size_t i = 0; i < m->n_votes; i++)
		if (!suspicion_vote_is_fresh(g, now, &m->votes[i])) {
			m->votes[i] = (struct vote){.voter = voter};
			return &m->votes[i];
		}
	if (m->n_votes == MESSAGE_VOTERS_MAX)
		return NULL;
	m->votes[m->n_votes] = (struct vote){.voter = voter};
	return &m->votes[m->n_votes++];
}

static void take_vote(
	struct gossip *g, struct mono now, struct member *m, uint64_t voter, struct mono said_at)
{
	struct vote *v = vote_place(g, m, voter, now);
	bool was_fresh = v && is_set(v->said_at) && suspicion_vote_is_fresh(g, now, v);

	if (!v)
		return;
	v->said_at = later(v->said_at, said_at);
	if (was_fresh)
		return;
	/* News: on to the next ones at once. */
	g->to_judge = true;
	beat_soon(g, VERDICT_BEATS);
	member_show(g, now, m);
}

void suspicion_vote(
	struct gossip *g, struct mono now, const struct message_votes *v, const struct member *from)
{
	struct member *m = member_find(g, v->accused);

	if (!m || m == g->self || m->epoch != v->epoch)
		return;
	for (size_t i = 0; i < v->n; i++) {
		const struct member *voter = member_find(g, v->votes[i].voter);
		uint64_t age_us = voter == from ? 0 : (uint64_t)v->votes[i].age_ms * 1000;
		struct mono said_at = {now.us > age_us ? now.us - age_us : 1};

		if (!voter || voter == g->self || voter == m || voter->status != MEMBER_ALIVE)
			continue;
		if (age_us >= g->silent_us)
			continue;
		/* What it said itself since then is newer. */
		if (voter != from && said_at.us <= voter->spoke_at.us)
			continue;
		take_vote(g, now, m, voter->id, said_at);
	}
}

static void drop_vote(struct member *m, size_t i)
{
	m->votes[i] = m->votes[--m->n_votes];
}

void suspicion_sweep(struct gossip *g, struct mono now, struct member *voter)
{
	voter->spoke_at = now;
	for (size_t i = 0; i < g->n_members; i++) {
		struct member *m = g->members[i];

		for (size_t j = 0; j < m->n_votes; j++) {
			if (m->votes[j].voter != voter->id || m->votes[j].said_at.us >= now.us)
				continue;
			drop_vote(m, j);
			member_show(g, now, m);
			break;
		}
	}
}

static void drop_old_votes(struct gossip *g, struct mono now, struct member *m)
{
	bool dropped = false;

	for (size_t i = m->n_votes; i-- > 0;)
		if (!suspicion_vote_is_fresh(g, now, &m->votes[i])) {
			drop_vote(m, i);
			dropped = true;
		}
	if (dropped)
		member_show(g, now, m);
}

/* --- what this node votes --- */

static void set_vote(struct gossip *g, struct mono now, struct member *m, bool voted)
{
	if (m->voted == voted)
		return;
	m->voted = voted;
	g->to_judge = true;
	beat_soon(g, VERDICT_BEATS);
	g->stats.votes_cast += voted;
	member_show(g, now, m);
}

static bool observes(const struct gossip *g, const struct member *m)
{
	struct member *observers[OBSERVERS_MAX];
	size_t n = member_observers(g, m, observers);

	for (size_t i = 0; i < n; i++)
		if (observers[i] == g->self)
			return true;
	return false;
}

/* A dead one that others call alive is still voted against by those who do not hear it: otherwise it would come back
 * and die again, for as long as the links to a majority are cut. */
static bool is_contested(const struct gossip *g, struct mono now, const struct member *m)
{
	return m->status == MEMBER_DEAD && !m->dead_here && m->contested_until.us > now.us &&
	       observes(g, m);
}

/* Who was only found dead because this node heard nobody: with others to ask again, they decide. */
static void look_again(struct gossip *g, struct mono now, struct member *m)
{
	set_vote(g, now, m, observes(g, m) && !suspicion_is_lagging(g, now));
	if (g->alone || !passed(g->company_since, now, g->silent_us))
		return;
	if (member_is_condemned(g, now, m))
		die(g, now, m, false);
	else if (!vitals_keep_dead(g, now, m))
		member_set_status(g, now, m, MEMBER_ALIVE, false);
}

static void look_at(struct gossip *g, struct mono now, struct member *m)
{
	bool contested = is_contested(g, now, m);
	bool can = !suspicion_is_lagging(g, now) && !g->has_left;

	drop_old_votes(g, now, m);
	if (m->dead_here) {
		look_again(g, now, m);
		return;
	}
	/* Who died by its lifeline was silent for two beats only: the vote stands until it is heard. */
	if (contested && m->voted && can)
		return;
	set_vote(g, now, m, can && (m->is_neighbour || contested) && !member_link_works(g, now, m));
}

static void look_at_doubt(struct gossip *g, struct mono now, struct member *m)
{
	if (!m->doubted || !passed(m->doubted_at, now, g->silent_us))
		return;
	if (m->is_neighbour && member_link_works(g, now, m))
		return;
	m->incarnation = m->doubted_incarnation;
	g->hash_stale = true;
	die(g, now, m, g->alone);
}

static bool look_whether_alone(const struct gossip *g, struct mono now)
{
	/* Nobody speaks to one that left. */
	if (g->has_left || !is_set(g->heard_any_at))
		return false;
	if (!passed(later(g->heard_any_at, g->listening_since), now, g->silent_us))
		return false;
	for (size_t i = 0; i < g->n_members; i++)
		if (g->members[i] != g->self && g->members[i]->status != MEMBER_LEFT)
			return true;
	return false;
}

/* Does most of whom this node hears say that they do not hear it? One alone who says so proves nothing: it may be the
 * deaf one. */
static bool look_whether_unheard(const struct gossip *g, struct mono now)
{
	size_t heard = 0, deaf = 0;

	if (g->has_left || !passed(g->listening_since, now, g->silent_us))
		return false;
	for (size_t i = 0; i < g->n_neighbours; i++) {
		const struct member *m = g->neighbours[i];

		if (!member_is_heard(g, now, m))
			continue;
		heard++;
		deaf += passed(later(m->hears_us_at, m->session_at), now, g->silent_us);
	}
	return heard >= 2 && deaf * 2 > heard;
}

/* Whoever hears nobody has nobody to ask. */
static void bury_all(struct gossip *g, struct mono now)
{
	for (size_t i = 0; i < g->n_members; i++)
		if (g->members[i] != g->self && g->members[i]->status == MEMBER_ALIVE)
			die(g, now, g->members[i], true);
}

void suspicion_look(struct gossip *g, struct mono now)
{
	member_neighbours_refresh(g, now);
	g->alone = look_whether_alone(g, now);
	g->unheard = look_whether_unheard(g, now);
	if (g->alone)
		bury_all(g, now);
	for (size_t i = 0; i < g->n_members; i++) {
		struct member *m = g->members[i];

		if (m == g->self)
			continue;
		look_at(g, now, m);
		if (m->status == MEMBER_ALIVE)
			look_at_doubt(g, now, m);
		if (vitals_are_out(g, now, m))
			die(g, now, m, true);
	}
	suspicion_judge(g, now);
}

/* Everybody is asked at once whether it is there, too. */
static void in_company_again(struct gossip *g, struct mono now)
{
	g->alone = false;
	g->company_since = now;
	for (size_t i = 0; i < g->n_members; i++)
		if (g->members[i]->dead_here)
			g->members[i]->beat_due = g->members[i]->probe_due = true;
}

void suspicion_heard(struct gossip *g, struct mono now, struct member *m)
{
	/* After a silence its word that it does not hear us is as old as the silence. */
	if (passed(m->heard_at, now, g->silent_us))
		m->hears_us_at = now;
	m->heard_at = m->sign_at = g->heard_any_at = now;
	if (is_set(m->lifeline_ended_at) && passed(m->lifeline_ended_at, now, g->beat_us))
		m->lifeline_ended_at = (struct mono){0};
	if (g->alone)
		in_company_again(g, now);
	if (m->dead_here) {
		m->voted = false;
		m->n_votes = 0;
		member_set_status(g, now, m, MEMBER_ALIVE, false);
	}
	if (m->status == MEMBER_DEAD)
		m->tell_due = true;
	if (m->voted && member_link_works(g, now, m))
		set_vote(g, now, m, false);
}

void suspicion_hears_us(
	struct gossip *g, struct mono now, struct member *m, const struct message_beat *b)
{
	uint64_t ago_us = (uint64_t)b->heard_ms * 1000;

	if (b->heard_ms == BEAT_NEVER_HEARD || ago_us >= now.us)
		return;
	m->reached_at = later(m->reached_at, (struct mono){now.us - ago_us});
	m->hears_us_at = later(m->hears_us_at, m->reached_at);
	if (m->voted && member_link_works(g, now, m))
		set_vote(g, now, m, false);
}

void suspicion_lagged(struct gossip *g, struct mono now)
{
	g->lagged_until = mono_add_us(now, g->silent_us);
	g->listening_since = now;
	for (size_t i = 0; i < g->n_members; i++)
		if (g->members[i]->voted)
			set_vote(g, now, g->members[i], false);
}

/* Only what is still to come: the rest has been looked at, and is again with every beat. */
struct mono suspicion_deadline(const struct gossip *g)
{
	struct mono first = MONO_NEVER;

	for (size_t i = 0; i < g->n_neighbours; i++) {
		const struct member *m = g->neighbours[i];
		struct mono end;

		if (m->voted)
			continue;
		end = silence_ends(g, m);
		if (m->has_session)
			end = sooner(end, deafness_ends(g, m));
		if (end.us > g->ticked_for.us)
			first = sooner(first, end);
	}
	return first;
}

#include "gossip/state.h"

enum {
	URGENT_PART = 5, /* of a beat: so far apart at least */
	JITTER_PART =
		16, /* of a beat: so much earlier at most, so that twelve fit in a silence of twelve */
	VOTES_BYTES = 640, /* of a beat at most */
	HOLD_MAX_US = 60 * 1000 * 1000,
	REPAIR_TRIES = 12, /* every other beat, before they become rarer */
	REPAIR_BEATS_MAX = 16,
};

/* --- composing --- */

static uint16_t heard_ms(const struct member *m, struct mono now)
{
	uint64_t ms = mono_diff_us(m->heard_at, now) / 1000;

	if (!m->has_session || !is_set(m->heard_at) || ms >= BEAT_NEVER_HEARD)
		return BEAT_NEVER_HEARD;
	return (uint16_t)ms;
}

static void put_beat(struct gossip *g, struct mono now, struct wire_writer *w, struct member *m)
{
	struct message_beat b = {.incarnation = g->self->incarnation,
		.heard_ms = heard_ms(m, now),
		.stamp = (uint32_t)now.us,
		.members = member_table_hash(g),
		.records = records_hash(g->records),
		.items = items_hash(g->items)};
	uint64_t hold = mono_diff_us(m->its_stamp_at, now);

	b.flags |= suspicion_is_lagging(g, now) ? BEAT_LAGGING : 0;
	b.flags |= g->has_left ? BEAT_LEFT : 0;
	b.flags |= m->probe_due ? BEAT_PROBE : 0;
	if (is_set(m->its_stamp_at) && hold < HOLD_MAX_US) {
		b.echo = m->its_stamp;
		b.hold = (uint32_t)hold;
	}
	message_put_beat(w, &b);
}

/* What stands against one member: our own vote, and those of others that are not stale. */
static void gather_votes(
	const struct gossip *g, struct mono now, const struct member *m, struct message_votes *ret)
{
	*ret = (struct message_votes){.accused = m->id, .epoch = m->epoch};
	if (m->voted)
		ret->votes[ret->n++] = (struct message_vote){.voter = g->self->id};
	for (size_t i = 0; i < m->n_votes && ret->n < MESSAGE_VOTERS_MAX; i++) {
		if (!suspicion_vote_is_fresh(g, now, &m->votes[i]))
			continue;
		ret->votes[ret->n].voter = m->votes[i].voter;
		ret->votes[ret->n++].age_ms =
			(uint16_t)(mono_diff_us(m->votes[i].said_at, now) / 1000);
	}
}

/* Those we vote against ourselves must all be in: what is missing is taken back. */
static void put_votes_of(
	struct gossip *g, struct mono now, struct wire_writer *w, size_t from, bool own)
{
	struct message_votes v;

	for (size_t i = 0; i < g->n_members; i++) {
		const struct member *m = g->members[(from + i) % g->n_members];

		if (m->voted != own || (!own && m->n_votes == 0))
			continue;
		gather_votes(g, now, m, &v);
		if (v.n == 0)
			continue;
		if (!own && message_room(w) < 15 + 10 * v.n)
			return;
		message_put_votes(w, &v);
	}
}

static void put_votes(struct gossip *g, struct mono now, struct wire_writer *w)
{
	struct wire_writer part = *w;
	uint8_t *begun;

	if (message_room(&part) > VOTES_BYTES)
		part.end = part.p + VOTES_BYTES;
	begun = message_begin(&part, MESSAGE_VOTES);
	put_votes_of(g, now, &part, 0, true);
	if (!part.failed)
		put_votes_of(g, now, &part, g->votes_turn++, false);
	if (!message_end(&part, begun) || part.p == begun + MESSAGE_TLV_HEAD)
		return;
	w->p = part.p;
}

static bool put_death(struct wire_writer *w, const struct member *m)
{
	struct message_claim c;

	member_claim_of(m, &c);
	if (m->doubted && m->status == MEMBER_ALIVE) {
		c.state = CLAIM_DEAD;
		c.incarnation = m->doubted_incarnation;
	}
	if (c.state != CLAIM_DEAD || message_room(w) < MESSAGE_CLAIM_BYTES)
		return false;
	message_put_claim(w, &c);
	return true;
}

/* The accused itself comes first. */
static void put_deaths(struct gossip *g, struct wire_writer *w, const struct member *to)
{
	uint8_t *begun;
	size_t put;

	if (message_room(w) < MESSAGE_TLV_HEAD + MESSAGE_CLAIM_BYTES)
		return;
	begun = message_begin(w, MESSAGE_DEATHS);
	put = put_death(w, to);
	for (size_t i = 0; i < g->n_members && put < DEATHS_AT_ONCE; i++) {
		const struct member *m = g->members[(g->deaths_turn + i) % g->n_members];

		if (m != to)
			put += put_death(w, m);
	}
	if (put == DEATHS_AT_ONCE)
		g->deaths_turn++;
	if (put == 0)
		w->p = begun;
	else
		message_end(w, begun);
}

static void compose(struct gossip *g, struct gossip_time t, struct draft *d, struct member *m)
{
	draft_start(d);
	put_beat(g, t.now, &d->w, m);
	if (!m->has_session || m->probe_due)
		handshake_put_challenge(g, t, &d->w, m, 0);
	/* A node that hears nobody spreads no one's death. */
	if (!g->alone) {
		put_votes(g, t.now, &d->w);
		put_deaths(g, &d->w, m);
	}
	vitals_put(g, t.now, &d->w);
	spread_put_news(g, &d->w);
	m->probe_due = false;
}

bool beat_next(struct gossip *g, struct gossip_time t, struct draft *d, struct member **ret_to)
{
	for (; g->beats_next < g->n_members; g->beats_next++) {
		struct member *m = g->members[g->beats_next];

		if (!m->beat_due || m == g->self)
			continue;
		m->beat_due = false;
		compose(g, t, d, m);
		*ret_to = m;
		return true;
	}
	g->beats_next = 0;
	return false;
}

/* --- when --- */

static void beat_round(struct gossip *g, struct mono now)
{
	uint64_t spread = g->beat_us / JITTER_PART;

	for (size_t i = 0; i < g->n_members; i++)
		g->members[i]->beat_due |= g->members[i]->is_neighbour;
	spread_choose_news(g);
	vitals_next_turn(g);
	g->last_beat = now;
	g->beat_from = mono_add_us(now, g->beat_us - spread);
	g->urgent -= g->urgent > 0;
	g->next_beat = mono_add_us(now, g->beat_us - prng_below(&g->prng, spread + 1));
}

/* The accused that was heard is told at once, but not with every packet of it. */
static void tell(struct gossip *g, struct mono now)
{
	for (size_t i = 0; i < g->n_members; i++) {
		struct member *m = g->members[i];

		if (!m->tell_due || !passed(m->told_at, now, g->beat_us / 2))
			continue;
		m->tell_due = false;
		m->told_at = now;
		m->beat_due = true;
	}
}

struct mono beat_urgent_at(const struct gossip *g)
{
	return g->urgent ? mono_add_us(g->last_beat, g->beat_us / URGENT_PART) : MONO_NEVER;
}

void beat_tick(struct gossip *g, struct gossip_time t)
{
	bool due = mono_reached(t.now, g->next_beat);

	if (due) {
		handshake_tick(g, t);
		tell(g, t.now);
	}
	if (due || mono_reached(t.now, beat_urgent_at(g)))
		beat_round(g, t.now);
}

bool beat_goes_along(struct gossip *g, struct mono now)
{
	if (!mono_reached(now, g->beat_from) || mono_reached(now, g->next_beat))
		return false;
	g->next_beat = now;
	return true;
}

/* --- receiving --- */

static void measure(struct member *m, struct mono now, const struct message_beat *b)
{
	uint32_t round = (uint32_t)now.us - b->echo - b->hold;

	m->its_stamp = b->stamp;
	m->its_stamp_at = now;
	if ((b->echo == 0 && b->hold == 0) || round > HOLD_MAX_US)
		return;
	m->rtt_us = m->rtt_us < 0 ? round : m->rtt_us + ((int64_t)round - m->rtt_us) / 8;
}

static void repair_begin(struct gossip *g, struct mono now, struct member *m, struct repair *r)
{
	r->differs_since = now;
	r->wait_ms = 2 * g->beat_us / 1000;
	r->next = passed(m->session_at, now, 4 * (uint64_t)g->beat_us)
			  ? mono_add_ms(now, r->wait_ms * 3 / 4)
			  : now;
}

/* Equal hashes end a repair; others begin one, unless what is missing is still on its way. Half of the tries fail where
 * a fifth of the packets get lost; but what two nodes cannot agree on, for nothing moves, is not asked for so often for
 * ever. */
static bool repair_is_due(struct gossip *g, struct mono now, struct member *m,
	enum repair_kind kind, const uint64_t hashes[2])
{
	struct repair *r = &m->repairs[kind];

	if (hashes[0] == hashes[1]) {
		*r = (struct repair){0};
		return false;
	}
	if (!is_set(r->differs_since))
		repair_begin(g, now, m, r);
	if (!mono_reached(now, r->next))
		return false;
	if (r->tried[0] != hashes[0] || r->tried[1] != hashes[1]) {
		memcpy(r->tried, hashes, sizeof(r->tried));
		r->tries = 0;
		r->wait_ms = 2 * g->beat_us / 1000;
	}
	r->next = mono_add_ms(now, r->wait_ms);
	if (r->tries < REPAIR_TRIES)
		r->tries++;
	else if (r->wait_ms < REPAIR_BEATS_MAX * g->beat_us / 1000)
		r->wait_ms *= 2;
	return true;
}

static void compare_hashes(
	struct gossip *g, struct gossip_time t, struct member *m, const struct message_beat *b)
{
	const uint64_t members[2] = {member_table_hash(g), b->members};
	const uint64_t records[2] = {records_hash(g->records), b->records};
	const uint64_t items[2] = {items_hash(g->items), b->items};

	if (repair_is_due(g, t.now, m, REPAIR_MEMBERS, members))
		summary_send(g, m);
	if (repair_is_due(g, t.now, m, REPAIR_RECORDS, records))
		share_send_digest(g, m);
	if (repair_is_due(g, t.now, m, REPAIR_ITEMS, items))
		share_send_buckets(g, m);
}

void beat_input(struct gossip *g, struct gossip_time t, struct member *from, struct span body)
{
	struct message_beat b;
	struct message_claim c;

	if (!message_get_beat(body, &b)) {
		g->stats.refused[GOSSIP_REFUSED_MALFORMED]++;
		return;
	}
	c = (struct message_claim){.id = from->id,
		.epoch = from->epoch,
		.incarnation = b.incarnation,
		.state = b.flags & BEAT_LEFT ? CLAIM_LEFT : CLAIM_ALIVE};
	measure(from, t.now, &b);
	from->its_members = b.members;
	suspicion_hears_us(g, t.now, from, &b);
	spread_claim(g, t, &c, NULL, true);
	if (b.flags & BEAT_PROBE)
		from->beat_due = true;
	compare_hashes(g, t, from, &b);
}

void beat_votes(struct gossip *g, struct gossip_time t, struct member *from, struct span body)
{
	struct wire_reader r = wire_read(body);
	struct message_votes v;

	while (wire_left(&r) > 0 && message_get_votes(&r, &v))
		suspicion_vote(g, t.now, &v, from);
	if (r.failed)
		g->stats.refused[GOSSIP_REFUSED_MALFORMED]++;
}

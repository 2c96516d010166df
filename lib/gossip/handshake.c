#include "gossip/state.h"

enum {
	/* Answers to senders without session, all together, a second and at once; their own epoch's challenges are
	 * answered from a bucket of their own, so that old captures cannot empty it. */
	ANSWERS_A_SECOND = 200,
	ANSWERS_AT_ONCE = 64,
	JUMPS_AT_ONCE = 3, /* and one a silence */
	HASTY_TRIES = 20,
	HASTY_MS = 250,
	PATIENT_MS = 1000,
	ASK_MS = 250,
	/* Less than a silence, so that one that only cannot be heard goes on hearing. */
	PROBE_BEATS = 4,
	PROBE_EACH_MS = 25, /* for every dead one, so that many cost no more than few */
};

/* What a packet without session may say. */
struct words {
	bool has_challenge, has_echo, has_self;
	struct message_challenge challenge;
	uint8_t echo[MESSAGE_NONCE];
	struct message_self self;
};

static bool bucket_take(struct mono *full_at, struct mono now, uint64_t each_us, uint64_t at_once)
{
	struct mono from = later(*full_at, now);

	if (from.us - now.us + each_us > each_us * at_once)
		return false;
	*full_at = mono_add_us(from, each_us);
	return true;
}

static bool answer_bucket(struct mono *full_at, struct mono now)
{
	return bucket_take(full_at, now, 1000000 / ANSWERS_A_SECOND, ANSWERS_AT_ONCE);
}

/* From half of it to one and a half. */
static uint64_t jittered_us(struct gossip *g, uint64_t ms)
{
	return ms * 500 + prng_below(&g->prng, ms * 1000);
}

void handshake_put_challenge(struct gossip *g, struct gossip_time t, struct wire_writer *w,
	const struct member *m, uint64_t to_epoch)
{
	struct message_challenge c = {.to_epoch = to_epoch};

	memcpy(c.nonce, nonces_current(&g->nonces, &g->prng, t), sizeof(c.nonce));
	if (m) {
		c.known_epoch = m->epoch;
		c.known_sequence = m->has_session ? m->window.top : 0;
	}
	message_put_challenge(w, &c);
}

static bool read_words(struct gossip *g, struct wire_reader tlvs, struct words *ret)
{
	struct message_tlv tlv;
	bool ok = true;

	*ret = (struct words){0};
	while (ok && message_next(&tlvs, &tlv)) {
		if (tlv.type == MESSAGE_CHALLENGE)
			ok = ret->has_challenge = message_get_challenge(tlv.body, &ret->challenge);
		else if (tlv.type == MESSAGE_ECHO)
			ok = ret->has_echo = message_get_echo(tlv.body, ret->echo);
		else if (tlv.type == MESSAGE_SELF)
			ok = ret->has_self = message_get_self(tlv.body, &ret->self);
	}
	if (!ok)
		g->stats.refused[GOSSIP_REFUSED_MALFORMED]++;
	return ok;
}

void handshake_jump(struct gossip *g, struct mono now, uint64_t epoch)
{
	uint64_t above = epoch > g->self->epoch ? epoch : g->self->epoch;

	if (above >= MESSAGE_EPOCH_MAX)
		return;
	if (!bucket_take(&g->jump_full_at, now, g->silent_us, JUMPS_AT_ONCE))
		return;
	g->self->epoch = above + 1;
	g->self->incarnation = 0;
	records_restart(g->records, g->self->epoch);
	member_is_news(g, g->self);
	gossip_event_add(g,
		&(struct queued_event){.event = GOSSIP_EVENT_EPOCH, .epoch = g->self->epoch},
		span_of(NULL, 0));
}

/* Others know a later start of this node than this one, or more of it than it said: its state is older than theirs. */
static void hear_of_self(struct gossip *g, struct mono now, const struct arrival *a,
	const struct message_challenge *c)
{
	const struct member *m = member_find(g, a->sender);
	uint64_t said = m ? m->sequence : g->sequence;
	bool later_start = c->known_epoch > g->self->epoch;
	bool said_more = c->known_epoch == g->self->epoch && c->known_sequence > said;

	if (later_start || said_more)
		handshake_jump(g, now, c->known_epoch);
}

static bool is_unspecified(const struct gossip_addr *a)
{
	static const uint8_t none[16];
	static const uint8_t none4[16] = {[10] = 0xff, [11] = 0xff};

	return memcmp(a->ip, none, sizeof(none)) == 0 || memcmp(a->ip, none4, sizeof(none4)) == 0;
}

static void install(struct gossip *g, struct mono now, struct member *m, uint64_t sequence)
{
	m->has_session = true;
	replay_start(&m->window, sequence);
	m->session_at = m->hears_us_at = m->reached_at = now;
	m->its_stamp_at = (struct mono){0};
	m->beat_due = true;
	memset(m->repairs, 0, sizeof(m->repairs));
	g->stats.sessions++;
	suspicion_heard(g, now, m);
}

/* The sender proved that it is there now, in this epoch. */
static void establish(
	struct gossip *g, struct gossip_time t, const struct arrival *a, struct words *w)
{
	struct member *m = member_find(g, a->sender);
	struct forgotten *f = member_forgotten_find(g, a->sender);
	struct message_claim c = {
		.id = a->sender, .epoch = a->head.epoch, .incarnation = w->self.incarnation};

	if (m ? a->head.epoch < m->epoch : f && a->head.epoch <= f->epoch)
		return; /* it is challenged, and so told what to go above */
	if (is_unspecified(&w->self.addr))
		w->self.addr = *a->from;
	spread_claim(g, t, &c, &w->self, true);
	m = member_find(g, a->sender);
	if (m && m->epoch == a->head.epoch && !m->has_session)
		install(g, t.now, m, a->head.sequence);
}

static bool may_echo(struct gossip *g, struct mono now, const struct arrival *a,
	const struct message_challenge *c)
{
	if (a->in_session)
		return true;
	if (c->to_epoch == g->self->epoch)
		return answer_bucket(&g->echo_full_at, now);
	return answer_bucket(&g->hello_full_at, now);
}

static bool may_challenge(struct gossip *g, struct mono now, struct member *m)
{
	if (!m)
		return answer_bucket(&g->hello_full_at, now);
	if (!passed(m->challenged_at, now, g->beat_us / 4))
		return false;
	m->challenged_at = now;
	return true;
}

/* What the sender is told of what we know of it: also that it was struck off. */
static void challenge(struct gossip *g, struct gossip_time t, const struct arrival *a,
	struct wire_writer *w, const struct member *m)
{
	const struct forgotten *f = m ? NULL : member_forgotten_find(g, a->sender);
	struct member stand_in;

	if (f) {
		stand_in = (struct member){.epoch = f->epoch};
		m = &stand_in;
	}
	handshake_put_challenge(g, t, w, m, a->head.epoch);
	g->stats.challenges_out++;
}

static void answer(
	struct gossip *g, struct gossip_time t, const struct arrival *a, const struct words *words)
{
	struct member *m = member_find(g, a->sender);
	bool in_session = m && m->has_session && m->epoch == a->head.epoch;
	struct message_self self;
	struct draft d;

	draft_start(&d);
	if (words->has_challenge && may_echo(g, t.now, a, &words->challenge)) {
		member_self_of(g->self, &self);
		message_put_echo(&d.w, words->challenge.nonce);
		message_put_self(&d.w, &self);
		g->stats.echoes_out++;
	}
	if (!in_session && may_challenge(g, t.now, m))
		challenge(g, t, a, &d.w, m);
	if (!draft_is_empty(&d))
		gossip_out_to_address(g, a->sender, a->from, draft_span(&d));
}

void handshake_input(struct gossip *g, struct gossip_time t, const struct arrival *a)
{
	struct words words;

	if (!read_words(g, a->tlvs, &words))
		return;
	if (!a->in_session)
		g->stats.refused[GOSSIP_REFUSED_SESSION]++;
	/* Who does not know to whom it speaks cannot know anything of us, nor answer us. */
	if (!a->addressed && !words.has_challenge)
		return;
	if (a->addressed && words.has_challenge)
		hear_of_self(g, t.now, a, &words.challenge);
	if (a->addressed && words.has_echo && words.has_self &&
		nonces_are_fresh(&g->nonces, t.now, words.echo))
		establish(g, t, a, &words);
	if (!a->in_session || words.has_challenge)
		answer(g, t, a, &words);
}

/* While it is heard a number seen twice is the network's doing. From a node that is otherwise silent it may be all that
 * it has: set back to a snapshot, it counts again from where it was. */
void handshake_replayed(struct gossip *g, struct gossip_time t, const struct arrival *a)
{
	struct member *m = a->in_session;
	struct draft d;

	if (!passed(m->heard_at, t.now, 3 * (uint64_t)g->beat_us))
		return;
	if (!passed(m->challenged_at, t.now, 2 * (uint64_t)g->beat_us))
		return;
	m->challenged_at = t.now;
	draft_start(&d);
	challenge(g, t, a, &d.w, m);
	gossip_out_to(g, m, draft_span(&d));
}

/* --- asking --- */

static bool is_met(const struct gossip *g, const struct peer *p)
{
	for (size_t i = 0; i < g->n_members; i++) {
		const struct member *m = g->members[i];

		if (memcmp(&m->addr, &p->addr, sizeof(m->addr)) != 0)
			continue;
		if (m == g->self || (m->status == MEMBER_ALIVE && m->has_session))
			return true;
	}
	return false;
}

static void hello(
	struct gossip *g, struct gossip_time t, uint64_t id, const struct gossip_addr *addr)
{
	struct draft d;

	draft_start(&d);
	handshake_put_challenge(g, t, &d.w, id ? member_find(g, id) : NULL, 0);
	gossip_out_to_address(g, id, addr, draft_span(&d));
	g->stats.challenges_out++;
}

static void ask_peer(struct gossip *g, struct gossip_time t, struct peer *p)
{
	if (!mono_reached(t.now, p->next))
		return;
	if (is_met(g, p)) {
		p->tries = 0;
		p->next = mono_add_us(t.now, jittered_us(g, HASTY_MS));
		return;
	}
	hello(g, t, 0, &p->addr);
	p->tries += p->tries < HASTY_TRIES;
	p->next =
		mono_add_us(t.now, jittered_us(g, p->tries < HASTY_TRIES ? HASTY_MS : PATIENT_MS));
}

static size_t count_dead(const struct gossip *g)
{
	size_t n = 0;

	for (size_t i = 0; i < g->n_members; i++)
		n += g->members[i]->status == MEMBER_DEAD;
	return n;
}

/* The dead are asked whether they live, for ever; the living with whom there is no session yet, for one. Neighbours
 * need no asking: their beats do that. */
static void ask_member(struct gossip *g, struct gossip_time t, struct member *m, size_t dead)
{
	uint64_t each = dead * PROBE_EACH_MS, least = PROBE_BEATS * g->beat_us / 1000;

	if (!mono_reached(t.now, m->probe_at))
		return;
	if (m->status == MEMBER_DEAD) {
		m->probe_at = mono_add_us(t.now, jittered_us(g, each > least ? each : least));
		m->beat_due = m->probe_due = true;
		return;
	}
	m->probe_at = mono_add_us(t.now, jittered_us(g, ASK_MS));
	if (m->status == MEMBER_ALIVE && !m->has_session && !m->is_neighbour)
		hello(g, t, m->id, &m->addr);
}

void handshake_tick(struct gossip *g, struct gossip_time t)
{
	size_t dead = count_dead(g);

	for (size_t i = 0; i < g->n_peers; i++)
		ask_peer(g, t, &g->peers[i]);
	for (size_t i = 0; i < g->n_members; i++)
		if (g->members[i] != g->self)
			ask_member(g, t, g->members[i], dead);
}

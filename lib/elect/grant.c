/* A claim needs the votes of a majority: CLAIM(term) -> GRANT, or DENY with what speaks against it. A voter gives each
 * term of an address to one node, and none while it sees somebody else's claim alive; so no two nodes own an address
 * with the same term, even if each hears a majority and not the other. An offer carries its sender's vote. With one voter, or
 * one of two that is alone, this node's own vote is enough, and a takeover needs no round trip. */
#include "elect/private.h"

enum { FIRST_WAIT_MS = 5, ASK_LIMITS = 2, GRANTED_BEATS = 2, CLAIMS_BEATS = 4 };

static unsigned votes_needed(const struct elect *e)
{
	const struct elect_quorum *q = &e->quorum;

	if (e->rule == ELECT_NONE || q->voters == 1)
		return 1;
	if (q->voters == 2)
		return e->other_heard ? 2 : 1;
	return q->needed;
}

static unsigned votes_given(const struct elect *e, const struct vip *v)
{
	unsigned n = 1;

	for (size_t i = 1; i < e->n_nodes; i++)
		n += v->votes[i] == VOTE_GIVEN && elect_is_voter(&e->nodes[i]);
	return n;
}

void elect_vote(struct vip *v, uint64_t term, uint64_t to)
{
	v->voted_term = term;
	v->voted_for = to;
	if (term > v->floor)
		v->floor = term;
}

void elect_end_ask(struct vip *v)
{
	v->ask = (struct ask){0};
	memset(v->votes, 0, sizeof(v->votes));
}

/* --- asking --- */

static void ask_the_rest(struct elect *e, struct mono now, struct vip *v)
{
	for (size_t i = 1; i < e->n_nodes; i++) {
		const struct node *n = &e->nodes[i];

		if (v->votes[i] != VOTE_GIVEN && elect_is_voter(n) && elect_is_heard(e, n))
			v->votes[i] = VOTE_DUE;
	}
	v->ask.next = mono_add_ms(now, v->ask.wait_ms);
	v->ask.wait_ms = v->ask.wait_ms * 2 < e->beat_ms ? v->ask.wait_ms * 2 : e->beat_ms;
}

void elect_begin_ask(struct elect *e, struct mono now, struct vip *v, const struct ask *ask)
{
	const struct node *offerer = elect_find(e, ask->offered_by);

	elect_end_ask(v);
	v->ask = *ask;
	v->ask.wait_ms = FIRST_WAIT_MS;
	v->ask.next = now;
	v->ask.end = mono_add_ms(now, ASK_LIMITS * e->silent_ms);
	elect_vote(v, ask->term, elect_self(e)->id);
	if (offerer)
		v->votes[offerer - e->nodes] = VOTE_GIVEN;
	elect_decide_ask(e, now, v, NULL);
}

static bool is_moot(const struct elect *e, const struct vip *v, const struct node *owner)
{
	return !elect_may_hold(e) || e->stopping || v->cannot_until.us != 0 ||
	       (owner && owner->id != v->ask.offered_by) || v->voted_term != v->ask.term ||
	       v->voted_for != e->nodes[0].id;
}

void elect_decide_ask(struct elect *e, struct mono now, struct vip *v, const struct node *owner)
{
	struct ask ask = v->ask;

	if (is_moot(e, v, owner) || !elect_is_ahead(e, now, ask.end)) {
		elect_end_ask(v);
		return;
	}
	if (votes_given(e, v) >= votes_needed(e)) {
		elect_claim(e, now, v, &ask);
		return;
	}
	if (!elect_is_ahead(e, now, ask.next)) {
		ask_the_rest(e, now, v);
		elect_wake_at(e, v->ask.next);
	}
}

/* key, term */
void elect_on_grant(struct elect *e, struct node *from, struct span value)
{
	struct wire_reader r = wire_read(value);
	struct vip *v = elect_vip_by_key(e, wire_u32(&r));
	uint64_t term = elect_get_term(&r);

	if (!r.failed && v && v->ask.term != 0 && v->ask.term == term)
		v->votes[from - e->nodes] = VOTE_GIVEN;
}

/* key, term, the highest term seen, who owns it (0: nobody, the vote was given to another node) */
void elect_on_deny(struct elect *e, struct mono now, struct node *from, struct span value)
{
	struct wire_reader r = wire_read(value);
	struct vip *v = elect_vip_by_key(e, wire_u32(&r));
	uint64_t term = elect_get_term(&r), floor = elect_get_term(&r);
	struct node *owner = elect_find(e, wire_u64(&r));

	(void)from;
	if (r.failed || !v || v->ask.term == 0 || v->ask.term != term)
		return;
	if (floor <= ELECT_TERM_MAX && floor > v->floor)
		v->floor = floor;
	/* His record has not come yet: he is asked himself. His death may be news here earlier than there, too. */
	if (owner) {
		owner->ask_due = owner != elect_self(e) && elect_is_heard(e, owner);
		return;
	}
	elect_end_ask(v);
	v->retry_at = mono_add_ms(now, e->beat_ms);
}

/* --- voting --- */

static void reply(struct vip *v, enum vote_reply kind, uint64_t to, uint64_t term)
{
	v->reply = kind;
	v->reply_to = to;
	v->reply_term = term;
}

/* Its own vote a node may take back as long as it has not claimed: for one that is better. */
static bool may_vote_for(struct elect *e, const struct vip *v, const struct node *n)
{
	const struct node *self = elect_self(e);

	if (v->asker_term != v->voted_term)
		return v->asker_term > v->voted_term && v->asker_term >= v->floor;
	if (v->voted_for == n->id)
		return true;
	return v->voted_for == self->id && v->ask.term == v->asker_term &&
	       elect_is_better(v, n, self);
}

/* A question that cannot be granted now is kept: what speaks against it may be news that is late here. So may be the claim of
 * who got this node's last vote: the next one waits for it, or two nodes got it within a moment. */
void elect_decide_vote(struct elect *e, struct mono now, struct vip *v)
{
	struct node *n = elect_find(e, v->asker);

	if (v->asker == 0 || !e->quorum.met || !e->synced)
		return;
	if (!n || !elect_is_heard(e, n) || !elect_is_voter(n)) {
		v->asker = 0;
	} else if (!may_vote_for(e, v, n)) {
		v->asker = 0;
		reply(v, REPLY_DENY, n->id, v->asker_term);
	} else if (v->granted_to != n->id && elect_is_ahead(e, now, v->granted_until)) {
		return;
	} else if (v->owner != 0 && v->owner != n->id && v->owner != v->asker_offered_by) {
		if (!v->asker_denied)
			reply(v, REPLY_DENY_OWNED, n->id, v->asker_term);
		v->asker_denied = true;
	} else {
		elect_end_ask(v);
		elect_vote(v, v->asker_term, n->id);
		v->retry_at = mono_add_ms(now, GRANTED_BEATS * e->beat_ms);
		v->granted_to = n->id;
		v->granted_until = mono_add_ms(now, CLAIMS_BEATS * e->beat_ms);
		reply(v, REPLY_GRANT, n->id, v->asker_term);
		v->asker = 0;
	}
}

/* key, term, who offered it (0: nobody) */
void elect_on_claim(struct elect *e, struct node *from, struct span value)
{
	struct wire_reader r = wire_read(value);
	struct vip *v = elect_vip_by_key(e, wire_u32(&r));
	uint64_t term = elect_get_term(&r), offered_by = wire_u64(&r);

	if (r.failed || !v || term == 0 || term > ELECT_TERM_MAX)
		return;
	v->asker = from->id;
	v->asker_term = term;
	v->asker_offered_by = offered_by;
	v->asker_denied = false;
}

/* The whole table of members, compared piece by piece where hashes differ. */
#include "gossip/state.h"

enum { SUMMARY_CLAIMS = 64 }; /* in one packet */

static void send_claims(struct gossip *g, struct member *to, bool answer, size_t from, size_t n,
	uint64_t first, uint64_t last)
{
	struct message_claim c;
	struct draft d;
	uint8_t *begun;

	draft_start(&d);
	begun = message_begin(&d.w, MESSAGE_SUMMARY);
	message_put_summary_head(&d.w, answer, first, last);
	for (size_t i = from; i < from + n; i++) {
		member_claim_of(g->members[i], &c);
		message_put_claim(&d.w, &c);
	}
	message_end(&d.w, begun);
	gossip_out_to(g, to, draft_span(&d));
	g->stats.repairs_out++;
}

void summary_send(struct gossip *g, struct member *to)
{
	uint64_t first = 0;

	for (size_t at = 0; at < g->n_members; at += SUMMARY_CLAIMS) {
		size_t left = g->n_members - at;
		bool is_last = left <= SUMMARY_CLAIMS;
		size_t n = is_last ? left : SUMMARY_CLAIMS;
		uint64_t last = is_last ? UINT64_MAX : g->members[at + n - 1]->id;

		send_claims(g, to, false, at, n, first, last);
		first = last + 1;
	}
}

/* Packets of members that the other side does not know as we do. */
struct reply {
	struct gossip *g;
	struct member *to;
	struct mono now;
	struct draft d;
};

static void reply_flush(struct reply *r)
{
	if (draft_is_empty(&r->d))
		return;
	if (share_may_answer(r->g, r->now, r->to)) {
		gossip_out_to(r->g, r->to, draft_span(&r->d));
		r->g->stats.repairs_out++;
	}
	draft_start(&r->d);
}

static void reply_member(struct reply *r, const struct member *m)
{
	if (spread_put_member(&r->d.w, m))
		return;
	reply_flush(r);
	spread_put_member(&r->d.w, m);
}

static void reply_forgotten(struct reply *r, const struct forgotten *f)
{
	if (message_put_forget(&r->d.w, f->id, f->epoch))
		return;
	reply_flush(r);
	message_put_forget(&r->d.w, f->id, f->epoch);
}

/* Their claim against ours. True: they know more. */
static bool reply_to_claim(struct reply *r, struct gossip_time t, const struct message_claim *c)
{
	struct member *m = member_find(r->g, c->id);
	struct forgotten *f = m ? NULL : member_forgotten_find(r->g, c->id);
	struct message_claim known;
	int order;

	if (!m) {
		if (f && f->epoch >= c->epoch)
			reply_forgotten(r, f);
		return !f || f->epoch < c->epoch;
	}
	member_claim_of(m, &known);
	order = message_claim_compare(&known, c);
	if (order > 0)
		reply_member(r, m);
	else if (order < 0)
		spread_claim(r->g, t, c, NULL, false);
	return order < 0 && c->epoch > known.epoch;
}

static size_t first_at_or_above(const struct gossip *g, uint64_t id)
{
	size_t i = 0;

	while (i < g->n_members && g->members[i]->id < id)
		i++;
	return i;
}

/* What they do not mention between two of their claims, or its ends, they do not know. */
static void reply_gap(struct reply *r, size_t *at, uint64_t below)
{
	while (*at < r->g->n_members && r->g->members[*at]->id < below)
		reply_member(r, r->g->members[(*at)++]);
}

static void compare(
	struct gossip *g, struct gossip_time t, struct member *from, struct message_summary *s)
{
	struct reply r = {.g = g, .to = from, .now = t.now};
	size_t at = first_at_or_above(g, s->from);
	struct message_claim c;
	uint64_t last = 0;
	bool they_know_more = false;
	size_t begin, end;

	draft_start(&r.d);
	while (message_get_claim(&s->claims, &c) && c.id >= s->from && c.id <= s->to &&
		c.id > last) {
		last = c.id;
		reply_gap(&r, &at, c.id);
		they_know_more |= reply_to_claim(&r, t, &c);
		at = first_at_or_above(g, c.id);
		at += at < g->n_members && g->members[at]->id == c.id;
		if (wire_left(&s->claims) == 0)
			break;
	}
	if (wire_left(&s->claims) > 0) {
		g->stats.refused[GOSSIP_REFUSED_MALFORMED]++;
		return;
	}
	reply_gap(&r, &at, s->to);
	if (at < g->n_members && g->members[at]->id == s->to)
		reply_member(&r, g->members[at]);
	reply_flush(&r);
	if (!they_know_more || s->answer || !share_may_answer(g, t.now, from))
		return;
	begin = first_at_or_above(g, s->from);
	end = s->to == UINT64_MAX ? g->n_members : first_at_or_above(g, s->to + 1);
	/* Ours may be more than one packet holds: then the rest is compared another time. */
	if (end - begin <= SUMMARY_CLAIMS)
		send_claims(g, from, true, begin, end - begin, s->from, s->to);
	else
		summary_send(g, from);
}

void summary_input(struct gossip *g, struct gossip_time t, struct member *from, struct span body)
{
	struct message_summary s;

	if (message_get_summary(body, &s))
		compare(g, t, from, &s);
	else
		g->stats.refused[GOSSIP_REFUSED_MALFORMED]++;
}

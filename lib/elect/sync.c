/* Before it claims anything, a node that just started, woke or found its quorum asks every balancer it hears what that
 * one holds and which terms it saw. Questions are repeated with every beat; answers come from the balancer itself, so
 * they hold whatever older news is still on its way. */
#include "elect/private.h"

static bool is_asked(const struct elect *e, const struct node *n)
{
	return n->id != 0 && n != &e->nodes[0] && elect_is_heard(e, n) &&
	       (n->balancer || !n->role_known);
}

struct tally {
	unsigned voters; /* that answered, this node included */
	bool all;	 /* that are heard have answered */
};

static struct tally count_answers(const struct elect *e)
{
	struct tally t = {1, true};

	for (size_t i = 1; i < e->n_nodes; i++) {
		const struct node *n = &e->nodes[i];

		if (!is_asked(e, n))
			continue;
		t.all = t.all && n->answered;
		t.voters += n->answered && elect_is_voter(n);
	}
	return t;
}

static void ask_the_rest(struct elect *e, struct mono now)
{
	for (size_t i = 1; i < e->n_nodes; i++) {
		struct node *n = &e->nodes[i];

		n->ask_due = is_asked(e, n) && !n->answered;
	}
	e->sync_next = mono_add_ms(now, e->beat_ms);
}

static void begin(struct elect *e, struct mono now)
{
	e->syncing = true;
	e->nonce++;
	e->sync_from = now;
	e->sync_next = now;
	for (size_t i = 0; i < e->n_nodes; i++)
		e->nodes[i].answered = false;
}

static bool is_complete(struct elect *e, struct mono now)
{
	const struct elect_quorum *q = &e->quorum;
	struct tally t = count_answers(e);
	bool old = !elect_is_ahead(e, now, mono_add_ms(e->started, e->silent_ms));

	if (t.all && (q->alive == q->voters || old))
		return e->rule == ELECT_NONE || q->voters <= 2 || t.voters >= q->needed;
	/* Somebody is thought alive who does not answer: alive or not, it will not be waited for. */
	if (elect_is_ahead(e, now, mono_add_ms(e->sync_from, 2 * e->silent_ms)))
		return false;
	return e->rule == ELECT_NONE || q->voters <= 2 || t.voters >= q->needed;
}

static void complete(struct elect *e, struct mono now)
{
	e->synced = true;
	e->syncing = e->paused = e->doubting = false;
	for (size_t i = 1; i < e->n_nodes; i++)
		e->nodes[i].ask_due = false;
	for (size_t i = 0; i < e->n_vips; i++) {
		e->vips[i].free_since = now;
		e->vips[i].settle_until = mono_add_ms(now, e->silent_ms);
	}
}

void elect_decide_sync(struct elect *e, struct mono now)
{
	if (!e->quorum.met) {
		e->synced = e->syncing = e->doubting = false;
		return;
	}
	if (e->doubting && !elect_is_ahead(e, now, e->doubt_until)) {
		e->doubting = false;
		e->paused = true;
	}
	if (e->synced)
		return;
	if (!e->syncing)
		begin(e, now);
	if (is_complete(e, now)) {
		complete(e, now);
		return;
	}
	if (!elect_is_ahead(e, now, e->sync_next)) {
		ask_the_rest(e, now);
		elect_wake_at(e, e->sync_next);
	}
}

void elect_doubt(struct elect *e, struct mono now)
{
	if (e->synced) {
		e->doubting = true;
		e->doubt_until = mono_add_ms(now, 2 * e->silent_ms);
	}
	e->synced = e->syncing = false;
	elect_decide(e, now);
}

bool elect_may_renew(const struct elect *e)
{
	return e->synced;
}

/* A short pause may pass unseen by everyone else, so this node's own idea of the others is as old as the pause. */
void elect_woken(struct elect *e, struct mono now)
{
	for (size_t i = 0; i < e->n_vips; i++)
		elect_release(e, &e->vips[i], ELECT_PAUSED, 0);
	e->synced = e->syncing = e->doubting = false;
	e->paused = true;
	e->gateway_answered = false;
	e->started = now;
	elect_decide(e, now);
}

/* --- question: nonce; answer: nonce, the record, the highest term seen of each of its addresses --- */

void elect_on_sync(struct elect *e, struct node *from, struct span value)
{
	struct wire_reader r = wire_read(value);
	uint32_t nonce = wire_u32(&r);

	(void)e;
	if (r.failed)
		return;
	from->answer_due = true;
	from->answer_nonce = nonce;
}

size_t elect_synced_value(struct elect *e, const struct node *to, uint8_t *out)
{
	uint8_t record[ELECT_VALUE_MAX];
	struct wire_writer w = wire_write(out, ELECT_VALUE_MAX);
	size_t n = elect_encode_record(e, record);

	wire_put_u32(&w, to->answer_nonce);
	wire_put_u16(&w, (uint16_t)n);
	wire_put_bytes(&w, span_of(record, n));
	for (size_t i = 0; i < e->n_vips; i++)
		elect_put_term(&w, e->vips[i].floor);
	BUG_ON(w.failed);
	return wire_written(&w);
}

/* The record names the addresses whose terms follow. */
static void take_terms(struct elect *e, struct span record, struct wire_reader *terms)
{
	for (size_t at = RECORD_HEAD; at + RECORD_ENTRY <= record.n; at += RECORD_ENTRY) {
		struct wire_reader entry = wire_read(span_of(record.p + at, RECORD_ENTRY));
		struct vip *v = elect_vip_by_key(e, wire_u32(&entry));
		uint64_t term = elect_get_term(terms);

		if (v && !terms->failed && term <= ELECT_TERM_MAX && term > v->floor)
			v->floor = term;
	}
}

void elect_on_synced(struct elect *e, struct mono now, struct node *from, struct span value)
{
	struct wire_reader r = wire_read(value);
	uint32_t nonce = wire_u32(&r);
	uint16_t n = wire_u16(&r);
	struct span record = wire_bytes(&r, n);
	struct wire_reader in = wire_read(record);

	(void)now;
	if (r.failed || nonce != e->nonce || !elect_decode_record(e, from, &in))
		return;
	take_terms(e, record, &r);
	from->answered = true;
}

#include "gossip/message.h"

#include "base/bug.h"

enum {
	ANSWER = 1,
	SIGN_UNIT_MS = 16,
	BUCKET_SHIFT = 58, /* of a place: items_place() */
};

void message_put_votes(struct wire_writer *w, const struct message_votes *v)
{
	BUG_ON(v->n > MESSAGE_VOTERS_MAX);
	wire_put_u64(w, v->accused);
	wire_put_u48(w, v->epoch);
	wire_put_u8(w, (uint8_t)v->n);
	for (size_t i = 0; i < v->n; i++) {
		wire_put_u64(w, v->votes[i].voter);
		wire_put_u16(w, v->votes[i].age_ms);
	}
}

bool message_get_votes(struct wire_reader *r, struct message_votes *ret)
{
	ret->accused = wire_u64(r);
	ret->epoch = wire_u48(r);
	ret->n = wire_u8(r);
	if (ret->n > MESSAGE_VOTERS_MAX)
		r->failed = true;
	for (size_t i = 0; i < ret->n && !r->failed; i++) {
		ret->votes[i].voter = wire_u64(r);
		ret->votes[i].age_ms = wire_u16(r);
	}
	if (r->failed || ret->accused == 0 || !message_epoch_is_good(ret->epoch))
		r->failed = true;
	return !r->failed;
}

void message_put_claim(struct wire_writer *w, const struct message_claim *c)
{
	wire_put_u64(w, c->id);
	wire_put_u48(w, c->epoch);
	wire_put_u32(w, c->incarnation);
	wire_put_u8(w, (uint8_t)c->state);
}

bool message_get_claim(struct wire_reader *r, struct message_claim *ret)
{
	struct message_claim c;
	uint8_t state;

	c.id = wire_u64(r);
	c.epoch = wire_u48(r);
	c.incarnation = wire_u32(r);
	state = wire_u8(r);
	if (r->failed || c.id == 0 || !message_epoch_is_good(c.epoch) || state > CLAIM_LEFT) {
		r->failed = true;
		return false;
	}
	c.state = (enum message_state)state;
	*ret = c;
	return true;
}

void message_put_sign(struct wire_writer *w, const struct message_sign *s)
{
	uint64_t age = (s->age_ms + SIGN_UNIT_MS) / SIGN_UNIT_MS;

	wire_put_u32(w, (uint32_t)(s->id >> 32));
	wire_put_u8(w, age < UINT8_MAX ? (uint8_t)age : UINT8_MAX);
}

bool message_get_sign(struct wire_reader *r, struct message_sign *ret)
{
	uint64_t prefix = wire_u32(r);
	uint64_t age = wire_u8(r);

	if (r->failed)
		return false;
	*ret = (struct message_sign){prefix << 32, age * SIGN_UNIT_MS};
	return true;
}

void message_put_summary_head(struct wire_writer *w, bool answer, uint64_t from, uint64_t to)
{
	wire_put_u8(w, answer ? ANSWER : 0);
	wire_put_u64(w, from);
	wire_put_u64(w, to);
}

bool message_get_summary(struct span body, struct message_summary *ret)
{
	struct wire_reader r = wire_read(body);
	bool answer = wire_u8(&r) & ANSWER;
	uint64_t from = wire_u64(&r);
	uint64_t to = wire_u64(&r);

	if (r.failed || from > to || wire_left(&r) % MESSAGE_CLAIM_BYTES != 0)
		return false;
	ret->answer = answer;
	ret->from = from;
	ret->to = to;
	ret->claims = r;
	return true;
}

bool message_put_forget(struct wire_writer *w, uint64_t id, uint64_t epoch)
{
	uint8_t *begun = message_begin(w, MESSAGE_FORGET);

	wire_put_u64(w, id);
	wire_put_u48(w, epoch);
	return message_end(w, begun);
}

bool message_get_forget(struct span body, uint64_t *ret_id, uint64_t *ret_epoch)
{
	struct wire_reader r = wire_read(body);
	uint64_t id = wire_u64(&r);
	uint64_t epoch = wire_u48(&r);

	if (r.failed || wire_left(&r) > 0 || id == 0 || !message_epoch_is_good(epoch))
		return false;
	*ret_id = id;
	*ret_epoch = epoch;
	return true;
}

bool message_put_direct(struct wire_writer *w, uint8_t kind, struct span value)
{
	uint8_t *begun = message_begin(w, MESSAGE_DIRECT);

	wire_put_u8(w, kind);
	wire_put_bytes(w, value);
	return message_end(w, begun);
}

bool message_get_direct(struct span body, struct message_direct *ret)
{
	if (body.n < 1 || body.n > 1 + GOSSIP_MESSAGE_MAX)
		return false;
	ret->kind = body.p[0];
	ret->value = span_of(body.p + 1, body.n - 1);
	return true;
}

bool message_put_buckets(struct wire_writer *w, const uint64_t hashes[ITEMS_BUCKETS])
{
	uint8_t *begun = message_begin(w, MESSAGE_BUCKETS);

	for (size_t i = 0; i < ITEMS_BUCKETS; i++)
		wire_put_u64(w, hashes[i]);
	return message_end(w, begun);
}

bool message_get_buckets(struct span body, uint64_t ret[ITEMS_BUCKETS])
{
	struct wire_reader r = wire_read(body);

	if (body.n != MESSAGE_BUCKETS_BYTES)
		return false;
	for (size_t i = 0; i < ITEMS_BUCKETS; i++)
		ret[i] = wire_u64(&r);
	return true;
}

bool message_put_list(struct wire_writer *w, bool answer, const struct items_piece *piece)
{
	uint8_t *begun = message_begin(w, MESSAGE_LIST);

	BUG_ON(piece->n > MESSAGE_LIST_MAX);
	wire_put_u8(w, answer ? ANSWER : 0);
	wire_put_u64(w, piece->from);
	wire_put_u64(w, piece->to);
	for (size_t i = 0; i < piece->n; i++)
		wire_put_u64(w, piece->hashes[i]);
	return message_end(w, begun);
}

bool message_get_list(struct span body, struct message_list *ret)
{
	struct wire_reader r = wire_read(body);
	bool answer = wire_u8(&r) & ANSWER;
	uint64_t from = wire_u64(&r);
	uint64_t to = wire_u64(&r);
	size_t n = wire_left(&r) / 8;

	if (r.failed || from > to || from >> BUCKET_SHIFT != to >> BUCKET_SHIFT)
		return false;
	if (wire_left(&r) % 8 != 0 || n > MESSAGE_LIST_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		ret->hashes[i] = wire_u64(&r);
	ret->answer = answer;
	ret->piece = (struct items_piece){from, to, n, ret->hashes};
	return true;
}

static int compare(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

int message_claim_compare(const struct message_claim *a, const struct message_claim *b)
{
	int order = compare(a->epoch, b->epoch);

	if (order == 0)
		order = compare(a->incarnation, b->incarnation);
	if (order == 0)
		order = compare(a->state, b->state);
	return order;
}

#include "gossip/message.h"

#include "base/bug.h"

enum { SELF_FLAG_BALANCER = 1, ANSWER = 1 };
enum { SIGN_UNIT_MS = 16 };
enum { BUCKET_SHIFT = 58 }; /* of a place: items_place() */

static bool is_known(uint8_t type)
{
	switch ((enum message_type)type) {
	case MESSAGE_BEAT:
	case MESSAGE_CHALLENGE:
	case MESSAGE_ECHO:
	case MESSAGE_SELF:
	case MESSAGE_MEMBER:
	case MESSAGE_VOTES:
	case MESSAGE_DEATHS:
	case MESSAGE_SUMMARY:
	case MESSAGE_FORGET:
	case MESSAGE_DIRECT:
	case MESSAGE_VITALS:
	case MESSAGE_RECORD:
	case MESSAGE_DIGEST:
	case MESSAGE_WANT:
	case MESSAGE_ITEM:
	case MESSAGE_BUCKETS:
	case MESSAGE_LIST:
		return true;
	}
	return false;
}

static bool epoch_is_good(uint64_t epoch)
{
	return epoch > 0 && epoch <= MESSAGE_EPOCH_MAX;
}

bool message_open(struct span payload, struct message_head *ret, struct wire_reader *ret_tlvs)
{
	struct wire_reader r = wire_read(payload);
	struct message_head head = {.epoch = wire_u64(&r), .sequence = wire_u64(&r)};
	struct wire_reader tlvs = r;
	struct message_tlv tlv;

	if (r.failed || payload.n > GOSSIP_PAYLOAD_MAX)
		return false;
	if (!epoch_is_good(head.epoch) || head.sequence == 0 ||
		head.sequence > MESSAGE_SEQUENCE_MAX)
		return false;
	while (message_next(&r, &tlv))
		if ((tlv.type & MESSAGE_CRITICAL) && !is_known(tlv.type))
			return false;
	if (r.failed)
		return false;
	*ret = head;
	*ret_tlvs = tlvs;
	return true;
}

bool message_next(struct wire_reader *tlvs, struct message_tlv *ret)
{
	struct message_tlv tlv;

	if (tlvs->failed || wire_left(tlvs) == 0)
		return false;
	tlv.type = wire_u8(tlvs);
	tlv.body = wire_bytes(tlvs, wire_u16(tlvs));
	if (tlvs->failed)
		return false;
	*ret = tlv;
	return true;
}

void message_put_head(struct wire_writer *w, const struct message_head *head)
{
	wire_put_u64(w, head->epoch);
	wire_put_u64(w, head->sequence);
}

uint8_t *message_begin(struct wire_writer *w, enum message_type type)
{
	uint8_t *begun = w->p;

	BUG_ON(w->failed);
	wire_put_u8(w, (uint8_t)type);
	wire_put_u16(w, 0);
	return begun;
}

bool message_end(struct wire_writer *w, uint8_t *begun)
{
	size_t length;

	if (w->failed) {
		w->p = begun;
		w->failed = false;
		return false;
	}
	length = (size_t)(w->p - begun) - MESSAGE_TLV_HEAD;
	BUG_ON(length > UINT16_MAX);
	begun[1] = (uint8_t)(length >> 8);
	begun[2] = (uint8_t)length;
	return true;
}

/* Epochs and sequences are 48 bits wide inside TLVs. */
static void put_u48(struct wire_writer *w, uint64_t v)
{
	wire_put_u16(w, (uint16_t)(v >> 32));
	wire_put_u32(w, (uint32_t)v);
}

static uint64_t get_u48(struct wire_reader *r)
{
	uint64_t high = wire_u16(r);

	return high << 32 | wire_u32(r);
}

static bool at_end(const struct wire_reader *r)
{
	return !r->failed && wire_left(r) == 0;
}

bool message_put_beat(struct wire_writer *w, const struct message_beat *b)
{
	uint8_t *begun = message_begin(w, MESSAGE_BEAT);

	wire_put_u8(w, b->flags);
	wire_put_u32(w, b->incarnation);
	wire_put_u16(w, b->heard_ms);
	wire_put_u32(w, b->stamp);
	wire_put_u32(w, b->echo);
	wire_put_u32(w, b->hold);
	wire_put_u64(w, b->members);
	wire_put_u64(w, b->records);
	wire_put_u64(w, b->items);
	return message_end(w, begun);
}

/* Later versions may add to the end of a beat. */
bool message_get_beat(struct span body, struct message_beat *ret)
{
	struct wire_reader r = wire_read(body);
	struct message_beat b;

	b.flags = wire_u8(&r);
	b.incarnation = wire_u32(&r);
	b.heard_ms = wire_u16(&r);
	b.stamp = wire_u32(&r);
	b.echo = wire_u32(&r);
	b.hold = wire_u32(&r);
	b.members = wire_u64(&r);
	b.records = wire_u64(&r);
	b.items = wire_u64(&r);
	if (r.failed)
		return false;
	*ret = b;
	return true;
}

bool message_put_challenge(struct wire_writer *w, const struct message_challenge *c)
{
	uint8_t *begun = message_begin(w, MESSAGE_CHALLENGE);

	wire_put_bytes(w, span_of(c->nonce, sizeof(c->nonce)));
	put_u48(w, c->to_epoch);
	put_u48(w, c->known_epoch);
	wire_put_u64(w, c->known_sequence);
	return message_end(w, begun);
}

bool message_get_challenge(struct span body, struct message_challenge *ret)
{
	struct wire_reader r = wire_read(body);
	struct span nonce = wire_bytes(&r, MESSAGE_NONCE);
	uint64_t to_epoch = get_u48(&r);
	uint64_t known_epoch = get_u48(&r);
	uint64_t known_sequence = wire_u64(&r);

	if (!at_end(&r) || known_sequence > MESSAGE_SEQUENCE_MAX)
		return false;
	memcpy(ret->nonce, nonce.p, MESSAGE_NONCE);
	ret->to_epoch = to_epoch;
	ret->known_epoch = known_epoch;
	ret->known_sequence = known_sequence;
	return true;
}

bool message_put_echo(struct wire_writer *w, const uint8_t nonce[MESSAGE_NONCE])
{
	uint8_t *begun = message_begin(w, MESSAGE_ECHO);

	wire_put_bytes(w, span_of(nonce, MESSAGE_NONCE));
	return message_end(w, begun);
}

bool message_get_echo(struct span body, uint8_t ret_nonce[MESSAGE_NONCE])
{
	if (body.n != MESSAGE_NONCE)
		return false;
	memcpy(ret_nonce, body.p, MESSAGE_NONCE);
	return true;
}

static void put_text(struct wire_writer *w, struct span text)
{
	wire_put_u8(w, (uint8_t)text.n);
	wire_put_bytes(w, text);
}

static struct span get_text(struct wire_reader *r, size_t max)
{
	struct span text = wire_bytes(r, wire_u8(r));

	if (text.n > max)
		r->failed = true;
	/* It is shown to people: printable ASCII and UTF-8 bytes, no control characters. */
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < 0x20 || text.p[i] == 0x7f)
			r->failed = true;
	return text;
}

static void put_self_body(struct wire_writer *w, const struct message_self *s)
{
	wire_put_u8(w, s->speaks_min);
	wire_put_u8(w, s->speaks_max);
	wire_put_u8(w, s->balancer ? SELF_FLAG_BALANCER : 0);
	wire_put_u32(w, s->incarnation);
	wire_put_bytes(w, span_of(s->addr.ip, sizeof(s->addr.ip)));
	wire_put_u16(w, s->addr.port);
	put_text(w, s->name);
	put_text(w, s->version);
}

static bool get_self_body(struct wire_reader *r, struct message_self *ret)
{
	struct span ip;

	ret->speaks_min = wire_u8(r);
	ret->speaks_max = wire_u8(r);
	ret->balancer = wire_u8(r) & SELF_FLAG_BALANCER;
	ret->incarnation = wire_u32(r);
	ip = wire_bytes(r, sizeof(ret->addr.ip));
	ret->addr.port = wire_u16(r);
	ret->name = get_text(r, GOSSIP_NAME_MAX);
	ret->version = get_text(r, GOSSIP_VERSION_MAX);
	if (r->failed || ret->name.n == 0 || ret->addr.port == 0)
		return false;
	if (ret->speaks_min == 0 || ret->speaks_min > ret->speaks_max)
		return false;
	memcpy(ret->addr.ip, ip.p, sizeof(ret->addr.ip));
	return true;
}

bool message_put_self(struct wire_writer *w, const struct message_self *s)
{
	uint8_t *begun = message_begin(w, MESSAGE_SELF);

	put_self_body(w, s);
	return message_end(w, begun);
}

bool message_get_self(struct span body, struct message_self *ret)
{
	struct wire_reader r = wire_read(body);
	struct message_self s;

	if (!get_self_body(&r, &s))
		return false;
	*ret = s;
	return true;
}

bool message_put_member(
	struct wire_writer *w, const struct message_claim *claim, const struct message_self *s)
{
	uint8_t *begun = message_begin(w, MESSAGE_MEMBER);

	wire_put_u64(w, claim->id);
	put_u48(w, claim->epoch);
	wire_put_u8(w, (uint8_t)claim->state);
	put_self_body(w, s);
	return message_end(w, begun);
}

bool message_get_member(struct span body, struct message_claim *ret, struct message_self *ret_self)
{
	struct wire_reader r = wire_read(body);
	struct message_claim claim;
	struct message_self self;
	uint8_t state;

	claim.id = wire_u64(&r);
	claim.epoch = get_u48(&r);
	state = wire_u8(&r);
	if (!get_self_body(&r, &self))
		return false;
	if (claim.id == 0 || !epoch_is_good(claim.epoch) || state > CLAIM_LEFT)
		return false;
	claim.state = (enum message_state)state;
	claim.incarnation = self.incarnation;
	*ret = claim;
	*ret_self = self;
	return true;
}

void message_put_votes(struct wire_writer *w, const struct message_votes *v)
{
	BUG_ON(v->n > MESSAGE_VOTERS_MAX);
	wire_put_u64(w, v->accused);
	put_u48(w, v->epoch);
	wire_put_u8(w, (uint8_t)v->n);
	for (size_t i = 0; i < v->n; i++) {
		wire_put_u64(w, v->votes[i].voter);
		wire_put_u16(w, v->votes[i].age_ms);
	}
}

bool message_get_votes(struct wire_reader *r, struct message_votes *ret)
{
	ret->accused = wire_u64(r);
	ret->epoch = get_u48(r);
	ret->n = wire_u8(r);
	if (ret->n > MESSAGE_VOTERS_MAX)
		r->failed = true;
	for (size_t i = 0; i < ret->n && !r->failed; i++) {
		ret->votes[i].voter = wire_u64(r);
		ret->votes[i].age_ms = wire_u16(r);
	}
	if (r->failed || ret->accused == 0 || !epoch_is_good(ret->epoch))
		r->failed = true;
	return !r->failed;
}

void message_put_claim(struct wire_writer *w, const struct message_claim *c)
{
	wire_put_u64(w, c->id);
	put_u48(w, c->epoch);
	wire_put_u32(w, c->incarnation);
	wire_put_u8(w, (uint8_t)c->state);
}

bool message_get_claim(struct wire_reader *r, struct message_claim *ret)
{
	struct message_claim c;
	uint8_t state;

	c.id = wire_u64(r);
	c.epoch = get_u48(r);
	c.incarnation = wire_u32(r);
	state = wire_u8(r);
	if (r->failed || c.id == 0 || !epoch_is_good(c.epoch) || state > CLAIM_LEFT) {
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
	put_u48(w, epoch);
	return message_end(w, begun);
}

bool message_get_forget(struct span body, uint64_t *ret_id, uint64_t *ret_epoch)
{
	struct wire_reader r = wire_read(body);
	uint64_t id = wire_u64(&r);
	uint64_t epoch = get_u48(&r);

	if (!at_end(&r) || id == 0 || !epoch_is_good(epoch))
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

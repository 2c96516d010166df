#include "gossip/message.h"

#include "base/bug.h"

enum { SELF_FLAG_BALANCER = 1 };

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

bool message_epoch_is_good(uint64_t epoch)
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
	if (!message_epoch_is_good(head.epoch) || head.sequence == 0 ||
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
	wire_put_u48(w, c->to_epoch);
	wire_put_u48(w, c->known_epoch);
	wire_put_u64(w, c->known_sequence);
	return message_end(w, begun);
}

bool message_get_challenge(struct span body, struct message_challenge *ret)
{
	struct wire_reader r = wire_read(body);
	struct span nonce = wire_bytes(&r, MESSAGE_NONCE);
	uint64_t to_epoch = wire_u48(&r);
	uint64_t known_epoch = wire_u48(&r);
	uint64_t known_sequence = wire_u64(&r);

	if (nonce.n == 0 || !at_end(&r) || known_sequence > MESSAGE_SEQUENCE_MAX)
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
	if (!body.p || body.n != MESSAGE_NONCE)
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
	wire_put_u48(w, claim->epoch);
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
	claim.epoch = wire_u48(&r);
	state = wire_u8(&r);
	if (!get_self_body(&r, &self))
		return false;
	if (claim.id == 0 || !message_epoch_is_good(claim.epoch) || state > CLAIM_LEFT)
		return false;
	claim.state = (enum message_state)state;
	claim.incarnation = self.incarnation;
	*ret = claim;
	*ret_self = self;
	return true;
}

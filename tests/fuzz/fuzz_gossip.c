/* The payloads of gossip, and the machine behind them, in the hands of somebody who holds a key. The first byte chooses:
 * 0 decodes the rest as one payload, whose TLVs must come out of the encoders as they went in; anything else plays a
 * story with one instance and three peers that say what the input wants, in sessions that are really open. */
#include "base/bug.h"
#include "gossip/gossip.h"
#include "gossip/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- the codec --- */

static struct span body_of(const struct wire_writer *w)
{
	return span_of(w->start + MESSAGE_TLV_HEAD, wire_written(w) - MESSAGE_TLV_HEAD);
}

static void self_round_trip(struct span body)
{
	uint8_t bytes[GOSSIP_PAYLOAD_MAX];
	struct wire_writer w = wire_write(bytes, sizeof(bytes));
	struct message_self s, again;

	if (!message_get_self(body, &s))
		return;
	BUG_ON(s.name.n == 0 || s.name.n > GOSSIP_NAME_MAX || s.version.n > GOSSIP_VERSION_MAX);
	BUG_ON(!message_put_self(&w, &s));
	BUG_ON(!message_get_self(body_of(&w), &again));
	BUG_ON(!span_eq(s.name, again.name) || s.incarnation != again.incarnation);
}

static void member_round_trip(struct span body)
{
	uint8_t bytes[GOSSIP_PAYLOAD_MAX];
	struct wire_writer w = wire_write(bytes, sizeof(bytes));
	struct message_claim c, c2;
	struct message_self s, s2;

	if (!message_get_member(body, &c, &s))
		return;
	BUG_ON(!message_put_member(&w, &c, &s));
	BUG_ON(!message_get_member(body_of(&w), &c2, &s2));
	BUG_ON(c.id != c2.id || message_claim_compare(&c, &c2) != 0);
}

static void beat_round_trip(struct span body)
{
	uint8_t bytes[GOSSIP_PAYLOAD_MAX];
	struct wire_writer w = wire_write(bytes, sizeof(bytes));
	struct message_beat b;

	if (!message_get_beat(body, &b))
		return;
	BUG_ON(!message_put_beat(&w, &b));
	BUG_ON(memcmp(body_of(&w).p, body.p, body_of(&w).n) != 0);
}

static void challenge_round_trip(struct span body)
{
	uint8_t bytes[GOSSIP_PAYLOAD_MAX];
	struct wire_writer w = wire_write(bytes, sizeof(bytes));
	struct message_challenge c;

	if (!message_get_challenge(body, &c))
		return;
	BUG_ON(!message_put_challenge(&w, &c));
	BUG_ON(!span_eq(body_of(&w), body));
}

static void lists(struct span body)
{
	uint8_t bytes[2 * GOSSIP_PAYLOAD_MAX];
	struct wire_writer w = wire_write(bytes, sizeof(bytes));
	struct wire_reader r = wire_read(body);
	struct message_votes v;
	struct message_claim c;

	while (wire_left(&r) > 0 && message_get_votes(&r, &v)) {
		BUG_ON(v.n > MESSAGE_VOTERS_MAX);
		message_put_votes(&w, &v);
	}
	if (!r.failed)
		BUG_ON(!span_eq(span_of(bytes, wire_written(&w)), body));
	w = wire_write(bytes, sizeof(bytes));
	r = wire_read(body);
	while (wire_left(&r) > 0 && message_get_claim(&r, &c))
		message_put_claim(&w, &c);
	if (!r.failed)
		BUG_ON(!span_eq(span_of(bytes, wire_written(&w)), body));
}

static void shared_state(struct span body)
{
	uint8_t bytes[2 * GOSSIP_PAYLOAD_MAX];
	struct wire_writer w = wire_write(bytes, sizeof(bytes));
	struct mono now = {1000000};
	uint64_t buckets[ITEMS_BUCKETS];
	struct message_list list;
	struct records_entry e;
	struct wire_reader r = wire_read(body);
	struct record record;
	struct item item;

	if (record_decode(body, &record)) {
		record_encode(&w, &record);
		BUG_ON(!span_eq(span_of(bytes, wire_written(&w)), body));
	}
	w = wire_write(bytes, sizeof(bytes));
	if (item_decode(body, now, &item)) {
		item_encode(&w, now, &item);
		BUG_ON(w.failed || wire_written(&w) > MESSAGE_BODY_MAX);
	}
	while (wire_left(&r) > 0 && records_entry_decode(&r, &e))
		BUG_ON(e.origin == 0);
	if (message_get_list(body, &list))
		BUG_ON(list.piece.n > MESSAGE_LIST_MAX || list.piece.from > list.piece.to);
	message_get_buckets(body, buckets);
}

static void small_ones(struct span body)
{
	uint8_t nonce[MESSAGE_NONCE];
	struct message_summary s;
	struct wire_reader r = wire_read(body);
	struct message_sign sign;
	struct message_direct d;
	uint64_t id, epoch;

	while (wire_left(&r) > 0 && message_get_sign(&r, &sign))
		BUG_ON(sign.age_ms > 255 * 16);
	message_get_echo(body, nonce);
	if (message_get_direct(body, &d))
		BUG_ON(d.value.n > GOSSIP_MESSAGE_MAX);
	if (message_get_forget(body, &id, &epoch))
		BUG_ON(id == 0 || epoch == 0);
	if (message_get_summary(body, &s))
		BUG_ON(wire_left(&s.claims) % MESSAGE_CLAIM_BYTES != 0);
}

/* Every decoder on every body, whatever its type says. */
static void decode_all(struct span payload)
{
	struct message_head head;
	struct wire_reader r;
	struct message_tlv tlv;

	if (!message_open(payload, &head, &r))
		return;
	BUG_ON(head.epoch == 0 || head.sequence == 0);
	while (message_next(&r, &tlv)) {
		beat_round_trip(tlv.body);
		challenge_round_trip(tlv.body);
		self_round_trip(tlv.body);
		member_round_trip(tlv.body);
		lists(tlv.body);
		shared_state(tlv.body);
		small_ones(tlv.body);
	}
	BUG_ON(r.failed);
}

/* --- the machine --- */

enum { PEERS = 3 };

struct peer {
	uint64_t id, epoch, sequence;
	struct gossip_addr addr;
};

struct story {
	struct gossip *g;
	struct gossip_time t;
	struct peer peers[PEERS];
	uint8_t nonce[MESSAGE_NONCE]; /* that it last challenged somebody with */
	bool challenged;
	uint64_t epoch; /* of the instance, and */
	uint32_t incarnation;
};

static const uint64_t self_id = 0x5555555555555555u;

static struct gossip_addr address(uint8_t n)
{
	return (struct gossip_addr){.ip = {[10] = 0xff, [11] = 0xff, 10, 0, 0, n}, .port = 7946};
}

static void look_at_output(struct story *s, const struct gossip_packet *p)
{
	struct message_challenge c;
	struct message_head head;
	struct wire_reader r;
	struct message_tlv tlv;

	BUG_ON(p->payload.n > GOSSIP_PAYLOAD_MAX);
	BUG_ON(!message_open(p->payload, &head, &r));
	while (message_next(&r, &tlv))
		if (tlv.type == MESSAGE_CHALLENGE) {
			BUG_ON(!message_get_challenge(tlv.body, &c));
			memcpy(s->nonce, c.nonce, sizeof(s->nonce));
			s->challenged = true;
		} else {
			BUG_ON(p->to == 0 && tlv.type != MESSAGE_ECHO && tlv.type != MESSAGE_SELF);
		}
}

static void check(struct story *s)
{
	struct gossip_self self;
	struct gossip_member m;

	gossip_self(s->g, &self);
	BUG_ON(self.epoch < s->epoch);
	BUG_ON(self.epoch == s->epoch && self.incarnation < s->incarnation);
	s->epoch = self.epoch;
	s->incarnation = self.incarnation;
	BUG_ON(gossip_count(s->g) > GOSSIP_MEMBERS_MAX);
	BUG_ON(!gossip_find(s->g, self_id, &m));
	BUG_ON(m.state != (self.left ? GOSSIP_LEFT : GOSSIP_ALIVE));
}

static void drain(struct story *s)
{
	struct gossip_packet p;
	struct gossip_event e;

	while (gossip_output(s->g, s->t, &p))
		look_at_output(s, &p);
	while (gossip_event(s->g, &e))
		BUG_ON(e.event == GOSSIP_EVENT_MESSAGE && e.value.n > GOSSIP_MESSAGE_MAX);
	check(s);
}

static void say(struct story *s, struct peer *p, bool addressed, struct span tlvs)
{
	uint8_t bytes[GOSSIP_PAYLOAD_MAX];
	struct wire_writer w = wire_write(bytes, sizeof(bytes));

	message_put_head(&w, &(struct message_head){p->epoch, ++p->sequence});
	wire_put_bytes(&w, tlvs);
	if (w.failed)
		return;
	gossip_input(s->g, s->t, &p->addr, p->id, addressed, span_of(bytes, wire_written(&w)));
	drain(s);
}

static void echo(struct story *s, struct peer *p, const char *name)
{
	uint8_t bytes[GOSSIP_PAYLOAD_MAX];
	struct wire_writer w = wire_write(bytes, sizeof(bytes));
	struct message_self self = {.speaks_min = 1,
		.speaks_max = 1,
		.balancer = true,
		.addr = p->addr,
		.name = span_str(name),
		.version = span_str("1")};

	message_put_echo(&w, s->nonce);
	message_put_self(&w, &self);
	say(s, p, true, span_of(bytes, wire_written(&w)));
}

static bool begin(struct story *s)
{
	struct gossip_config config = {.node = "self",
		.id = self_id,
		.self = address(1),
		.balancer = true,
		.beat_ms = 25,
		.silent_ms = 300,
		.epoch = 1000,
		.seed = 1,
		.version = "1",
		.items = {64, 64}};
	struct gossip_addr peers[PEERS];

	*s = (struct story){.t = {{1000000}, 1700000000000}, .epoch = 1000};
	for (int i = 0; i < PEERS; i++) {
		peers[i] = address((uint8_t)(2 + i));
		s->peers[i] = (struct peer){.id = (uint64_t)i + 1, .epoch = 2000, .addr = peers[i]};
	}
	config.peers = peers;
	config.n_peers = PEERS;
	s->g = gossip_new(&config, s->t);
	if (!s->g)
		return false;
	gossip_tick(s->g, s->t);
	drain(s);
	BUG_ON(!s->challenged);
	echo(s, &s->peers[0], "first");
	echo(s, &s->peers[1], "second");
	BUG_ON(gossip_count(s->g) != 3);
	return true;
}

static void pass(struct story *s, uint64_t ms)
{
	uint64_t until = s->t.now.us + ms * 1000;

	while (gossip_deadline(s->g).us <= until) {
		uint64_t at = gossip_deadline(s->g).us;

		if (at > s->t.now.us) {
			s->t.wall_ms += (at - s->t.now.us) / 1000;
			s->t.now.us = at;
		}
		gossip_tick(s->g, s->t);
		drain(s);
		/* Whatever was due is done, or the caller would spin. */
		BUG_ON(gossip_deadline(s->g).us <= s->t.now.us);
	}
	s->t.now.us = until;
}

static void own_word(struct story *s, uint8_t what, struct span value)
{
	struct item item = {.kind = what,
		.key = value.n > 0 ? span_of(value.p, 1) : span_str("k"),
		.value = value.n > 400 ? span_of(value.p, 400) : value};

	switch (what % 5) {
	case 0:
		gossip_publish(s->g, s->t, what, item.value);
		break;
	case 1:
		item.until = (struct mono){what & 64 ? s->t.now.us + 50000 : 0};
		gossip_item_set(s->g, s->t, &item);
		break;
	case 2:
		gossip_send(s->g, s->t, what % 4u, what, value);
		break;
	case 3:
		gossip_lifeline(s->g, s->t, 1 + what % 3u, what & 64);
		break;
	default:
		gossip_forget(s->g, s->t, 1 + what % 3u);
		break;
	}
	drain(s);
}

/* One step: what to do, about whom, and how many bytes of the input belong to it. */
static void step(struct story *s, struct wire_reader *r)
{
	uint8_t what = wire_u8(r);
	struct peer *p = &s->peers[wire_u8(r) % PEERS];
	size_t n = wire_u16(r);
	struct span bytes = wire_bytes(r, n < wire_left(r) ? n : wire_left(r));

	switch (what % 8) {
	case 0:
	case 1:
	case 2:
		say(s, p, true, bytes);
		break;
	case 3:
		say(s, p, false, bytes);
		break;
	case 4:
		pass(s, n % 700);
		break;
	case 5:
		p->epoch += n;
		echo(s, p, "again");
		break;
	case 6:
		own_word(s, (uint8_t)n, bytes);
		break;
	default:
		if (what & 8)
			gossip_leave(s->g, s->t);
		else
			gossip_lagged(s->g, s->t, n * 1000);
		p->sequence += what & 16 ? 2000 : 0;
		drain(s);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_reader r = wire_read(span_of(data, size));
	struct story s;

	if (wire_u8(&r) == 0) {
		decode_all(span_of(r.p, wire_left(&r)));
		return 0;
	}
	if (!begin(&s))
		return 0;
	while (wire_left(&r) >= 4)
		step(&s, &r);
	pass(&s, 100);
	gossip_free(s.g);
	return 0;
}

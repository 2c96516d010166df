#include "gossip/message.h"

#include <criterion/criterion.h>

struct buffer {
	uint8_t bytes[GOSSIP_PAYLOAD_MAX];
	struct wire_writer w;
};

static void start(struct buffer *b)
{
	b->w = wire_write(b->bytes, sizeof(b->bytes));
}

static struct span body_of(const struct buffer *b)
{
	return span_of(b->bytes + MESSAGE_TLV_HEAD, wire_written(&b->w) - MESSAGE_TLV_HEAD);
}

static struct span payload_of(const struct buffer *b)
{
	return span_of(b->bytes, wire_written(&b->w));
}

static void start_packet(struct buffer *b)
{
	start(b);
	message_put_head(&b->w, &(struct message_head){.epoch = 7, .sequence = 9});
}

static const struct message_self self = {.speaks_min = 1,
	.speaks_max = 2,
	.balancer = true,
	.incarnation = 5,
	.addr = {.ip = {[10] = 0xff, [11] = 0xff, 10, 0, 0, 1}, .port = 7946},
	.name = {(const uint8_t *)"lb-1", 4},
	.version = {(const uint8_t *)"1.2.3", 5}};

Test(message, a_packet_gives_its_head_and_its_tlvs)
{
	struct buffer b;
	struct message_head head;
	struct message_tlv tlv;
	struct wire_reader r;
	uint8_t nonce[MESSAGE_NONCE] = {1};

	start_packet(&b);
	message_put_echo(&b.w, nonce);
	message_put_direct(&b.w, 3, span_str("hello"));
	cr_assert(message_open(payload_of(&b), &head, &r));
	cr_assert_eq(head.epoch, 7);
	cr_assert_eq(head.sequence, 9);
	cr_assert(message_next(&r, &tlv));
	cr_assert_eq(tlv.type, MESSAGE_ECHO);
	cr_assert_eq(tlv.body.n, MESSAGE_NONCE);
	cr_assert(message_next(&r, &tlv));
	cr_assert_eq(tlv.type, MESSAGE_DIRECT);
	cr_assert_not(message_next(&r, &tlv));
}

Test(message, an_unknown_tlv_is_skipped_unless_it_is_critical)
{
	struct buffer b;
	struct message_head head;
	struct wire_reader r;

	start_packet(&b);
	wire_put_bytes(&b.w, span_of("\x7e\x00\x01x", 4));
	cr_assert(message_open(payload_of(&b), &head, &r));
	wire_put_bytes(&b.w, span_of("\xfe\x00\x01x", 4));
	cr_assert_not(message_open(payload_of(&b), &head, &r));
}

Test(message, a_packet_cut_anywhere_inside_a_tlv_is_refused)
{
	struct buffer b;
	struct message_head head;
	struct wire_reader r;

	start_packet(&b);
	message_put_direct(&b.w, 3, span_str("hello"));
	for (size_t n = 0; n < wire_written(&b.w); n++)
		cr_assert_eq(
			message_open(span_of(b.bytes, n), &head, &r), n == MESSAGE_HEAD, "%zu", n);
}

Test(message, heads_that_nobody_counts_to_are_refused)
{
	static const struct message_head bad[] = {
		{0, 1}, {1, 0}, {MESSAGE_EPOCH_MAX + 1, 1}, {1, MESSAGE_SEQUENCE_MAX + 1}};
	struct message_head head;
	struct wire_reader r;
	struct buffer b;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		start(&b);
		message_put_head(&b.w, &bad[i]);
		cr_assert_not(message_open(payload_of(&b), &head, &r), "%zu", i);
	}
}

Test(message, a_tlv_without_room_leaves_nothing_behind)
{
	struct buffer b;
	uint8_t value[400] = {0};

	start(&b);
	for (int i = 0; i < 3; i++)
		cr_assert(message_put_direct(&b.w, 1, span_of(value, sizeof(value))));
	cr_assert_not(message_put_direct(&b.w, 1, span_of(value, sizeof(value))));
	cr_assert_eq(wire_written(&b.w), 3 * (MESSAGE_TLV_HEAD + 1 + sizeof(value)));
	cr_assert(message_put_direct(&b.w, 1, span_str("short")));
}

Test(message, a_beat_comes_back_as_it_was)
{
	struct message_beat beat = {.flags = BEAT_PROBE | BEAT_LEFT,
		.incarnation = 77,
		.heard_ms = 12,
		.stamp = 1,
		.echo = 2,
		.hold = 3,
		.members = 4,
		.records = 5,
		.items = UINT64_MAX};
	struct message_beat got;
	struct buffer b;

	start(&b);
	cr_assert(message_put_beat(&b.w, &beat));
	memset(&got, 0, sizeof(got));
	cr_assert(message_get_beat(body_of(&b), &got));
	cr_assert_eq(got.flags, beat.flags);
	cr_assert_eq(got.incarnation, 77);
	cr_assert_eq(got.heard_ms, 12);
	cr_assert_eq(got.hold, 3);
	cr_assert_eq(got.members, 4);
	cr_assert_eq(got.items, UINT64_MAX);
	for (size_t n = 0; n < body_of(&b).n; n++)
		cr_assert_not(message_get_beat(span_of(body_of(&b).p, n), &got));
}

Test(message, a_challenge_comes_back_as_it_was)
{
	struct message_challenge c = {.nonce = {1, 2, 3},
					 .to_epoch = MESSAGE_EPOCH_MAX,
					 .known_epoch = 5,
					 .known_sequence = 6},
				 got;
	struct buffer b;

	start(&b);
	cr_assert(message_put_challenge(&b.w, &c));
	cr_assert(message_get_challenge(body_of(&b), &got));
	cr_assert_eq(memcmp(got.nonce, c.nonce, sizeof(c.nonce)), 0);
	cr_assert_eq(got.to_epoch, MESSAGE_EPOCH_MAX);
	cr_assert_eq(got.known_epoch, 5);
	cr_assert_eq(got.known_sequence, 6);
}

Test(message, a_member_comes_back_as_it_was)
{
	struct message_claim c = {.id = 3, .epoch = 4, .incarnation = 5, .state = CLAIM_LEFT}, got;
	struct message_self s;
	struct buffer b;

	start(&b);
	cr_assert(message_put_member(&b.w, &c, &self));
	cr_assert(message_get_member(body_of(&b), &got, &s));
	cr_assert_eq(message_claim_compare(&c, &got), 0);
	cr_assert_eq(got.id, 3);
	cr_assert(span_eq(s.name, self.name));
	cr_assert(span_eq(s.version, self.version));
	cr_assert_eq(memcmp(&s.addr, &self.addr, sizeof(s.addr)), 0);
	cr_assert(s.balancer);
	for (size_t n = 0; n < body_of(&b).n; n++)
		cr_assert_not(message_get_member(span_of(body_of(&b).p, n), &got, &s));
}

Test(message, the_longest_member_is_as_long_as_documented)
{
	uint8_t text[GOSSIP_NAME_MAX];
	struct message_claim c = {.id = 3, .epoch = 4};
	struct message_self s = self;
	struct buffer b;

	memset(text, 'x', sizeof(text));
	s.name = span_of(text, GOSSIP_NAME_MAX);
	s.version = span_of(text, GOSSIP_VERSION_MAX);
	start(&b);
	cr_assert(message_put_member(&b.w, &c, &s));
	cr_assert_eq(body_of(&b).n, MESSAGE_MEMBER_MAX);
}

static bool takes(struct message_self s)
{
	struct message_self got;
	struct buffer b;

	start(&b);
	message_put_self(&b.w, &s);
	return message_get_self(body_of(&b), &got);
}

Test(message, a_node_that_cannot_be_is_refused)
{
	struct message_self s = self;

	cr_assert(takes(s));
	s.name = span_of(NULL, 0);
	cr_assert_not(takes(s), "no name");
	s.name = span_str("a\nb");
	cr_assert_not(takes(s), "a name that would forge a log line");
	s.name = span_str("a234567890123456789012345678901234567890123456789012345678901234");
	cr_assert_not(takes(s), "a name of 64 bytes");
	s = self;
	s.addr.port = 0;
	cr_assert_not(takes(s), "no port");
	s = self;
	s.speaks_min = 3;
	cr_assert_not(takes(s), "versions that are the wrong way round");
	s.speaks_min = 0;
	cr_assert_not(takes(s), "version 0");
}

Test(message, votes_come_one_accused_after_the_other)
{
	struct message_votes v = {.accused = 1, .epoch = 2, .n = 2, .votes = {{3, 4}, {5, 6}}}, got;
	struct wire_reader r;
	struct buffer b;

	start(&b);
	message_put_votes(&b.w, &v);
	v.accused = 9;
	v.n = 0;
	message_put_votes(&b.w, &v);
	r = wire_read(payload_of(&b));
	cr_assert(message_get_votes(&r, &got));
	cr_assert_eq(got.n, 2);
	cr_assert_eq(got.votes[1].voter, 5);
	cr_assert_eq(got.votes[1].age_ms, 6);
	cr_assert(message_get_votes(&r, &got));
	cr_assert_eq(got.accused, 9);
	cr_assert_eq(wire_left(&r), 0);
}

Test(message, more_voters_than_there_may_be_are_refused)
{
	uint8_t bytes[15 + 10 * 17] = {[7] = 1, [13] = 1, [14] = MESSAGE_VOTERS_MAX + 1};
	struct wire_reader r = wire_read(span_of(bytes, sizeof(bytes)));
	struct message_votes v;

	cr_assert_not(message_get_votes(&r, &v));
	cr_assert(r.failed);
}

Test(message, epochs_decide_before_incarnations_and_those_before_states)
{
	struct message_claim low = {.id = 1, .epoch = 1, .incarnation = 9, .state = CLAIM_LEFT};
	struct message_claim high = {.id = 1, .epoch = 2};

	cr_assert_lt(message_claim_compare(&low, &high), 0);
	high = (struct message_claim){.id = 1, .epoch = 1, .incarnation = 10};
	cr_assert_lt(message_claim_compare(&low, &high), 0);
	high = (struct message_claim){.id = 1, .epoch = 1, .incarnation = 9, .state = CLAIM_DEAD};
	cr_assert_gt(message_claim_compare(&low, &high), 0);
}

Test(message, a_summary_holds_whole_claims_only)
{
	struct message_summary s;
	struct message_claim c = {.id = 5, .epoch = 1}, got;
	struct buffer b;

	start(&b);
	message_put_summary_head(&b.w, true, 2, 8);
	message_put_claim(&b.w, &c);
	cr_assert(message_get_summary(payload_of(&b), &s));
	cr_assert(s.answer);
	cr_assert_eq(s.from, 2);
	cr_assert_eq(s.to, 8);
	cr_assert(message_get_claim(&s.claims, &got));
	cr_assert_eq(got.id, 5);
	wire_put_u8(&b.w, 0);
	cr_assert_not(message_get_summary(payload_of(&b), &s));
}

Test(message, a_sign_of_life_never_gets_younger_on_its_way)
{
	for (uint64_t age = 0; age < 4000; age += 7) {
		struct message_sign sign = {.id = 0x1234567890abcdef, .age_ms = age}, got;
		struct wire_reader r;
		struct buffer b;

		start(&b);
		message_put_sign(&b.w, &sign);
		r = wire_read(payload_of(&b));
		cr_assert(message_get_sign(&r, &got));
		cr_assert_eq(got.id, 0x1234567800000000);
		cr_assert_gt(got.age_ms, age);
		cr_assert_leq(got.age_ms, age + 16);
	}
}

Test(message, a_list_stays_within_one_bucket)
{
	uint64_t hashes[2] = {7, 8};
	struct items_piece piece = {items_place(3), items_place(4) - 1, 2, hashes};
	struct message_list got;
	struct buffer b;

	start(&b);
	cr_assert(message_put_list(&b.w, false, &piece));
	cr_assert(message_get_list(body_of(&b), &got));
	cr_assert_eq(got.piece.n, 2);
	cr_assert_eq(got.piece.hashes[1], 8);
	piece.to = items_place(4);
	start(&b);
	cr_assert(message_put_list(&b.w, false, &piece));
	cr_assert_not(message_get_list(body_of(&b), &got));
}

Test(message, buckets_come_all_at_once)
{
	uint64_t hashes[ITEMS_BUCKETS], got[ITEMS_BUCKETS];
	struct buffer b;

	for (unsigned int i = 0; i < ITEMS_BUCKETS; i++)
		hashes[i] = i * 3;
	start(&b);
	cr_assert(message_put_buckets(&b.w, hashes));
	cr_assert(message_get_buckets(body_of(&b), got));
	cr_assert_eq(memcmp(hashes, got, sizeof(got)), 0);
	cr_assert_not(message_get_buckets(span_of(b.bytes, MESSAGE_BUCKETS_BYTES - 8), got));
}

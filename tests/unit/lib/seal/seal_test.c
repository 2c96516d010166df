#include "seal/seal.h"

#include <criterion/criterion.h>
#include <sodium.h>

#define KEY_A "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="
#define KEY_B "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI="

enum { CLUSTER = 0xc1, ALICE = 0xa, BOB = 0xb, CAROL = 0xc };

static struct seal_ring *ring;
static uint8_t datagram[SEAL_DATAGRAM_MAX], buf[SEAL_PAYLOAD_MAX];
static struct seal_opened opened;

static struct seal_ring *parse(const char *text)
{
	char why[256] = "";
	struct seal_ring *r = seal_ring_parse(span_str(text), "key", why, sizeof(why));

	cr_assert_not_null(r, "%s", why);
	return r;
}

static void init(void)
{
	cr_assert_geq(sodium_init(), 0);
	ring = parse("00000001 " KEY_A " active\n00000002 " KEY_B " standby\n");
}

static void release(void)
{
	seal_ring_free(ring);
}

TestSuite(seal, .init = init, .fini = release);

static size_t box(uint64_t receiver, struct span payload)
{
	struct seal_addresses who = {CLUSTER, ALICE, receiver};

	return seal_box(ring, &who, payload, datagram);
}

static enum seal_refusal open_as(uint64_t self, size_t n)
{
	return seal_open(ring, CLUSTER, self, span_of(datagram, n), buf, &opened);
}

Test(seal, the_receiver_reads_what_was_sealed_to_it)
{
	size_t n = box(BOB, span_str("beat"));

	cr_assert_eq(n, SEAL_HEADER + 4 + SEAL_TAG);
	cr_assert_eq(open_as(BOB, n), SEAL_OPENED);
	cr_assert(span_eq(opened.payload, span_str("beat")));
	cr_assert_eq(opened.sender, ALICE);
	cr_assert_eq(opened.key, 1);
	cr_assert(opened.addressed);
}

Test(seal, another_node_cannot_be_made_to_read_it)
{
	size_t n = box(BOB, span_str("beat"));

	cr_assert_eq(open_as(CAROL, n), SEAL_FORGED);
	datagram[3] ^= 1; /* nor by calling it unaddressed */
	cr_assert_eq(open_as(CAROL, n), SEAL_FORGED);
}

Test(seal, an_unaddressed_one_is_read_by_anybody_and_says_so)
{
	size_t n = box(0, span_str("hello"));

	cr_assert_eq(open_as(CAROL, n), SEAL_OPENED);
	cr_assert_not(opened.addressed);
	cr_assert_eq(open_as(BOB, n), SEAL_OPENED);
}

Test(seal, payloads_from_nothing_to_a_full_datagram)
{
	static uint8_t full[SEAL_PAYLOAD_MAX + 1];
	size_t n = box(BOB, span_of(NULL, 0));

	cr_assert_eq(open_as(BOB, n), SEAL_OPENED);
	cr_assert_eq(opened.payload.n, 0);
	n = box(BOB, span_of(full, SEAL_PAYLOAD_MAX));
	cr_assert_eq(n, SEAL_DATAGRAM_MAX);
	cr_assert_eq(open_as(BOB, n), SEAL_OPENED);
	cr_assert_eq(opened.payload.n, SEAL_PAYLOAD_MAX);
	cr_assert_eq(box(BOB, span_of(full, SEAL_PAYLOAD_MAX + 1)), 0);
}

Test(seal, the_payload_is_not_readable_on_the_wire)
{
	size_t n = box(BOB, span_str("the same secret"));

	for (size_t i = 0; i + 15 <= n; i++)
		cr_assert_neq(memcmp(datagram + i, "the same secret", 15), 0);
}

Test(seal, equal_payloads_look_different)
{
	uint8_t first[SEAL_DATAGRAM_MAX];
	size_t n = box(BOB, span_str("beat"));

	memcpy(first, datagram, n);
	cr_assert_eq(box(BOB, span_str("beat")), n);
	cr_assert_neq(memcmp(first + SEAL_HEADER, datagram + SEAL_HEADER, n - SEAL_HEADER), 0);
}

/* What each byte of the header is, once changed. */
static enum seal_refusal expected_for(size_t byte)
{
	if (byte < 2)
		return SEAL_MAGIC;
	if (byte < 4)
		return SEAL_OTHER_VERSION;
	if (byte < 8)
		return SEAL_UNKNOWN_KEY;
	if (byte < 16)
		return SEAL_CLUSTER;
	return SEAL_FORGED;
}

Test(seal, any_changed_bit_of_any_byte_is_refused)
{
	size_t n = box(BOB, span_str("beat"));

	for (size_t byte = 0; byte < n; byte++)
		for (unsigned bit = 0; bit < 8; bit++) {
			enum seal_refusal cause, expected = expected_for(byte);

			if (byte == 3 && bit == 0)
				expected = SEAL_FORGED; /* the flag: unaddressed now */
			if (byte == 7 && (bit == 0 || bit == 1))
				continue; /* another key of the ring: the next test */
			datagram[byte] ^= (uint8_t)(1u << bit);
			cause = open_as(BOB, n);
			datagram[byte] ^= (uint8_t)(1u << bit);
			cr_assert_eq(cause, expected, "byte %zu bit %u: %s", byte, bit,
				seal_refusal_word(cause));
		}
	cr_assert_eq(open_as(BOB, n), SEAL_OPENED);
}

Test(seal, the_key_id_is_authenticated_even_under_the_same_key)
{
	struct seal_ring *twins = parse("00000001 " KEY_A " active\n00000002 " KEY_A " standby\n");
	size_t n = box(BOB, span_str("beat"));

	datagram[7] = 2;
	cr_assert_eq(open_as(BOB, n), SEAL_FORGED);
	cr_assert_eq(
		seal_open(twins, CLUSTER, BOB, span_of(datagram, n), buf, &opened), SEAL_FORGED);
	seal_ring_free(twins);
}

Test(seal, any_length_that_is_not_the_whole_is_refused)
{
	size_t n = box(BOB, span_str("beat"));

	for (size_t cut = 0; cut < n; cut++)
		cr_assert_eq(open_as(BOB, cut),
			cut < SEAL_HEADER + SEAL_TAG ? SEAL_LENGTH : SEAL_FORGED);
	datagram[n] = 0;
	cr_assert_eq(open_as(BOB, n + 1), SEAL_FORGED);
}

Test(seal, one_that_is_too_long_is_not_looked_at)
{
	uint8_t longer[SEAL_DATAGRAM_MAX + 1] = {0};

	cr_assert_eq(seal_open(ring, CLUSTER, BOB, span_of(longer, sizeof(longer)), buf, &opened),
		SEAL_LENGTH);
}

Test(seal, another_clusters_datagrams_are_told_apart_before_any_key)
{
	size_t n = box(BOB, span_str("beat"));

	datagram[7] = 99; /* a key nobody has */
	cr_assert_eq(seal_open(ring, CLUSTER + 1, BOB, span_of(datagram, n), buf, &opened),
		SEAL_CLUSTER);
}

Test(seal, a_standby_key_is_accepted_and_the_active_one_sends)
{
	struct seal_ring *next = parse("00000001 " KEY_A " standby\n00000002 " KEY_B " active\n");
	struct seal_addresses who = {CLUSTER, ALICE, BOB};
	size_t n = seal_box(next, &who, span_str("beat"), datagram);

	seal_ring_free(next);
	cr_assert_eq(open_as(BOB, n), SEAL_OPENED);
	cr_assert_eq(opened.key, 2);
}

Test(seal, a_key_that_was_removed_opens_nothing)
{
	struct seal_ring *without = parse("00000002 " KEY_B " active\n");
	size_t n = box(BOB, span_str("beat"));

	cr_assert_eq(seal_open(without, CLUSTER, BOB, span_of(datagram, n), buf, &opened),
		SEAL_UNKNOWN_KEY);
	seal_ring_free(without);
}

Test(seal, our_own_packet_come_back_is_known)
{
	cr_assert_eq(open_as(ALICE, box(0, span_str("hello"))), SEAL_OWN_ID);
	cr_assert_eq(open_as(ALICE, box(ALICE, span_str("hello"))), SEAL_OWN_ID);
}

Test(seal, causes_have_words)
{
	cr_assert_str_eq(seal_refusal_word(SEAL_LENGTH), "length");
	cr_assert_str_eq(seal_refusal_word(SEAL_OTHER_VERSION), "version");
	cr_assert_str_eq(seal_refusal_word(SEAL_UNKNOWN_KEY), "unknown_key");
	cr_assert_str_eq(seal_refusal_word(SEAL_OWN_ID), "own_id");
}

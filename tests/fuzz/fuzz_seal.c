/* lib/seal: no datagram that we did not seal is opened, whatever its bytes; what we sealed is opened
 * by its receiver alone, and by nobody once one bit is changed; and no text makes the key file's
 * reader fall over.
 *
 * Input: the first byte says what the rest is: a key file (0), a datagram (1), or a payload (2) with
 * the place of the bit to change in its first two bytes. */
#include "base/bug.h"
#include "base/wire.h"
#include "seal/seal.h"

#include <sodium.h>

enum { CLUSTER = 0xc1, ALICE = 0xa, BOB = 0xb, CAROL = 0xc };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char file[] = "00000001 QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE= active\n"
			   "00000002 QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI= standby\n";

static void check_file(struct span text)
{
	char why[200] = "";
	struct seal_ring *ring = seal_ring_parse(text, "file", why, sizeof(why));

	BUG_ON(!ring && strncmp(why, "file:", 5) != 0);
	if (!ring)
		return;
	BUG_ON(seal_ring_count(ring) == 0 || seal_ring_count(ring) > SEAL_KEYS_MAX);
	BUG_ON(!seal_ring_holds(ring, seal_ring_active(ring)));
	BUG_ON(!seal_ring_equal(ring, ring));
	seal_ring_free(ring);
}

static enum seal_refusal open_as(
	const struct seal_ring *ring, uint64_t self, struct span datagram, struct seal_opened *ret)
{
	static uint8_t buf[SEAL_PAYLOAD_MAX];

	return seal_open(ring, CLUSTER, self, datagram, buf, ret);
}

/* Nobody has these keys but us: 2^128 to 1 that it is none of ours. */
static void check_stranger(const struct seal_ring *ring, struct span datagram)
{
	struct seal_opened opened;

	BUG_ON(open_as(ring, BOB, datagram, &opened) == SEAL_OPENED);
}

static void check_ours(const struct seal_ring *ring, struct span input)
{
	struct wire_reader r = wire_read(input);
	uint16_t place = wire_u16(&r);
	struct span payload = wire_bytes(&r, wire_left(&r));
	struct seal_addresses who = {CLUSTER, ALICE, BOB};
	uint8_t datagram[SEAL_DATAGRAM_MAX];
	size_t n = seal_box(ring, &who, payload, datagram);
	struct seal_opened opened;

	BUG_ON((n == 0) != (payload.n > SEAL_PAYLOAD_MAX));
	if (n == 0)
		return;
	BUG_ON(open_as(ring, BOB, span_of(datagram, n), &opened) != SEAL_OPENED);
	BUG_ON(!span_eq(opened.payload, payload) || opened.sender != ALICE || !opened.addressed);
	BUG_ON(open_as(ring, CAROL, span_of(datagram, n), &opened) != SEAL_FORGED);
	datagram[place / 8 % n] ^= (uint8_t)(1u << place % 8);
	BUG_ON(open_as(ring, BOB, span_of(datagram, n), &opened) == SEAL_OPENED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct seal_ring *ring;
	char why[200];

	if (!ring) {
		BUG_ON(sodium_init() < 0);
		ring = seal_ring_parse(span_str(file), "file", why, sizeof(why));
		BUG_ON(!ring);
	}
	if (size == 0)
		return 0;
	switch (data[0]) {
	case 0:
		check_file(span_of(data + 1, size - 1));
		break;
	case 1:
		check_stranger(ring, span_of(data + 1, size - 1));
		break;
	default:
		check_ours(ring, span_of(data + 1, size - 1));
	}
	return 0;
}

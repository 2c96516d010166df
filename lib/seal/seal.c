#include "seal/seal.h"

#include "base/bug.h"
#include "base/wire.h"

#include <sodium.h>

enum {
	MAGIC = 0xae91,
	FLAG_UNADDRESSED = 0x01,
	NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
	RECEIVER = 8, /* bytes of the receiver's id: authenticated behind the header, not sent */
};

_Static_assert(SEAL_KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "a key");
_Static_assert(SEAL_TAG == crypto_aead_xchacha20poly1305_ietf_ABYTES, "a tag");
_Static_assert(SEAL_HEADER == 2 + 1 + 1 + 4 + 8 + 8 + NONCE, "a header");

const char *seal_refusal_word(enum seal_refusal cause)
{
	static const char *const words[SEAL_REFUSALS] = {"opened", "length", "magic", "version",
		"cluster", "unknown_key", "forged", "own_id"};

	BUG_ON((unsigned)cause >= SEAL_REFUSALS);
	return words[cause];
}

/* What is authenticated beside the payload: the header as it is sent, and the receiver's id. */
struct bound {
	uint8_t bytes[SEAL_HEADER + RECEIVER];
};

static void bind_receiver(struct bound *bound, const uint8_t header[SEAL_HEADER], uint64_t receiver)
{
	struct wire_writer w = wire_write(bound->bytes, sizeof(bound->bytes));

	wire_put_bytes(&w, span_of(header, SEAL_HEADER));
	wire_put_u64(&w, receiver);
}

size_t seal_box(const struct seal_ring *ring, const struct seal_addresses *who, struct span payload,
	uint8_t ret_datagram[SEAL_DATAGRAM_MAX])
{
	struct wire_writer w = wire_write(ret_datagram, SEAL_HEADER);
	uint32_t id = seal_ring_active(ring);
	struct bound bound;
	uint8_t nonce[NONCE];

	if (payload.n > SEAL_PAYLOAD_MAX)
		return 0;
	randombytes_buf(nonce, sizeof(nonce));
	wire_put_u16(&w, MAGIC);
	wire_put_u8(&w, SEAL_VERSION);
	wire_put_u8(&w, who->receiver ? 0 : FLAG_UNADDRESSED);
	wire_put_u32(&w, id);
	wire_put_u64(&w, who->cluster);
	wire_put_u64(&w, who->sender);
	wire_put_bytes(&w, span_of(nonce, sizeof(nonce)));
	bind_receiver(&bound, ret_datagram, who->receiver);
	crypto_aead_xchacha20poly1305_ietf_encrypt(ret_datagram + SEAL_HEADER, NULL, payload.p,
		payload.n, bound.bytes, sizeof(bound.bytes), NULL, nonce, seal_ring_key(ring, id));
	return SEAL_HEADER + payload.n + SEAL_TAG;
}

enum { NONCE_AT = SEAL_HEADER - NONCE };

struct header {
	uint8_t flags;
	uint32_t key;
	uint64_t sender;
};

/* All that can be refused before any cryptography. */
static enum seal_refusal read_header(uint64_t cluster, struct span datagram, struct header *ret)
{
	struct wire_reader r = wire_read(datagram);

	if (datagram.n < SEAL_HEADER + SEAL_TAG || datagram.n > SEAL_DATAGRAM_MAX)
		return SEAL_LENGTH;
	if (wire_u16(&r) != MAGIC)
		return SEAL_MAGIC;
	if (wire_u8(&r) != SEAL_VERSION)
		return SEAL_OTHER_VERSION;
	ret->flags = wire_u8(&r);
	if (ret->flags & ~FLAG_UNADDRESSED)
		return SEAL_OTHER_VERSION;
	ret->key = wire_u32(&r);
	if (wire_u64(&r) != cluster)
		return SEAL_CLUSTER;
	ret->sender = wire_u64(&r);
	return SEAL_OPENED;
}

enum seal_refusal seal_open(const struct seal_ring *ring, uint64_t cluster, uint64_t self,
	struct span datagram, uint8_t buf[SEAL_PAYLOAD_MAX], struct seal_opened *ret)
{
	struct header h;
	enum seal_refusal cause = read_header(cluster, datagram, &h);
	const uint8_t *key;
	struct bound bound;
	size_t n;

	if (cause != SEAL_OPENED)
		return cause;
	key = seal_ring_key(ring, h.key);
	if (!key)
		return SEAL_UNKNOWN_KEY;
	bind_receiver(&bound, datagram.p, h.flags & FLAG_UNADDRESSED ? 0 : self);
	n = datagram.n - SEAL_HEADER;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(buf, NULL, NULL, datagram.p + SEAL_HEADER, n,
		    bound.bytes, sizeof(bound.bytes), datagram.p + NONCE_AT, key) != 0)
		return SEAL_FORGED;
	if (h.sender == self)
		return SEAL_OWN_ID;
	*ret = (struct seal_opened){
		h.sender, h.key, !(h.flags & FLAG_UNADDRESSED), span_of(buf, n - SEAL_TAG)};
	return SEAL_OPENED;
}

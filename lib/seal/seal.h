/* Sealed datagrams between the nodes of a cluster: XChaCha20-Poly1305-IETF (libsodium) under the keys of one file, so
 * that only who holds a key can say or read anything, and a captured packet cannot be pointed at another node. What a
 * holder of a key says is believed: a key is the whole of the cluster's trust.
 *
 * One datagram: a clear header of 48 bytes, all of it authenticated, then the encrypted payload and a tag of 16.
 *
 *	magic u16 | version u8 | flags u8 | key id u32 | cluster u64 | sender u64 | nonce 24
 *
 * Authenticated but not sent: the receiver's id, 0 with the flag UNADDRESSED, where a node does not know yet who will
 * read it. Nonces are random: no counter to lose when a machine's snapshot comes back. Replays are the receiver's
 * business, who knows the sessions. sodium_init() comes first. No state but the ring; one thread a ring. */
#ifndef SEAL_SEAL_H
#define SEAL_SEAL_H

#include "base/span.h"
#include "seal/ring.h"

enum {
	SEAL_HEADER = 48,
	SEAL_TAG = 16,
	SEAL_DATAGRAM_MAX = 1400, /* never fragmented on the way, tunnels included */
	SEAL_PAYLOAD_MAX = SEAL_DATAGRAM_MAX - SEAL_HEADER - SEAL_TAG,
	SEAL_VERSION = 1,
};

/* Why a datagram was not opened, in the order in which it is looked at: what costs least comes first. */
enum seal_refusal {
	SEAL_OPENED = 0,
	SEAL_LENGTH,	    /* shorter than header and tag, or longer than SEAL_DATAGRAM_MAX */
	SEAL_MAGIC,	    /* not one of ours at all */
	SEAL_OTHER_VERSION, /* another version of the header, or a flag we do not know */
	SEAL_CLUSTER,	    /* of another cluster */
	SEAL_UNKNOWN_KEY,   /* we hold no key of that id */
	SEAL_FORGED,	    /* wrong key, changed on the way, or sealed to another node */
	SEAL_OWN_ID, /* genuine, but its sender's id is ours: our own packet come back, or two nodes of one name */
	SEAL_REFUSALS
};

/* The word of a cause for metrics and logs: "length", "magic", "version", "cluster", "unknown_key", "forged", "own_id". */
const char *seal_refusal_word(enum seal_refusal cause);

struct seal_addresses {
	uint64_t cluster;
	uint64_t sender;
	uint64_t receiver; /* 0: unaddressed, whoever is there may read it */
};

/* Seals with the ring's active key. Returns the datagram's length; 0 where the payload is above SEAL_PAYLOAD_MAX. */
size_t seal_box(const struct seal_ring *ring, const struct seal_addresses *who, struct span payload,
	uint8_t ret_datagram[SEAL_DATAGRAM_MAX]);

struct seal_opened {
	uint64_t sender;
	uint32_t key;	/* the id of the key it was sealed with */
	bool addressed; /* sealed to our id, not to whoever is there */
	struct span payload;
};

/* Opens what came from the network for node `self` of `cluster`. SEAL_OPENED: `ret` is filled in, and its payload
 * stands in `buf`. Otherwise the cause, and nothing that the caller may look at was written. */
enum seal_refusal seal_open(const struct seal_ring *ring, uint64_t cluster, uint64_t self,
	struct span datagram, uint8_t buf[SEAL_PAYLOAD_MAX], struct seal_opened *ret);

#endif

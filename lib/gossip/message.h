/* The payload of a gossip datagram: who numbered it, then TLVs. This file knows the bytes and nothing of what they
 * mean; doc/protocol.md describes them one by one. Decoders borrow from the payload, and refuse bodies that are too
 * short, too long or hold what cannot be; encoders write all of a TLV or nothing. The bodies of records and items are
 * in records.h and items.h. Pure; any thread. */
#ifndef GOSSIP_MESSAGE_H
#define GOSSIP_MESSAGE_H

#include "base/span.h"
#include "base/wire.h"
#include "gossip/gossip.h"

enum {
	MESSAGE_HEAD = 16,
	MESSAGE_BODY_MAX = GOSSIP_PAYLOAD_MAX - MESSAGE_HEAD,
	MESSAGE_TLV_HEAD = 3,
	MESSAGE_NONCE = 16,
	MESSAGE_SELF_MAX = 27 + GOSSIP_NAME_MAX + GOSSIP_VERSION_MAX,
	MESSAGE_MEMBER_MAX = 15 + MESSAGE_SELF_MAX,
	MESSAGE_VOTERS_MAX = 16, /* of one accused, in one TLV */
	MESSAGE_CLAIM_BYTES = 19,
	MESSAGE_SIGN_BYTES = 5,
	MESSAGE_BUCKETS_BYTES = 8 * ITEMS_BUCKETS,
	MESSAGE_LIST_MAX = 128, /* hashes in one list */
};

/* A receiver that does not know a type skips it, unless this bit is set: then it drops the whole packet. */
enum { MESSAGE_CRITICAL = 0x80 };

enum message_type {
	MESSAGE_BEAT = 0x01,
	MESSAGE_CHALLENGE = 0x02,
	MESSAGE_ECHO = 0x03,
	MESSAGE_SELF = 0x04,
	MESSAGE_MEMBER = 0x05,
	MESSAGE_VOTES = 0x06,
	MESSAGE_DEATHS = 0x07,
	MESSAGE_SUMMARY = 0x08,
	MESSAGE_FORGET = 0x09,
	MESSAGE_DIRECT = 0x0a,
	MESSAGE_VITALS = 0x0b,
	MESSAGE_RECORD = 0x10,
	MESSAGE_DIGEST = 0x11,
	MESSAGE_WANT = 0x12,
	MESSAGE_ITEM = 0x18,
	MESSAGE_BUCKETS = 0x19,
	MESSAGE_LIST = 0x1a,
};

/* Epochs take 48 bits, sequence numbers 62: nobody gets there by counting. */
#define MESSAGE_EPOCH_MAX ((UINT64_C(1) << 48) - 1)
#define MESSAGE_SEQUENCE_MAX ((UINT64_C(1) << 62) - 1)

bool message_epoch_is_good(uint64_t epoch);

struct message_head {
	uint64_t epoch, sequence;
};

struct message_tlv {
	uint8_t type;
	struct span body;
};

/* Checks head and framing to the last byte, and that no unknown TLV is critical. True: message_next() gives every TLV
 * from the reader. */
bool message_open(struct span payload, struct message_head *ret, struct wire_reader *ret_tlvs);
bool message_next(struct wire_reader *tlvs, struct message_tlv *ret);

void message_put_head(struct wire_writer *w, const struct message_head *head);

/* Writes a TLV around what is put in between. message_end() takes all of it back if there was no room: false. */
uint8_t *message_begin(struct wire_writer *w, enum message_type type);
bool message_end(struct wire_writer *w, uint8_t *begun);

static inline size_t message_room(const struct wire_writer *w)
{
	return (size_t)(w->end - w->p);
}

enum message_beat_flag {
	BEAT_LAGGING = 1, /* casts no votes */
	BEAT_LEFT = 2,
	BEAT_PROBE = 4, /* wants a beat back at once */
};

enum { BEAT_NEVER_HEARD = 0xffff };

struct message_beat {
	uint8_t flags;
	uint32_t incarnation;
	uint16_t
		heard_ms; /* since the sender last heard the receiver; BEAT_NEVER_HEARD: longer, never */
	uint32_t stamp; /* the sender's clock, microseconds */
	uint32_t echo,
		hold; /* the receiver's last stamp, and how long ago it came, microseconds; 0, 0: none */
	uint64_t members, records, items; /* hashes of what the sender holds */
};

struct message_challenge {
	uint8_t nonce[MESSAGE_NONCE];
	uint64_t to_epoch;    /* of the packet that this answers; 0: none did */
	uint64_t known_epoch; /* the receiver's latest that the sender knows; 0: none */
	uint64_t known_sequence;
};

/* What a node is, as far as members pass it on. */
struct message_self {
	uint8_t speaks_min, speaks_max;
	bool balancer;
	uint32_t incarnation;
	struct gossip_addr addr;
	struct span name, version;
};

enum message_state { CLAIM_ALIVE = 0, CLAIM_DEAD = 1, CLAIM_LEFT = 2 };

/* What is said of a member: the higher epoch wins, then the higher incarnation, then the higher state. */
struct message_claim {
	uint64_t id, epoch;
	uint32_t incarnation;
	enum message_state state;
};

/* Below, at or above 0: which of two claims about one node wins. */
int message_claim_compare(const struct message_claim *a, const struct message_claim *b);

struct message_vote {
	uint64_t voter;
	uint16_t age_ms; /* since the voter said so */
};

struct message_votes {
	uint64_t accused, epoch;
	size_t n;
	struct message_vote votes[MESSAGE_VOTERS_MAX];
};

/* All that the sender knows of ids from `from` to `to`, both included; claims follow in the order of ids. */
struct message_summary {
	bool answer; /* to a summary, so not to be answered by one */
	uint64_t from, to;
	struct wire_reader claims;
};

/* When somebody last heard a member. On the wire only the first 32 bits of the id, and 16 ms to the unit of age, rounded
 * up: `id` comes back with zeros below. */
struct message_sign {
	uint64_t id, age_ms;
};

struct message_direct {
	uint8_t kind;
	struct span value;
};

struct message_list {
	bool answer;
	struct items_piece piece; /* its hashes stand in `hashes` */
	uint64_t hashes[MESSAGE_LIST_MAX];
};

/* --- message.c: beats, sessions, members --- */

bool message_put_beat(struct wire_writer *w, const struct message_beat *b);
bool message_get_beat(struct span body, struct message_beat *ret);
bool message_put_challenge(struct wire_writer *w, const struct message_challenge *c);
bool message_get_challenge(struct span body, struct message_challenge *ret);
bool message_put_echo(struct wire_writer *w, const uint8_t nonce[MESSAGE_NONCE]);
bool message_get_echo(struct span body, uint8_t ret_nonce[MESSAGE_NONCE]);
bool message_put_self(struct wire_writer *w, const struct message_self *s);
bool message_get_self(struct span body, struct message_self *ret);
/* The incarnation of a member stands in both, and is one. */
bool message_put_member(
	struct wire_writer *w, const struct message_claim *claim, const struct message_self *s);
bool message_get_member(struct span body, struct message_claim *ret, struct message_self *ret_self);

/* --- message_state.c: what is said of others, and what is shared --- */

/* Inside VOTES: one accused after the other. */
void message_put_votes(struct wire_writer *w, const struct message_votes *v);
bool message_get_votes(struct wire_reader *r, struct message_votes *ret);
/* Inside DEATHS and behind the head of SUMMARY. */
void message_put_claim(struct wire_writer *w, const struct message_claim *c);
bool message_get_claim(struct wire_reader *r, struct message_claim *ret);
/* Inside VITALS. */
void message_put_sign(struct wire_writer *w, const struct message_sign *s);
bool message_get_sign(struct wire_reader *r, struct message_sign *ret);
void message_put_summary_head(struct wire_writer *w, bool answer, uint64_t from, uint64_t to);
bool message_get_summary(struct span body, struct message_summary *ret);

bool message_put_forget(struct wire_writer *w, uint64_t id, uint64_t epoch);
bool message_get_forget(struct span body, uint64_t *ret_id, uint64_t *ret_epoch);
bool message_put_direct(struct wire_writer *w, uint8_t kind, struct span value);
bool message_get_direct(struct span body, struct message_direct *ret);
bool message_put_buckets(struct wire_writer *w, const uint64_t hashes[ITEMS_BUCKETS]);
bool message_get_buckets(struct span body, uint64_t ret[ITEMS_BUCKETS]);
bool message_put_list(struct wire_writer *w, bool answer, const struct items_piece *piece);
/* ret->piece.hashes points at ret->hashes: the struct must not be moved. */
bool message_get_list(struct span body, struct message_list *ret);

#endif

/* A map that all nodes share: the last writer of a key wins. Items have no owner; any node may
 * write one, and any node repairs any other. A write is stamped by a hybrid logical clock (Kulkarni
 * et al. 2014) of the item: the wall clock's milliseconds, but always above the stamp that it
 * replaces, so that a wrong clock cannot make a later command lose on the node where it is given.
 * Equal stamps: the higher node id wins, then the deletion, then the higher value. A deleted key stays as a
 * tombstone. An item may have a lifetime: every node turns it into a tombstone by itself, of the same
 * stamp; what goes over the wire is the time that remains, for clocks may be a day apart.
 *
 * Bounds. A node writes up to `live_max` living items; a new key beyond is refused (ITEMS_FULL).
 * Twice as many are taken from others, because each side of a split may have filled its own. Beside
 * them the `tombstones_max` newest tombstones are held, the oldest go first, and one that is older
 * than all of a full set is not taken: so nodes agree on which ones to keep. A key can come back
 * from the dead only by a node that was away for that many deletions.
 *
 * Repair: nodes with an equal items_hash() hold the same. Otherwise they compare the hashes of 64
 * buckets, and of a bucket that differs the hashes of its items (items_list, in pieces); the other
 * side sends what is not in the list (items_unlisted), and does the same the other way round.
 *
 * Hashes are SipHash-2-4 with a fixed key: all nodes must agree on them, and outsiders can choose
 * keys (addresses that get banned), so something that can be steered (FNV, CRC) would let them hide
 * a difference. They are summed, and contain the
 * stamp and the value, not the lifetime. Nothing is looked up in a
 * hash table, so chosen keys cost no time: the items stand sorted.
 *
 * Pure: no clock, no randomness, no I/O; not thread-safe. */
#ifndef GOSSIP_ITEMS_H
#define GOSSIP_ITEMS_H

#include "base/mono.h"
#include "base/span.h"
#include "base/wire.h"

enum {
	ITEMS_KEY_MAX = 255,   /* bytes of a key */
	ITEMS_BYTES_MAX = 480, /* of a key and its value together */
	ITEMS_BUCKETS = 64,
	ITEMS_LIVE_DEFAULT = 16384,
	ITEMS_TOMBSTONES_DEFAULT = 16384,
	/* On the wire, behind a TLV's head of 3 bytes: no item is longer than 512 with it. */
	ITEM_HEAD_BYTES = 26,
	ITEM_BYTES_MAX = ITEM_HEAD_BYTES + ITEMS_BYTES_MAX,
};

/* Stamps further ahead of the wall clock than this are refused. */
#define ITEMS_AHEAD_MAX_MS (UINT64_C(365) * 24 * 3600 * 1000)

enum items_status {
	ITEMS_TAKEN,
	ITEMS_KNOWN,	      /* this or something newer was here already, or is too old to keep */
	ITEMS_TOO_LONG = -1,  /* key, or key and value; or the key is empty */
	ITEMS_FULL = -2,      /* a new key, and no room; nothing changed */
	ITEMS_AHEAD = -3,     /* stamped more than a year ahead; nothing changed */
	ITEMS_NO_MEMORY = -4, /* nothing changed */
};

struct item {
	uint8_t kind;
	struct span key;
	struct span value; /* empty: a tombstone */
	uint64_t stamp;	   /* milliseconds, about wall time */
	uint64_t node;	   /* who wrote it */
	struct mono until; /* end of its life; 0: none */
};

struct items_limits {
	size_t live_max, tombstones_max;
};

struct items;

/* NULL: out of memory. `self` is the node id that writes carry. */
struct items *items_new(uint64_t self, const struct items_limits *limits);
void items_free(struct items *s); /* NULL is allowed */

/* Writes an item; an empty value deletes, also what is not known here. On ITEMS_TAKEN gives what to
 * push. Every span of an item that is given out is borrowed until the next change. */
enum items_status items_set(
	struct items *s, uint64_t wall_ms, const struct item *write, struct item *ret);

/* Takes an item from elsewhere; items_load one from this node's own disk, which is never ahead. */
enum items_status items_merge(struct items *s, uint64_t wall_ms, const struct item *item);
enum items_status items_load(struct items *s, const struct item *item);

/* Turns an item whose life has ended into a tombstone and gives it; call until false. */
bool items_expire(struct items *s, struct mono now, struct item *ret);
struct mono items_deadline(const struct items *s); /* when that is next to be called */

/* True also for a tombstone. */
bool items_find(const struct items *s, uint8_t kind, struct span key, struct item *ret);

/* All items with their tombstones, 0 <= i < items_count(), in the order of buckets; a bucket's are
 * those from items_bucket(b) to before items_bucket(b + 1). */
size_t items_count(const struct items *s);
size_t items_live(const struct items *s);
void items_at(const struct items *s, size_t i, struct item *ret);
size_t items_bucket(const struct items *s, unsigned int bucket); /* 0 … ITEMS_BUCKETS */

uint64_t items_hash(const struct items *s);
uint64_t items_bucket_hash(const struct items *s, unsigned int bucket);

/* What one node has of a bucket: a piece of it from the place `from` to the place `to`, both
 * included. A bucket b begins at the place items_place(b) and ends before items_place(b + 1). */
struct items_piece {
	uint64_t from, to;
	size_t n;
	const uint64_t *hashes;
};

static inline uint64_t items_place(unsigned int bucket)
{
	return (uint64_t)bucket << 58;
}

/* Lists the next piece of the bucket that `from` lies in, into `hashes` with room for max; a piece
 * whose `to` ends the bucket is its last, otherwise go on from to + 1. */
void items_list(const struct items *s, uint64_t from, uint64_t *hashes, size_t max,
	struct items_piece *ret);

/* The items that the sender of a piece does not hold as they are held here: call with *i = 0, until
 * false. Takes n steps an item: keep pieces short (128). */
bool items_unlisted(
	const struct items *s, const struct items_piece *piece, size_t *i, struct item *ret);

/* Whether all that the piece lists is held here: if not, the sender has something to give. */
bool items_hold(const struct items *s, const struct items_piece *piece);

/* The body of a TLV, with the time that remains from `now` on. Spans of a decoded item are borrowed
 * from it. Malformed: shorter than it says, an empty key, longer than the limits, node 0. */
void item_encode(struct wire_writer *w, struct mono now, const struct item *item);
bool item_decode(struct span body, struct mono now, struct item *ret);

#endif

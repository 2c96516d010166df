/* Versioned records: what each node says about itself, held by everyone (Scuttlebutt: van Renesse
 * et al. 2008). Only its origin writes a record; every write takes the origin's next version, so
 * that one number says how much of an origin a node has: every record that is current at or below
 * it. Versions run within an epoch; a higher epoch of an origin (it started again) replaces all its
 * older records at once, whatever their versions.
 *
 * Repair: two nodes whose records_hash() is equal hold the same. Otherwise they exchange entries
 * (records_digest) and compare (records_compare); who is behind asks with the entry it has, and the
 * answer is walked in pieces of any size, each record for itself:
 *
 *	for (e = asked; room && records_after(r, &e, &record); e.version = record.version)
 *		record_encode(&writer, &record);
 *
 * A record says which version came before it, so that one that was pushed or overtook others is
 * used at once and still leaves a gap to be asked for. Anyone may pass on anyone's records: a dead
 * origin's stay until it is forgotten. (Where entries are equal and the origin is dead, nodes may
 * still differ in records that it was writing as it died.)
 *
 * Pure: no clock, no randomness, no I/O; not thread-safe. Bounded: 256 origins of 256 records of
 * 480 bytes. Who may be an origin at all (members, not those forgotten) is for the caller to ask
 * before records_merge() and records_compare(). */
#ifndef GOSSIP_RECORDS_H
#define GOSSIP_RECORDS_H

#include "base/span.h"
#include "base/wire.h"

enum {
	RECORDS_VALUE_MAX = 480,   /* bytes of one value */
	RECORDS_KEYS_MAX = 256,	   /* records of one origin, withdrawn ones included */
	RECORDS_ORIGINS_MAX = 256, /* this node included */
	RECORDS_DIGEST_MAX = 32,   /* entries that one digest should carry at most */
	/* On the wire, behind a TLV's head of 3 bytes: no record is longer than 512 with it. */
	RECORD_HEAD_BYTES = 28,
	RECORD_BYTES_MAX = RECORD_HEAD_BYTES + RECORDS_VALUE_MAX,
	RECORDS_ENTRY_BYTES = 20,
};

/* Epochs and versions take 48 bits on the wire: milliseconds for 8,900 years. */
#define RECORDS_NUMBER_MAX ((UINT64_C(1) << 48) - 1)

enum records_status {
	RECORDS_TAKEN,		/* something changed, and `changed` was told what */
	RECORDS_KNOWN,		/* this or something newer was here already */
	RECORDS_OWN_AHEAD,	/* others hold more of this node's own than it does: it lost its
				 * state, and has to go on with a higher epoch (records_restart) */
	RECORDS_TOO_LONG = -1,	/* value or number */
	RECORDS_FULL = -2,	/* one of the limits above */
	RECORDS_NO_MEMORY = -3, /* nothing changed; it will be asked for again */
};

/* How much of one origin a node has. */
struct records_entry {
	uint64_t origin, epoch, version;
};

struct record {
	uint64_t origin, epoch;
	uint64_t version;
	uint64_t after; /* the version of the origin's current record before it, 0: none */
	uint16_t key;
	struct span value; /* empty: withdrawn */
};

struct records;

/* Told of every record that changed or ceased (withdrawn, of an older epoch, or of an origin that
 * was forgotten); it may read, not write. */
typedef void records_changed_cb(void *arg, uint64_t origin, uint16_t key);

/* NULL: out of memory. `self` with `epoch` is an origin from the start. */
struct records *records_new(uint64_t self, uint64_t epoch, records_changed_cb *changed, void *arg);
void records_free(struct records *r); /* NULL is allowed */

/* Writes this node's record and gives what to push, borrowed until the next change. RECORDS_KNOWN:
 * it says so already, there is nothing to push. `changed` is not told. */
enum records_status records_publish(
	struct records *r, uint16_t key, struct span value, struct record *ret);

/* This node goes on with a higher epoch; it keeps what it says, everyone else drops and asks again. */
void records_restart(struct records *r, uint64_t epoch);

/* The next process of this node goes on with this epoch: what was published is dropped, and what the earlier one had is
 * restored in the order of versions. Nobody is told. */
void records_resume(struct records *r, uint64_t epoch);
enum records_status records_restore(struct records *r, const struct record *record);

/* Takes a record from elsewhere. */
enum records_status records_merge(struct records *r, const struct record *record);

/* Drops all that is held of an origin; not this node's own. */
void records_forget(struct records *r, uint64_t origin);

/* The value of a record; empty if there is none. Borrowed until the next change. */
struct span records_value(const struct records *r, uint64_t origin, uint16_t key);

/* The record of this origin with the lowest key at or above `key`, withdrawn ones left out. */
bool records_next(const struct records *r, uint64_t origin, uint32_t key, struct record *ret);

/* Over all entries: equal where the same is held. Cheap enough for every beat. */
uint64_t records_hash(const struct records *r);

/* Has the digest say of this origin, too, that nothing is held of it: so that others send at once what
 * would have to be asked for. */
void records_expect(struct records *r, uint64_t origin);

/* Up to n entries, going on where the last call left off, so that every origin has its turn. */
size_t records_digest(struct records *r, struct records_entry *ret, size_t n);

enum records_difference {
	RECORDS_EQUAL,
	RECORDS_BEHIND, /* ask for what comes after the entry returned (a newer epoch: version 0) */
	RECORDS_AHEAD,	/* they will ask; or push what comes after their entry */
	RECORDS_SELF,	/* their entry of this node is ahead of it: as RECORDS_OWN_AHEAD */
};

/* Another node's entry against what is held; an unknown origin is RECORDS_BEHIND. Gives the entry
 * to ask with, or to answer from, in `ret`. A newer epoch drops the older one's records at once. */
enum records_difference records_compare(
	struct records *r, const struct records_entry *theirs, struct records_entry *ret);

/* The next record after an entry in the order of versions; false at the end, for an origin that is
 * unknown and for an entry of a newer epoch. An entry of an older epoch is answered from the start. */
bool records_after(const struct records *r, const struct records_entry *entry, struct record *ret);

/* Bodies of TLVs. The value of a decoded record is borrowed from the body. Malformed: too short,
 * too long, origin 0, or `after` not below the version. */
void record_encode(struct wire_writer *w, const struct record *record);
bool record_decode(struct span body, struct record *ret);
void records_entry_encode(struct wire_writer *w, const struct records_entry *entry);
bool records_entry_decode(struct wire_reader *r, struct records_entry *ret); /* several in a row */

#endif

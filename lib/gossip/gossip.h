/* The members of a cluster: who is there, who died, what each says of itself, and one map that all share. A node beats
 * to its observers (everybody up to nine nodes, else eight neighbours by hash rings); a node that a majority of its
 * live observers have not heard for `silent_ms` is dead (observed heartbeats, as in Rapid: Suresh et al. 2018), and what
 * is said by third parties is ordered by epochs and incarnations (SWIM: Das et al. 2002; Lifeguard: Dadgar et al. 2018).
 * Source on the wire: doc/protocol.md.
 *
 * Pure: packets that were opened, time and one seed come in; packets to seal, events and a deadline come out. The
 * caller drains both after every call that goes in:
 *
 *	gossip_input(g, t, &from, sender, addressed, payload);      or gossip_tick(), gossip_publish() …
 *	while (gossip_output(g, t, &packet))	seal and send it
 *	while (gossip_event(g, &event))		act on it
 *	arm one timer for gossip_deadline(g)
 *
 * Bounds: GOSSIP_MEMBERS_MAX members of about 1.5 KiB each, the records (records.h) and items (items.h), and queues
 * that hold what one call brings. A sender without a session, genuine or not, gets no memory: it is answered with a
 * challenge, at a limited rate, that is the same for everyone. Running out of memory loses news that are repaired later.
 * Not thread-safe; several instances do not know of each other. */
#ifndef GOSSIP_GOSSIP_H
#define GOSSIP_GOSSIP_H

#include "base/mono.h"
#include "base/span.h"
#include "gossip/items.h"
#include "gossip/records.h"

enum {
	GOSSIP_PAYLOAD_MAX = 1336, /* a datagram of 1400 bytes without its seal of 64 */
	GOSSIP_MEMBERS_MAX = 256,  /* this node, the dead and those that left included */
	GOSSIP_PEERS_MAX = 256,	   /* addresses in the configuration */
	GOSSIP_NAME_MAX = 63,	   /* bytes of a node's name */
	GOSSIP_VERSION_MAX = 31,   /* bytes of a program's version */
	GOSSIP_MESSAGE_MAX = 480,  /* bytes of a message */
	GOSSIP_SPEAKS_MIN = 1,	   /* versions of the protocol */
	GOSSIP_SPEAKS_MAX = 1,
};

/* `now` orders and measures everything; `wall_ms` only stamps items and makes challenges unlike those before a
 * machine's snapshot was taken. It may jump. */
struct gossip_time {
	struct mono now;
	uint64_t wall_ms;
};

/* Opaque to the protocol: compared, passed on. IPv4 is mapped (::ffff:a.b.c.d). */
struct gossip_addr {
	uint8_t ip[16];
	uint16_t port;
};

struct gossip_config {
	const char *node; /* name of this node, at most GOSSIP_NAME_MAX bytes */
	uint64_t id;	  /* of cluster and name; not 0 */
	struct gossip_addr
		self;	    /* where others reach it; ip all zero: they take where it comes from */
	bool balancer;	    /* it may hold virtual addresses */
	uint32_t beat_ms;   /* between two beats */
	uint32_t silent_ms; /* silence that means death; at least 12 beats, all nodes the same */
	const struct gossip_addr
		*peers; /* retried for ever; its own address among them is skipped */
	size_t n_peers;
	uint64_t epoch; /* of this start: above every earlier one, below 2^48 */
	uint64_t seed;	/* random */
	const char *version;
	uint8_t speaks_min, speaks_max; /* 0: what this library speaks */
	struct items_limits items;	/* 0: the defaults of items.h */
};

enum gossip_state {
	GOSSIP_ALIVE,
	GOSSIP_SUSPECT, /* votes stand against it, but no majority; or it is not heard from here */
	GOSSIP_DEAD,
	GOSSIP_LEFT, /* said that it leaves; nobody waits for it */
};

struct gossip;

/* --- life --- */

/* NULL: out of memory, or a configuration that breaks the limits above. Copies what it needs. */
struct gossip *gossip_new(const struct gossip_config *config, struct gossip_time t);
void gossip_free(struct gossip *g); /* NULL is allowed */

/* Announces that this node leaves; it goes on to relay. Drain the outputs, tick on for a few beats, then free. */
void gossip_leave(struct gossip *g, struct gossip_time t);

/* --- in --- */

/* What came from `from`, opened: sealed by `sender`, to this node's id (`addressed`) or to whoever is there. */
void gossip_input(struct gossip *g, struct gossip_time t, const struct gossip_addr *from,
	uint64_t sender, bool addressed, struct span payload);

/* Does what is due. Before the deadline it does nothing. A tick that comes late by more than two beats counts as
 * gossip_lagged(). */
void gossip_tick(struct gossip *g, struct gossip_time t);
struct mono gossip_deadline(const struct gossip *g);

/* The lifeline (see GOSSIP_EVENT_LIFELINE) to that member came up, or ended. */
void gossip_lifeline(struct gossip *g, struct gossip_time t, uint64_t id, bool open);

/* This node's own loop woke that late: if more than two beats it was not listening, so it casts no votes for
 * silent_ms. */
void gossip_lagged(struct gossip *g, struct gossip_time t, uint64_t lag_us);

/* Other addresses to ask, as of now; at most GOSSIP_PEERS_MAX. Members are not touched. */
void gossip_set_peers(
	struct gossip *g, struct gossip_time t, const struct gossip_addr *peers, size_t n);

/* Strikes off a member that is dead or left, everywhere; it can come back with a higher epoch. False: unknown, this
 * node, or alive. */
bool gossip_forget(struct gossip *g, struct gossip_time t, uint64_t id);

/* --- one process of a node after the other --- */

/* What a process knows that others would miss: who is there, with sessions and numbers, epoch and incarnation, and
 * records; items are on disk. The next one goes on as if nothing had been: nobody else sees a new start.
 *
 *	old: gossip_carry(g, put, arg)		calls `put` for each entry; then nothing more of g is sent
 *	new: gossip_new(same id and cluster), then gossip_resume(g, t, entry) for each, in that order
 *
 * Times are of one clock, which both read. Both have to know the same format; an entry that is refused is malformed, or
 * found no room: that instance is of no use then. */
enum { GOSSIP_CARRY_FORMAT = 1, GOSSIP_CARRY_MAX = 640 };

typedef bool gossip_carry_cb(void *arg, struct span entry); /* false ends it */
bool gossip_carry(const struct gossip *g, gossip_carry_cb *put, void *arg);
bool gossip_resume(struct gossip *g, struct gossip_time t, struct span entry);

/* --- out --- */

struct gossip_packet {
	uint64_t to; /* 0: unaddressed, when only an address is known */
	struct gossip_addr addr;
	bool hears_us; /* it has said that it heard us within the last beats: the way there works */
	struct span payload; /* borrowed until the next call */
};

/* The next packet to seal and send; false: none. Numbered when it is given, so none may be sent twice. */
bool gossip_output(struct gossip *g, struct gossip_time t, struct gossip_packet *ret);

enum gossip_event_kind {
	GOSSIP_EVENT_MEMBER, /* id, state, was: new (then was == state), or its state changed */
	GOSSIP_EVENT_DETAILS, /* id: its name, address, role or version changed, or it started again */
	GOSSIP_EVENT_FORGOTTEN, /* id: struck off, its records are gone (each was told by a RECORD) */
	GOSSIP_EVENT_RECORD, /* id, key, value: a record of another node; empty: withdrawn or gone */
	GOSSIP_EVENT_ITEM,   /* item: set here or elsewhere, or expired; not those loaded */
	GOSSIP_EVENT_MESSAGE, /* id, kind, value */
	/* id, addr, wanted: keep a TCP connection to that member's gossip address, or give it up. The caller opens it
	 * again whenever it ends, and tells by gossip_lifeline(). */
	GOSSIP_EVENT_LIFELINE,
	/* epoch: this node goes on with a higher one, because others knew a later one of it than it did (its state was
	 * lost, its machine was set back, or another node has its name). To be stored. */
	GOSSIP_EVENT_EPOCH,
};

/* Values are as they are now, so two events of one key may give the same. Spans are borrowed until the next call. */
struct gossip_event {
	enum gossip_event_kind event;
	uint64_t id;
	enum gossip_state state, was;
	uint16_t key;
	uint8_t kind;
	struct span value;
	struct item item;
	struct gossip_addr addr;
	bool wanted;
	uint64_t epoch;
};

bool gossip_event(struct gossip *g, struct gossip_event *ret);

/* --- who is there --- */

struct gossip_member {
	uint64_t id;
	const char *name;    /* borrowed until the next call */
	const char *version; /* of its program */
	struct gossip_addr addr;
	enum gossip_state state;
	bool self;
	bool balancer;
	bool observed; /* this node is one of its observers, and it one of ours */
	/* It was heard within silent_ms by this node itself, and said that it heard us within silent_ms. Both only of
	 * observed members. */
	bool heard, hears_us;
	uint64_t epoch; /* which start of it */
	uint32_t incarnation;
	struct mono since;    /* of this state, here */
	struct mono heard_at; /* the last packet from it; 0: none */
	int64_t rtt_us;	      /* -1: not measured */
	uint8_t speaks_min, speaks_max;
};

/* This node is among them. In the order of ids. */
size_t gossip_count(const struct gossip *g);
bool gossip_member_at(const struct gossip *g, size_t i, struct gossip_member *ret);
bool gossip_find(const struct gossip *g, uint64_t id, struct gossip_member *ret);

/* How this node stands itself. */
struct gossip_self {
	uint64_t epoch;
	uint32_t incarnation;
	bool left;
	bool alone;   /* there are members to be heard, and it hears none for silent_ms */
	bool unheard; /* most observers that it hears said for silent_ms that they do not hear it */
	bool accused; /* lately (silent_ms and half a second) others said that it is dead */
	bool lagging; /* its loop came late within silent_ms: it casts no votes */
	uint8_t speaks; /* the highest version that all living members speak; 0: they have none in common */
};

void gossip_self(const struct gossip *g, struct gossip_self *ret);

/* --- what members say, each of itself --- */

/* This node's record; empty: withdrawn. Pushed to everybody at once, repaired later. */
enum records_status gossip_publish(
	struct gossip *g, struct gossip_time t, uint16_t key, struct span value);
struct span gossip_record(const struct gossip *g, uint64_t origin, uint16_t key); /* empty: none */

/* The record of this origin with the lowest key at or above `key`. */
bool gossip_record_next(const struct gossip *g, uint64_t origin, uint32_t key, struct record *ret);

/* One message to one member, at once; may be lost, is never doubled. False: too long, or no such member. */
bool gossip_send(
	struct gossip *g, struct gossip_time t, uint64_t to, uint8_t kind, struct span value);

/* --- one truth: last-writer-wins items --- */

/* Writes or (empty value) deletes; stamp and node are filled in. Pushed to everybody at once, repaired later. */
enum items_status gossip_item_set(struct gossip *g, struct gossip_time t, const struct item *write);
/* From this node's own disk, with its old stamp and node; before others are there. Makes no event. */
enum items_status gossip_item_load(struct gossip *g, struct gossip_time t, const struct item *item);
bool gossip_item(const struct gossip *g, uint8_t kind, struct span key, struct item *ret);
/* All, tombstones included, 0 <= i < gossip_items(); stable while none is set or taken. */
size_t gossip_items(const struct gossip *g);
void gossip_item_at(const struct gossip *g, size_t i, struct item *ret);

/* --- counters --- */

enum gossip_refusal {
	GOSSIP_REFUSED_MALFORMED, /* also an unknown critical TLV */
	GOSSIP_REFUSED_REPLAY,	  /* seen before, or older than the window of 1024 */
	GOSSIP_REFUSED_SESSION,	  /* of an epoch without a session: challenged */
	GOSSIP_REFUSED_VERSION,	  /* a node with which we have no version in common */
	GOSSIP_REFUSED_FULL,	  /* a member, origin or item that found no room */
	GOSSIP_REFUSALS
};

struct gossip_stats {
	uint64_t packets_in, packets_out;
	uint64_t payload_bytes_out; /* without seal and headers */
	uint64_t refused[GOSSIP_REFUSALS];
	uint64_t votes_cast, deaths,
		refutations; /* own votes; verdicts here; of this node's own death */
	uint64_t challenges_out, echoes_out, sessions; /* handshakes */
	uint64_t repairs_out; /* packets sent because somebody's hash differed */
	uint64_t lost_to_memory;
};

void gossip_stats(const struct gossip *g, struct gossip_stats *ret);

#endif

/* The cluster as the rest of control sees it: who is there, what they publish, what all agree on. Inside are
 * lib/gossip, lib/seal, the UDP socket, the lifelines and one timer; consumers subscribe and call the functions below,
 * and whatever a call has to send is sent before it returns.
 *
 * Without a `cluster` group in the configuration there is no socket and no other member, but everything else is the
 * same: the node publishes to itself and the item table is its own. So no consumer needs a second path.
 *
 *	static const struct cluster_hooks hooks = {.item = on_item};
 *	...
 *	cluster_subscribe(c->cluster, &hooks, bans);
 *	cluster_item_set(c->cluster, CLUSTER_ITEM_BAN, span_str("192.0.2.1/32"), value);
 *
 * A hook runs from the loop, or from cluster_settle(), never from inside the call that caused it, so it may call
 * anything here. Spans that a hook or a getter gives are valid until the next call into the cluster.
 *
 * Source: doc/protocol.md. owner: control; thread: control. */
#ifndef CONTROL_CLUSTER_H
#define CONTROL_CLUSTER_H

#include "base/mono.h"
#include "base/span.h"
#include "cluster_kinds.h"
#include "config/config.h"
#include "net/addr.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct cluster;
struct events;
struct inherit;
struct notifier;
struct seal_ring;
struct store;

/* --- life --- */

/* What needs rights or room at the start, opened before privileges are given up. Without a cluster: -1 and NULL. */
struct cluster_ports {
	int udp, tcp;
	struct seal_ring *ring;
};

/* Opens what cluster.bind and cluster.keys say, or takes it from `inherit` (may be NULL). False: `why` names what was refused, and the cause. */
bool cluster_ports_open(const struct config *c, struct inherit *inherit, struct cluster_ports *ret,
	char *why, size_t why_size);
void cluster_ports_close(struct cluster_ports *ports);

struct cluster_setup {
	struct event_base *base;
	const struct config *config;
	struct store *store;
	struct cluster_ports ports; /* taken by cluster_new(), whether it succeeds or not */
	struct events *events; /* where changes of members are told; may be NULL, as the next */
	struct notifier *notifier;
};

/* Takes the next epoch. NULL: out of memory. Nothing is sent before cluster_start(), so that what was
 * kept on disk can be loaded and published first. */
struct cluster *cluster_new(const struct cluster_setup *setup);
void cluster_start(struct cluster *cl);
void cluster_free(struct cluster *cl);

/* --- one process of this node after the other (doc/decisions/013) --- */

/* Says nothing and hears nothing: the next process is this node, or, if that comes to nothing, it goes on. */
void cluster_pause(struct cluster *cl);
void cluster_go_on(struct cluster *cl);

/* The next one is heard by now: the others' connections to this one end, and they open them to the next. */
void cluster_hand_over(struct cluster *cl);

/* Writes what the next one needs, once paused. False: it could not be written. And: goes on from that, before
 * cluster_start(): for the others nothing has happened. False: it is malformed, or there is no memory; nothing changed,
 * and this is a new start of the node. */
bool cluster_carry(const struct cluster *cl, FILE *out);
bool cluster_resume(struct cluster *cl, struct span carried);

/* The sockets, by their names (src/inherit.h). The first result that is not 0 ends it. */
int cluster_give(struct cluster *cl,
	int (*give)(void *arg, const char *name, const int *fds, size_t n), void *arg);

/* Announces that this node leaves, as `left`: its observers cast no votes and nobody waits for it. It goes on to relay
 * until cluster_free(). Its place as a voter is untouched: that is an item of kind VOTER. */
void cluster_leave(struct cluster *cl);

/* --- who is there --- */

enum cluster_state { CLUSTER_ALIVE, CLUSTER_SUSPECT, CLUSTER_DEAD, CLUSTER_LEFT };

struct cluster_member {
	uint64_t id; /* never 0 */
	const char *name;
	struct addr
		addr; /* where it is reached by gossip; AF_UNSPEC: this node, without a cluster */
	enum cluster_state state;
	bool self;
	bool observed; /* this node is one of its observers, and it one of ours: only then the next two say anything */
	bool heard, hears_us; /* lately, by ourselves; and it said so of us */
	uint64_t epoch;	      /* which start of it */
	bool balancer;	      /* has virtual addresses: a voter, once joined */
	uint64_t incarnation;
	uint64_t since_wall_us; /* of this state, as seen from here */
	int64_t rtt_us;		/* -1: not measured */
	const char *version;	/* of its program; "": not known yet */
	bool has_digest;
	uint64_t config_digest;
	uint32_t priority; /* what it says of itself: higher is better, servers it reaches in it */
};

/* Member 0 is this node; the others by name. The pointer is valid until the next call into the cluster. */
size_t cluster_members(struct cluster *cl);
const struct cluster_member *cluster_member_at(struct cluster *cl, size_t i);
const struct cluster_member *cluster_find(struct cluster *cl, uint64_t id); /* NULL: nobody */
const struct cluster_member *cluster_find_name(struct cluster *cl, const char *name);

uint64_t cluster_self(const struct cluster *cl);
uint64_t cluster_node_id(
	const struct cluster *cl, const char *node_name); /* of any name in this cluster */
bool cluster_enabled(const struct cluster *cl);
const char *cluster_state_word(enum cluster_state state); /* "alive" */

/* How this node stands itself, as far as it can tell. */
struct cluster_standing {
	bool left;
	bool alone;	/* there are members to be heard, and it hears none */
	bool unheard;	/* most observers that it hears say that they do not hear it */
	bool accused;	/* others said lately that it is dead */
	bool lagging;	/* its loop came late by more than two beats lately: it casts no votes */
	uint8_t speaks; /* the highest protocol version that all living members speak; 0: none */
};

void cluster_standing(const struct cluster *cl, struct cluster_standing *ret);

/* Strikes off a member that is dead or left. False: it is alive, or it is this node. */
bool cluster_forget(struct cluster *cl, uint64_t id);

/* --- hooks --- */

struct cluster_item {
	uint8_t kind;
	struct span key, value; /* empty value: it was deleted */
	uint64_t stamp;		/* hybrid logical clock: see gossip.h */
	uint64_t origin;	/* who set it */
	struct mono until;	/* end of its life; us 0: none */
};

struct cluster_hooks {
	/* New, or its state or its NODE record changed. */
	void (*member)(void *arg, const struct cluster_member *m);
	/* Struck off: it is not among the members any more, and its records are gone. */
	void (*forgotten)(void *arg, uint64_t id);
	/* A member's record changed; empty: withdrawn, or gone. This node's own are not told. */
	void (*record)(void *arg, uint64_t origin, uint16_t key, struct span value);
	/* An item was set, here or elsewhere, or its life has ended (then its value is empty). Those loaded are
	 * not told. */
	void (*item)(void *arg, const struct cluster_item *item);
	void (*message)(void *arg, uint64_t from, uint8_t kind, struct span value);
};

enum { CLUSTER_SUBSCRIBERS_MAX = 8 };

/* Runs the hooks of everything that has happened so far, now. Not from within a hook. */
void cluster_settle(struct cluster *cl);

/* `hooks` is borrowed until cluster_free(). What is there already is not told again: ask for it. */
void cluster_subscribe(struct cluster *cl, const struct cluster_hooks *hooks, void *arg);

/* --- what members say of themselves, and to each other --- */

enum { CLUSTER_VALUE_MAX = 480 }; /* of a record, a message or an item */

/* This node's record; empty: withdrawn. Equal values cost nothing. */
void cluster_publish(struct cluster *cl, uint16_t key, struct span value);
struct span cluster_record(
	const struct cluster *cl, uint64_t origin, uint16_t key); /* empty: none */
void cluster_send(struct cluster *cl, uint64_t to, uint8_t kind, struct span value);

/* What this node says of its fitness to hold addresses, and the digest of its configuration: both ride in its NODE
 * record. */
void cluster_set_priority(struct cluster *cl, uint32_t priority);
void cluster_set_digest(struct cluster *cl, uint64_t digest);

/* A reload: addresses to ask from now on. Who is a member stays one. */
void cluster_set_peers(struct cluster *cl, const struct addr *peers, size_t n);

/* --- one truth --- */

/* Last writer wins. False: there is no room for more items, and nothing changed. An empty value deletes. */
bool cluster_item_set(struct cluster *cl, uint8_t kind, struct span key, struct span value);
bool cluster_item_set_until(
	struct cluster *cl, uint8_t kind, struct span key, struct span value, struct mono until);
struct span cluster_item(const struct cluster *cl, uint8_t kind, struct span key); /* empty: none */

/* The same with stamp and origin; true for a deleted one too. */
bool cluster_item_find(
	const struct cluster *cl, uint8_t kind, struct span key, struct cluster_item *ret);

/* All of a kind (0: of every kind), deleted ones too: start with *cursor = 0. Nothing may be set in between. */
bool cluster_item_next(
	const struct cluster *cl, uint8_t kind, size_t *cursor, struct cluster_item *ret);

/* From disk, with its old stamp and origin; before cluster_start(). */
bool cluster_item_load(struct cluster *cl, const struct cluster_item *item);

/* --- keys --- */

/* Reads the file of keys again if it changed; what is refused is logged, and the old keys stay. */
void cluster_reload_keys(struct cluster *cl);

/* What of the file waits for another node, and for which; "": nothing. */
const char *cluster_keys_wait(const struct cluster *cl);

/* The ids of the keys that this node holds, the active one first; how many. */
size_t cluster_key_ids(const struct cluster *cl, uint32_t *ret, size_t max);

/* Secrets for another purpose, one derived from each key, the active one first: all nodes that hold a key get the same
 * (crypto_kdf, `context` of 8 bytes). Writes at most `max` and returns how many; 0 without a cluster. */
enum { CLUSTER_SECRET_BYTES = 32 };
size_t cluster_derive(const struct cluster *cl, const char context[8],
	uint8_t (*ret)[CLUSTER_SECRET_BYTES], size_t max);

/* --- counters, for metrics --- */

enum cluster_refusal {
	CLUSTER_REFUSED_LENGTH,
	CLUSTER_REFUSED_MAGIC,	 /* not our protocol */
	CLUSTER_REFUSED_VERSION, /* none that both speak */
	CLUSTER_REFUSED_CLUSTER,
	CLUSTER_REFUSED_KEY,
	CLUSTER_REFUSED_FORGED,
	CLUSTER_REFUSED_OWN_ID,
	CLUSTER_REFUSED_REPLAY,
	CLUSTER_REFUSED_SESSION, /* of an epoch that was challenged first */
	CLUSTER_REFUSED_MALFORMED,
	CLUSTER_REFUSED_FULL,	  /* a member, record or item that found no room */
	CLUSTER_REFUSED_OVERLOAD, /* dropped by the kernel: its buffer was full */
	CLUSTER_REFUSALS
};

struct cluster_stats {
	uint64_t packets_in, packets_out, bytes_in,
		bytes_out; /* payload of UDP; in: refused ones too */
	uint64_t refused[CLUSTER_REFUSALS];
	uint64_t send_errors;
	size_t lifelines_open,
		lifelines_missing; /* of those to observed members; missing: for some seconds */
	uint64_t lag_max_us;	   /* the longest this node's loop came late, in the last minute */
};

void cluster_stats(const struct cluster *cl, struct cluster_stats *ret);

/* Whether this member's TCP connection could not be opened for some seconds, though its datagrams come. */
bool cluster_lacks_lifeline(const struct cluster *cl, const struct cluster_member *m);
const char *cluster_refusal_word(enum cluster_refusal cause); /* "forged" */

#endif

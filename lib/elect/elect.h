/* Who owns each virtual address, and whether this node may own any: quorum, claims, planned handovers.
 * Rules: doc/failover.md. Pure: members, claims, answers of the gateway, messages and time come in; what to put on the
 * interface, announce, publish and send comes out, and when to call again. No clock, no I/O, no randomness; not
 * thread-safe.
 *
 * Every call that goes in decides at once: what a death sets off comes out of the very call in which it is learnt. After each
 * one the caller drains what came of it, in order, carrying out each before it takes the next:
 *
 *	elect_member(e, now, &member);
 *	while (elect_next(e, now, &event))
 *		switch (event.kind) {
 *		case ELECT_HOLD: elect_held(e, now, event.vip, put_on_interface_and_announce(event.vip)); break;
 *		case ELECT_DROP: delete_from_interface(event.vip); break;
 *		...
 *		}
 *	arm_timer(elect_deadline(e));
 *
 * Spans of an event are valid until the next call of any kind.
 *
 * Terms: a claim to an address carries (term, priority, node id), the highest wins, and whoever sees a higher one than
 * its own drops the address at once. A claim needs the votes of a majority, each given once a term. A voter is a balancer that joined and did neither leave for good nor was struck
 * off; voters are the items below, which the caller keeps on disk and shares. */
#ifndef ELECT_ELECT_H
#define ELECT_ELECT_H

#include "base/mono.h"
#include "base/span.h"

enum {
	ELECT_VIPS_MAX = 24,
	ELECT_NODES_MAX = 128, /* balancers that are or were voters, this one included */
	ELECT_NAME_SIZE = 64,  /* of a node's name and its NUL; longer ones are cut */
	ELECT_VALUE_MAX = 480, /* bytes of a record, a message or an item's value */
	ELECT_TEXT_SIZE = 192,
	ELECT_PRIORITY_FULL = 100, /* all servers within reach; 0: none is */
};

struct elect_addr {
	uint8_t ip[16]; /* IPv4 mapped */
	uint16_t port;
};

/* --- life --- */

enum elect_rule { ELECT_MAJORITY, ELECT_NONE };

#define ELECT_PREEMPT_OFF UINT32_MAX

struct elect_vip {
	uint8_t ip[16];	     /* IPv4 mapped; no two are equal */
	uint64_t prefer;     /* node that gets it whenever it is healthy; 0: stays where it is */
	uint32_t preempt_ms; /* how long that node must have been healthy, or ELECT_PREEMPT_OFF */
};

/* A configured peer: a voter as long as nothing else is known of this address. */
struct elect_peer {
	struct elect_addr addr;
	const char *text; /* borrowed for ever: "10.10.10.11:7946" */
};

struct elect_config {
	uint64_t id; /* never 0 */
	const char *name;
	struct elect_addr addr;
	enum elect_rule rule;
	bool has_gateway; /* there is one to ask */
	/* The program was started anew on a machine that served alone before and has not been booted since: of two
	 * voters the other need not be awaited. */
	bool resumed;
	uint32_t run;		     /* a number that no start of this node before this one had */
	uint32_t beat_ms, silent_ms; /* of the profile: 25 and 300, 50 and 600 */
	const struct elect_peer *peers;
	size_t n_peers;
	const struct elect_vip *vips; /* known below by their place in here */
	size_t n_vips;
};

struct elect;

/* Copies what it needs. NULL: out of memory, or more than ELECT_VIPS_MAX, or two addresses that look the same on the
 * wire (a hash of 32 bits: elect_vips_clash() says it beforehand). */
struct elect *elect_new(const struct elect_config *config, struct mono now);
void elect_free(struct elect *e); /* NULL is allowed */

/* Once, when every item that was kept on disk has been given to elect_item(): nothing is decided before that. */
void elect_start(struct elect *e, struct mono now);
bool elect_vips_clash(const struct elect_vip *vips, size_t n_vips);

/* --- one process of a node after the other --- */

/* What this node claims, voted for and waits for, for the next process of it, which goes on as its owner. Both have to
 * know the same format; times are of one clock, which both read. */
enum { ELECT_CARRY_FORMAT = 1, ELECT_CARRY_MAX = 2048 };
size_t elect_carry(const struct elect *e, uint8_t ret[ELECT_CARRY_MAX]);

/* After items, members and records were given, before elect_start(). What is held by it (elect_vip() says it then) is
 * on the interface already. False: malformed, and nothing changed. */
bool elect_resume(struct elect *e, struct mono now, struct span carried);

/* --- in --- */

/* What stands in a record, for those who only look: false where it ends, or is malformed. */
struct elect_claim {
	uint32_t key; /* of the address: elect_vip_key() */
	uint64_t term;
	uint16_t priority;
	bool hold, pinned;
};
bool elect_claim_at(struct span record, size_t i, struct elect_claim *ret);
uint32_t elect_vip_key(const uint8_t *ip, bool v4); /* 4 or 16 octets */

/* As seen from this node: one that hears nobody sees everyone else dead. */
enum elect_state { ELECT_UNHEARD, ELECT_ALIVE, ELECT_SUSPECT, ELECT_DEAD, ELECT_LEFT };

struct elect_member {
	uint64_t id;
	const char *name;
	struct elect_addr addr;
	enum elect_state state;
	bool balancer; /* it has virtual addresses; false also while that is not known */
	bool role_known;
	bool has_digest;
	uint64_t digest; /* of its configuration */
};

/* A member is new, or something of it changed. This node itself: only its digest counts. */
void elect_member(struct elect *e, struct mono now, const struct elect_member *m);

/* It was struck off: nothing of it counts any more but its item. */
void elect_forgotten(struct elect *e, struct mono now, uint64_t id);

/* An item of kind VOTER, from disk at the start, from elsewhere, or as just set here. Malformed ones are ignored. */
void elect_item(struct elect *e, struct mono now, struct span key, struct span value);

/* A member's record of its claims; empty: it has none any more. */
void elect_record(struct elect *e, struct mono now, uint64_t from, struct span value);

/* What kinds of messages there are, as they are numbered on the wire. */
enum elect_message {
	ELECT_OFFER = 1,  /* take this address over, with this term */
	ELECT_ACCEPT = 2, /* done: it is on my interface, and announced */
	ELECT_MOVE = 3,	  /* an operator wants it moved: to its owner */
	ELECT_REFUSE = 4, /* of an offer or a move, with the reason */
	ELECT_SYNC = 5,	  /* who owns what, as far as you know? */
	ELECT_SYNCED = 6, /* this does */
	ELECT_CLAIM = 7,  /* may I have this address, with this term? */
	ELECT_GRANT = 8,  /* yes: nobody else gets my vote for that */
	ELECT_DENY = 9,	  /* no, and what speaks against it */
};

void elect_message(
	struct elect *e, struct mono now, uint64_t from, uint8_t kind, struct span value);

/* The gateway answered. */
void elect_gateway(struct elect *e, struct mono now);

/* There is one to ask, or no more. */
void elect_set_gateway(struct elect *e, struct mono now, bool has_gateway);

/* Whether the loops that serve clients make progress. While not, nothing is held. */
void elect_set_healthy(struct elect *e, struct mono now, bool healthy);

/* This node hears nobody, or hears that nobody hears it: then no other voter counts as alive, whatever their states. */
void elect_set_alone(struct elect *e, struct mono now, bool alone);

/* How much of its servers this node reaches, 0 … ELECT_PRIORITY_FULL; full at the start. */
void elect_set_priority(struct elect *e, struct mono now, uint16_t priority);

/* This process was paused for longer than a lease: everything is dropped, and claimed again only when it is known who
 * owns what now. Call it before anything else that is waiting. */
void elect_woken(struct elect *e, struct mono now);

/* It was paused for longer than silent_ms, but not for a lease: others may own by now what it holds. That is kept, but
 * leases are not renewed until it is known: elect_may_renew(). */
void elect_doubt(struct elect *e, struct mono now);
bool elect_may_renew(const struct elect *e);

/* The answer to ELECT_HOLD. False: this node does not try again for a while, and others may. */
void elect_held(struct elect *e, struct mono now, size_t vip, bool ok);

/* What made an ELECT_HOLD fail is over: no need to wait until it is tried again. */
void elect_able(struct elect *e, struct mono now, size_t vip);

/* elect_deadline() has come; calling too early is harmless. */
void elect_tick(struct elect *e, struct mono now);

/* --- orders of operators --- */

enum elect_order {
	ELECT_STARTED,	/* ELECT_MOVED will tell how it went */
	ELECT_THERE,	/* it is there already */
	ELECT_NO_OWNER, /* nobody holds it */
	ELECT_NO_NODE,	/* not a balancer that is alive */
	ELECT_NOT_READY, /* that node cannot hold it now: not in sync, no quorum, its loops, its interface */
	ELECT_BUSY,	 /* it is being moved */
	ELECT_NO_ANSWER, /* in time */
	ELECT_ALIVE_YET, /* a member that is alive is not struck off */
	ELECT_STRUCK,	 /* done: an item was set */
};

/* Moves an address to a node, by a handover from whoever owns it. It stays there until it is moved again or that node
 * loses it: `prefer` waits. */
enum elect_order elect_move(struct elect *e, struct mono now, size_t vip, uint64_t to);
const char *elect_order_text(enum elect_order order);

/* Other peers are configured from now on; those that stay remain what they were. As after elect_new() nothing is decided
 * before elect_start(): a new one may have been struck off, which elect_item() is to say first. */
void elect_set_peers(struct elect *e, const struct elect_peer *peers, size_t n_peers);

/* Strikes a voter off: by id, or, if it was never heard, by the text of the configured peer. */
enum elect_order elect_forget(struct elect *e, struct mono now, uint64_t id);
enum elect_order elect_forget_peer(struct elect *e, struct mono now, const char *text);

/* Hands everything over; ELECT_STOPPED tells when nothing is held any more, after two times silent_ms at most. With
 * `for_good` this node's place as a voter goes too. */
void elect_stop(struct elect *e, struct mono now, bool for_good);

/* --- out --- */

enum elect_cause {
	ELECT_CAUSE_NONE,
	/* of holding */
	ELECT_WAS_FREE, /* nobody held it */
	ELECT_OWNER_DEAD,
	ELECT_OWNER_LEFT,
	ELECT_OWNER_RELEASED, /* its owner let go of it */
	ELECT_HANDED_OVER,    /* of dropping too */
	/* of dropping */
	ELECT_OUTBID, /* another node has a higher claim */
	ELECT_NO_QUORUM,
	ELECT_LOOPS_STUCK,
	ELECT_PAUSED,	/* this process did not run for too long */
	ELECT_STOPPING, /* and nobody took it */
	ELECT_CANNOT,	/* it cannot be put on the interface */
};

const char *elect_cause_text(enum elect_cause cause); /* "its owner is dead" */

enum elect_event_kind {
	/* vip, cause, node (who takes it, 0: nobody known): off the interface, at once. */
	ELECT_DROP,
	/* vip, cause, node (who had it, 0: nobody known), term: on the interface and announced; then elect_held(). */
	ELECT_HOLD,
	ELECT_ANNOUNCE, /* vip: somebody else announced it: tell the neighbours again, from the start */
	ELECT_PUBLISH, /* value: this node's record of claims */
	ELECT_VOTER,   /* key, value: set this item of kind VOTER */
	ELECT_SEND,    /* node, message, value */
	ELECT_ASK,     /* ask the gateway */
	ELECT_OWNER,   /* vip, node (0: nobody), was, term: somebody owns it now */
	ELECT_QUORUM,  /* won or lost: elect_quorum() */
	ELECT_MOVED,   /* vip, node, ok, text: how elect_move() ended */
	ELECT_STOPPED, /* after elect_stop(): nothing is held */
};

struct elect_event {
	enum elect_event_kind kind;
	size_t vip;
	uint64_t node, was;
	uint64_t term;
	enum elect_cause cause;
	uint8_t message;
	struct span key, value;
	bool ok;
	const char *text;
};

bool elect_next(struct elect *e, struct mono now, struct elect_event *ret);
struct mono elect_deadline(const struct elect *e);

/* --- what to show --- */

struct elect_quorum {
	enum elect_rule rule;
	unsigned voters, alive, needed; /* while `returning`: of the others */
	bool met;
	bool returning; /* it left or was struck off, and has not heard a majority of the others since: no voter */
	bool in_sync;		    /* only then addresses are claimed */
	bool gateway_answers;	    /* lately; asked once a second even if nothing hangs on it */
	char text[ELECT_TEXT_SIZE]; /* why, in words: "lb-02 is dead, the gateway answers" */
};

struct elect_vip_view {
	uint64_t owner; /* 0: nobody */
	uint64_t term;
	struct mono since; /* of this owner, as seen from here */
	bool mine;	   /* and on the interface */
	bool pinned;	   /* moved there by an operator: `prefer` waits */
	bool moving;
	bool contested; /* more than one node claims it */
};

void elect_quorum(const struct elect *e, struct elect_quorum *ret);
void elect_vip(const struct elect *e, size_t vip, struct elect_vip_view *ret);

enum elect_voter {
	ELECT_NOT_A_VOTER,
	ELECT_JOINED,
	ELECT_GONE,
	ELECT_FORGOTTEN,
	ELECT_NO_BALANCER
};

/* Voters that count, this node first if it is one: 0 <= i < number of voters. */
struct elect_voter_view {
	uint64_t id;	  /* 0: a configured peer that was never heard */
	const char *name; /* its address if it was never heard */
	enum elect_state state;
};
bool elect_voter_at(const struct elect *e, size_t i, struct elect_voter_view *ret);

/* Checks its own state; for tests. */
bool elect_is_valid(const struct elect *e);

#endif

/* What lib/elect is inside; for its own files only. */
#ifndef ELECT_PRIVATE_H
#define ELECT_PRIVATE_H

#include "base/bug.h"
#include "base/wire.h"
#include "elect/elect.h"

enum { PEERS_MAX = ELECT_NODES_MAX, MOVE_MS = 3000, CANNOT_MS = 5000, BACKOFF_MAX_MS = 30000 };

/* Octets of a record of claims: what comes first, and each address. */
enum { RECORD_HEAD = 14, RECORD_ENTRY = 13 };

/* What a node says of one address in its record. */
struct claim {
	bool configured, hold, pinned, cannot;
	uint64_t term; /* of its last claim, held or not */
	uint16_t priority;
};

struct node {
	uint64_t id; /* 0: the place is free */
	char name[ELECT_NAME_SIZE];
	struct elect_addr addr;
	enum elect_voter voter; /* what its item says */
	bool item_due;

	bool member, role_known, balancer, has_digest;
	enum elect_state state;
	uint64_t digest;

	/* Its record. */
	bool has_record, fit, leaving, healthy;
	uint32_t run, seq;
	uint16_t priority;
	struct claim claims[ELECT_VIPS_MAX]; /* by our own numbers */
	bool was_fit;			     /* and heard */
	struct mono fit_since;

	/* Syncing: whether it answered our question, and its question that we have to answer. */
	bool answered, ask_due, answer_due;
	uint32_t answer_nonce;
};

struct peer {
	struct elect_addr addr;
	const char *text;
	bool struck;   /* an item says so */
	bool item_due; /* that item is to be set */
};

/* A claim that waits for the votes of others. */
struct ask {
	uint64_t term; /* 0: none */
	enum elect_cause cause;
	uint64_t from;	     /* who had it before */
	uint64_t offered_by; /* 0: it is free */
	bool pin;
	uint32_t wait_ms;
	struct mono next, end;
};

enum vote { VOTE_NONE, VOTE_DUE /* to be asked for */, VOTE_GIVEN };
enum vote_reply { REPLY_NONE, REPLY_GRANT, REPLY_DENY, REPLY_DENY_OWNED };

enum phase { PHASE_NONE, PHASE_ADDING, PHASE_HOLDING };

/* An offer that we made. */
struct offer {
	uint64_t to; /* 0: none */
	uint64_t term;
	uint32_t wait_ms;
	struct mono next, end;
	bool due, pin;
};

struct refusal {
	uint64_t to; /* 0: none is due */
	uint64_t term;
	bool of_move;
	uint8_t reason; /* enum elect_order */
};

struct vip {
	struct elect_vip c;
	uint32_t key;

	/* Our own claim. `told`: the caller was told to hold it, and not yet to drop it. */
	enum phase phase;
	bool told, announce_due, pinned;
	uint64_t term;
	uint16_t priority;
	enum elect_cause cause;
	uint64_t cause_node;
	struct mono cannot_until;

	/* What is known: the highest term of all; the best claim of anybody. */
	uint64_t floor;
	uint64_t owner, owner_term, owner_was,
		owner_before; /* `before`: the last one that was not 0 */
	struct mono since, free_since, settle_until, retry_at;
	bool contested, owner_due;

	/* Asking for votes; voting: each term for one node. */
	struct ask ask;
	uint8_t votes[ELECT_NODES_MAX]; /* enum vote, by places of nodes */
	uint64_t voted_term, voted_for;
	uint64_t granted_to; /* 0: nobody yet; his claim may be on its way until then */
	struct mono granted_until;
	uint64_t asker, asker_term, asker_offered_by; /* asker 0: nobody */
	bool asker_denied;
	enum vote_reply reply;
	uint64_t reply_to, reply_term;

	/* Handing over, as its owner; taking over. */
	struct offer offer;
	uint8_t tried[ELECT_NODES_MAX]; /* by places of nodes: asked while stopping */
	struct mono backoff_until;
	uint32_t backoff_ms;
	uint64_t taken_from, accept_to;
	struct refusal refusal;

	/* An operator's order: as its owner, and where it was given. */
	uint64_t move_to, move_asker;
	uint64_t ask_to;
	struct mono ask_next, ask_end;
	bool ask_due, moved_due, moved_ok;
	uint64_t moved_to;
	const char *moved_text;
};

struct elect {
	enum elect_rule rule;
	uint32_t beat_ms, silent_ms, run;
	struct mono started; /* or woken */
	struct mono deadline;
	struct node nodes[ELECT_NODES_MAX]; /* [0]: this one */
	size_t n_nodes;			    /* places in use so far */
	struct peer peers[PEERS_MAX];
	size_t n_peers;
	struct vip vips[ELECT_VIPS_MAX];
	size_t n_vips;

	bool begun; /* elect_start() */
	bool healthy, alone, stopping, for_good, stopped_told;
	bool paused;   /* woken, and not in sync since */
	bool doubting; /* what is held is kept until `doubt_until`, but not for longer than it is */
	struct mono doubt_until;
	struct mono stop_until;

	/* Quorum. */
	struct elect_quorum quorum;
	bool sure; /* it is met by something that was seen just now: enough to take something over */
	bool awaited, quorum_due;
	bool other_alive, other_heard;	       /* of two voters */
	struct mono other_doubted, other_lost; /* when that ceased */
	bool has_gateway, gateway_answered, gateway_due;
	struct mono gateway_at, gateway_next;
	struct mono gateway_since; /* it has answered without a break since then */

	/* Syncing. */
	bool synced, syncing;
	uint32_t nonce;
	struct mono sync_from, sync_next;

	uint32_t seq;
	uint8_t record[ELECT_VALUE_MAX]; /* as it was published last */
	size_t record_n;
	uint8_t key_out[32], value_out[ELECT_VALUE_MAX];
};

static inline struct node *elect_self(struct elect *e)
{
	return &e->nodes[0];
}

static inline bool elect_addr_eq(const struct elect_addr *a, const struct elect_addr *b)
{
	return a->port == b->port && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

/* Call again at that time. */
static inline void elect_wake_at(struct elect *e, struct mono t)
{
	if (t.us < e->deadline.us)
		e->deadline = t;
}

/* Whether `t` is still to come; then the deadline is no later. */
static inline bool elect_is_ahead(struct elect *e, struct mono now, struct mono t)
{
	if (mono_reached(now, t))
		return false;
	elect_wake_at(e, t);
	return true;
}

/* elect.c: decides everything anew. */
void elect_decide(struct elect *e, struct mono now);

/* voters.c */
struct node *elect_find(struct elect *e, uint64_t id);
struct node *elect_find_or_add(struct elect *e, uint64_t id); /* NULL: full */
bool elect_is_heard(const struct elect *e, const struct node *n);
bool elect_is_voter(const struct node *n);
bool elect_peer_counts(const struct elect *e, const struct peer *p);
void elect_count_voters(struct elect *e);
void elect_join(struct elect *e);
size_t elect_item_key(
	const struct elect *e, const struct node *n, const struct peer *p, uint8_t *out);
size_t elect_item_value(
	const struct elect *e, const struct node *n, const struct peer *p, uint8_t *out);

/* quorum.c */
void elect_decide_quorum(struct elect *e, struct mono now);
void elect_decide_gateway(struct elect *e, struct mono now);

/* sync.c */
void elect_decide_sync(struct elect *e, struct mono now);
void elect_on_sync(struct elect *e, struct node *from, struct span value);
void elect_on_synced(struct elect *e, struct mono now, struct node *from, struct span value);
size_t elect_synced_value(struct elect *e, const struct node *to, uint8_t *out);

/* claims.c */
size_t elect_encode_record(struct elect *e, uint8_t *out);
bool elect_decode_record(struct elect *e, struct node *n, struct wire_reader *r);
void elect_drop_record(struct node *n);
struct vip *elect_vip_by_key(struct elect *e, uint32_t key);
void elect_decide_owner(struct elect *e, struct mono now, struct vip *v, struct node **ret_best);
bool elect_may_hold(const struct elect *e);
bool elect_may_keep(const struct elect *e);
bool elect_can_take(const struct elect *e, const struct vip *v, const struct node *n);
bool elect_is_better(const struct vip *v, const struct node *a, const struct node *b);
void elect_announce_all(struct elect *e);
void elect_consider_claim(struct elect *e, struct mono now, struct vip *v);
void elect_claim(struct elect *e, struct mono now, struct vip *v, const struct ask *ask);
void elect_release(struct elect *e, struct vip *v, enum elect_cause cause, uint64_t to);

/* grant.c */
void elect_begin_ask(struct elect *e, struct mono now, struct vip *v, const struct ask *ask);
void elect_decide_ask(struct elect *e, struct mono now, struct vip *v, const struct node *owner);
void elect_end_ask(struct vip *v);
void elect_vote(struct vip *v, uint64_t term, uint64_t to);
void elect_decide_vote(struct elect *e, struct mono now, struct vip *v);
void elect_on_claim(struct elect *e, struct node *from, struct span value);
void elect_on_grant(struct elect *e, struct node *from, struct span value);
void elect_on_deny(struct elect *e, struct mono now, struct node *from, struct span value);

/* handover.c */
void elect_decide_handover(struct elect *e, struct mono now, struct vip *v);
void elect_decide_asked(struct elect *e, struct mono now, struct vip *v);
void elect_end_offer(struct vip *v);
void elect_on_offer(struct elect *e, struct mono now, struct node *from, struct span value);
void elect_on_accept(struct elect *e, struct mono now, struct node *from, struct span value);
void elect_on_refuse(struct elect *e, struct mono now, struct node *from, struct span value);
void elect_on_move(struct elect *e, struct mono now, struct node *from, struct span value);

/* Terms take 48 bits on the wire. */
static inline void elect_put_term(struct wire_writer *w, uint64_t term)
{
	wire_put_u16(w, (uint16_t)(term >> 32));
	wire_put_u32(w, (uint32_t)term);
}

static inline uint64_t elect_get_term(struct wire_reader *r)
{
	uint64_t high = wire_u16(r);

	return high << 32 | wire_u32(r);
}

#define ELECT_TERM_MAX ((UINT64_C(1) << 48) - 2)

#endif

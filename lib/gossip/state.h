/* The inside of struct gossip, for the files of this folder only: gossip.c (what comes in and goes out), beat.c,
 * handshake.c (sessions), spread.c (claims about members), summary.c (the whole table, where it differs), suspicion.c
 * (votes and verdicts), vitals.c (signs of life), member.c (the table and its rings), share.c (records and items on their
 * way), queue.c (packets and events until they are fetched). */
#ifndef GOSSIP_STATE_H
#define GOSSIP_STATE_H

#include "base/prng.h"
#include "gossip/gossip.h"
#include "gossip/message.h"
#include "gossip/session.h"

enum {
	RINGS = 4,	   /* each gives two observers */
	FEW_BALANCERS = 4, /* up to so many observe each other, whatever the rings say */
	OBSERVERS_MAX = 2 * RINGS + FEW_BALANCERS - 1,
	FULL_MESH = 9,	     /* up to this many nodes everybody observes everybody */
	NEWS_BEATS = 8,	     /* beats that carry what changed of a member */
	NEWS_AT_ONCE = 8,    /* members in one beat's news */
	DEATHS_AT_ONCE = 16, /* in one beat; more take turns */
	FORGOTTEN_MAX = 256,
	VERDICT_BEATS = 3, /* at once for votes and deaths: one or two may get lost */
};

enum member_status { MEMBER_ALIVE, MEMBER_DEAD, MEMBER_LEFT };

struct vote {
	uint64_t voter;
	struct mono said_at;
};

/* One of the three hashes in a member's beats that is not ours. */
struct repair {
	struct mono differs_since; /* 0: equal */
	struct mono next;
	uint32_t wait_ms;
	unsigned int tries;
	uint64_t tried[2]; /* hashes, ours and theirs: of others it starts quickly again */
};

enum repair_kind { REPAIR_MEMBERS, REPAIR_RECORDS, REPAIR_ITEMS, REPAIRS };

struct member {
	/* what is known of it, by anyone */
	uint64_t id, epoch;
	uint32_t incarnation;
	enum member_status status;
	struct mono since;
	struct gossip_addr addr;
	bool balancer;
	uint8_t speaks_min, speaks_max;
	char name[GOSSIP_NAME_MAX + 1], version[GOSSIP_VERSION_MAX + 1];
	uint64_t place[RINGS]; /* in each ring */

	/* packets from it */
	bool has_session; /* in its epoch */
	struct replay window;
	struct mono session_at, epoch_at;
	struct mono heard_at;	 /* 0: never */
	struct mono sign_at;	 /* when anybody last heard it */
	struct mono hears_us_at; /* when it last heard us, by its own word, or may have done so */
	struct mono reached_at;	 /* when it surely heard us; 0: never */
	uint32_t its_stamp;
	struct mono its_stamp_at; /* 0: none yet */
	int64_t rtt_us;		  /* -1: none */
	uint64_t its_members;	  /* the hash of all that it knows of members, in its last beat */
	struct mono challenged_at, echoed_at, answered_since;
	uint32_t answered; /* packets, since answered_since */

	/* the link between it and us */
	bool is_neighbour;
	struct mono neighbour_since;
	bool lifeline_wanted, lifeline_open;
	struct mono lifeline_ended_at; /* 0: it stands, or its end was not the node's */
	bool voted;		       /* our vote stands against it */

	/* what others say against it */
	struct vote votes[MESSAGE_VOTERS_MAX];
	size_t n_votes;
	struct mono spoke_at; /* its own last beat, which had all its votes */
	bool dead_here;	      /* a verdict while we heard nobody: not told, undone by hearing it */
	struct mono contested_until; /* somebody says that the dead lives: our vote stands on */
	bool doubted; /* others say that it is dead in this incarnation; told, believed if it stays silent */
	struct mono doubted_at;
	uint32_t doubted_incarnation;
	enum gossip_state shown; /* in the last event */

	/* what it is sent */
	uint64_t sequence; /* of the last packet to it */
	bool beat_due, probe_due, tell_due;
	struct mono told_at, probe_at;
	unsigned int news_left; /* beats */
	bool is_news;		/* in this round of beats */
	struct repair repairs[REPAIRS];
};

struct peer {
	struct gossip_addr addr;
	struct mono next;
	unsigned int tries;
};

struct forgotten {
	uint64_t id, epoch;
	unsigned int news_left;
};

/* One packet without its head, or an event's bytes: at `at` in the queue's bytes. */
struct outgoing {
	uint64_t to;
	struct gossip_addr addr;
	bool to_all;
	size_t at, n;
};

struct queued_event {
	enum gossip_event_kind event;
	uint64_t id, epoch;
	enum gossip_state state, was;
	uint16_t key;
	uint8_t kind;
	bool wanted;
	struct gossip_addr addr;
	size_t at, n; /* value of a message, key of an item */
};

/* Grows with what one call brings, starts again when it has been drained. */
struct queue {
	void *entries;
	size_t n, room, next;
	uint8_t *bytes;
	size_t n_bytes, bytes_room;
};

struct gossip {
	/* this node; `self` is among the members */
	struct member *self;
	uint64_t sequence; /* of the last packet to somebody who is no member */
	uint32_t beat_us, silent_us;
	bool has_left;
	struct prng prng;
	struct nonces nonces;
	struct mono refute_full_at,
		jump_full_at; /* buckets of what is done about rumours of itself */

	/* others */
	struct member *members[GOSSIP_MEMBERS_MAX]; /* in the order of ids */
	size_t n_members;
	struct peer *peers;
	size_t n_peers;
	struct forgotten forgotten[FORGOTTEN_MAX];
	size_t n_forgotten, next_forgotten;
	struct member *neighbours[OBSERVERS_MAX]; /* our observers, and we are theirs */
	size_t n_neighbours;
	bool neighbours_stale, hash_stale;
	uint64_t members_hash;
	size_t n_alive, n_known; /* of members: the living; all but those that left */

	/* what is shared */
	struct records *records;
	struct items *items;
	bool merging; /* what the records' callback is told comes from others */

	/* time */
	struct mono next_beat, last_beat, ticked_for;
	struct mono beat_from;	     /* the earliest moment for the next beat */
	unsigned int urgent;	     /* beats at once, one after the other */
	struct mono listening_since; /* or since we listen again */
	struct mono lagged_until;
	struct mono heard_any_at, company_since; /* since when not alone */
	struct mono accused_at;
	bool unheard, alone;			 /* as of the last look */
	bool to_judge;				 /* votes changed */
	struct mono hello_full_at, echo_full_at; /* buckets of answers to senders without session */

	/* turns of what does not fit one beat */
	size_t votes_turn, deaths_turn, news_turn, vitals_turn;

	struct queue out, events;
	size_t all_next; /* of the outgoing packet to all: the member whose turn it is */
	size_t beats_next;
	uint8_t packet[GOSSIP_PAYLOAD_MAX];
	struct gossip_stats stats;
};

/* A packet's TLVs being written. */
struct draft {
	struct wire_writer w;
	uint8_t bytes[MESSAGE_BODY_MAX];
};

static inline void draft_start(struct draft *d)
{
	d->w = wire_write(d->bytes, sizeof(d->bytes));
}

static inline struct span draft_span(const struct draft *d)
{
	return span_of(d->bytes, wire_written(&d->w));
}

static inline bool draft_is_empty(const struct draft *d)
{
	return wire_written(&d->w) == 0;
}

static inline struct mono later(struct mono a, struct mono b)
{
	return a.us > b.us ? a : b;
}

static inline struct mono sooner(struct mono a, struct mono b)
{
	return a.us < b.us ? a : b;
}

static inline struct mono mono_add_us(struct mono t, uint64_t us)
{
	return (struct mono){t.us + us};
}

static inline bool is_set(struct mono t)
{
	return t.us != 0;
}

/* True where `us` have passed from a to now. */
static inline bool passed(struct mono a, struct mono now, uint64_t us)
{
	return now.us >= a.us && now.us - a.us >= us;
}

/* So many beats as soon as they may be sent. */
static inline void beat_soon(struct gossip *g, unsigned int beats)
{
	if (g->urgent < beats)
		g->urgent = beats;
}

/* --- queue.c --- */

void gossip_queue_free(struct queue *q);
void gossip_out_to(struct gossip *g, const struct member *m, struct span tlvs);
void gossip_out_to_address(
	struct gossip *g, uint64_t id, const struct gossip_addr *addr, struct span tlvs);
void gossip_out_to_all(struct gossip *g, struct span tlvs);
/* The next packet that is not a beat. */
bool gossip_out_next(
	struct gossip *g, uint64_t *ret_to, struct gossip_addr *ret_addr, struct span *ret);
void gossip_event_add(struct gossip *g, const struct queued_event *e, struct span bytes);
void gossip_event_member(struct gossip *g, enum gossip_event_kind kind, uint64_t id);

/* --- member.c --- */

/* By the first 32 bits of its id; NULL: nobody, or it could be two. */
struct member *member_find_prefix(const struct gossip *g, uint64_t id);
struct member *member_find(const struct gossip *g, uint64_t id);
/* NULL: no memory, or no room. Not told yet. */
struct member *member_add(struct gossip *g, uint64_t id, struct mono now);
void member_remove(struct gossip *g, struct member *m);
void member_set_details(struct gossip *g, struct member *m, const struct message_self *s);
void member_self_of(const struct member *m, struct message_self *ret);
void member_claim_of(const struct member *m, struct message_claim *ret);
void member_set_status(struct gossip *g, struct mono now, struct member *m,
	enum member_status status, bool dead_here);
/* Its changes ride in the next beats. */
void member_is_news(struct gossip *g, struct member *m);
/* What is shown of it may have changed: an event if so. */
void member_show(struct gossip *g, struct mono now, struct member *m);
uint64_t member_table_hash(struct gossip *g);
/* The observers of m among the living, m not included. */
size_t member_observers(
	const struct gossip *g, const struct member *m, struct member *ret[OBSERVERS_MAX]);
void member_neighbours_refresh(struct gossip *g, struct mono now);
struct forgotten *member_forgotten_find(struct gossip *g, uint64_t id);

/* --- suspicion.c --- */

/* A packet of its session came. */
void suspicion_heard(struct gossip *g, struct mono now, struct member *m);
/* It says when it last heard us. */
void suspicion_hears_us(
	struct gossip *g, struct mono now, struct member *m, const struct message_beat *b);
/* `direct`: from the voter itself. */
void suspicion_vote(struct gossip *g, struct mono now, const struct message_votes *v,
	const struct member *from);
/* It beat, and what it did not vote for now it does not vote for. */
void suspicion_sweep(struct gossip *g, struct mono now, struct member *voter);
/* Casts and withdraws our votes, ages the others', finds verdicts. */
void suspicion_look(struct gossip *g, struct mono now);
void suspicion_judge(struct gossip *g, struct mono now);
struct mono suspicion_deadline(const struct gossip *g);
void suspicion_lagged(struct gossip *g, struct mono now);
bool suspicion_vote_is_fresh(const struct gossip *g, struct mono now, const struct vote *v);
/* A majority of its live observers do not hear it. */
bool member_is_condemned(const struct gossip *g, struct mono now, const struct member *m);
bool member_is_heard(const struct gossip *g, struct mono now, const struct member *m);
bool member_link_works(const struct gossip *g, struct mono now, const struct member *m);
bool suspicion_is_lagging(const struct gossip *g, struct mono now);

/* --- vitals.c --- */

void vitals_put(struct gossip *g, struct mono now, struct wire_writer *w);
void vitals_next_turn(struct gossip *g); /* with every round of beats */
void vitals_input(struct gossip *g, struct mono now, struct span body);
/* A living one has shown no sign for too long; one that is dead here has not shown one since. */
bool vitals_are_out(const struct gossip *g, struct mono now, const struct member *m);
bool vitals_keep_dead(const struct gossip *g, struct mono now, const struct member *m);

/* --- spread.c --- */

/* A claim, by the member itself (`direct`) or by anyone else; details may be NULL if they are known. */
void spread_claim(struct gossip *g, struct gossip_time t, const struct message_claim *c,
	const struct message_self *details, bool direct);
void spread_deaths(struct gossip *g, struct gossip_time t, struct span body);
void spread_forget(struct gossip *g, struct gossip_time t, uint64_t id, uint64_t epoch);
bool spread_put_member(struct wire_writer *w, const struct member *m);
/* What news a beat has room for. */
void spread_put_news(struct gossip *g, struct wire_writer *w);
void spread_choose_news(struct gossip *g);
void spread_refute(struct gossip *g, struct mono now, uint32_t incarnation);

/* --- summary.c --- */

void summary_send(struct gossip *g, struct member *to);
void summary_input(struct gossip *g, struct gossip_time t, struct member *from, struct span body);

/* --- share.c --- */

bool share_new(struct gossip *g, const struct gossip_config *config);
void share_free(struct gossip *g);
void share_record(struct gossip *g, struct gossip_time t, struct span body);
void share_digest(struct gossip *g, struct gossip_time t, struct member *from, struct span body);
void share_want(struct gossip *g, struct gossip_time t, struct member *from, struct span body);
void share_item(struct gossip *g, struct gossip_time t, struct span body);
void share_buckets(struct gossip *g, struct gossip_time t, struct member *from, struct span body);
void share_list(struct gossip *g, struct gossip_time t, struct member *from, struct span body);
void share_send_digest(struct gossip *g, struct member *to);
void share_send_buckets(struct gossip *g, struct member *to);
void share_forget(struct gossip *g, uint64_t id);
void share_expire(struct gossip *g, struct mono now);
/* Whether this member may have one more packet in answer now. */
bool share_may_answer(struct gossip *g, struct mono now, struct member *m);

/* --- handshake.c --- */

void handshake_put_challenge(struct gossip *g, struct gossip_time t, struct wire_writer *w,
	const struct member *m, uint64_t to_epoch);
/* Where and from whom a packet without a session came. */
struct arrival {
	const struct gossip_addr *from;
	uint64_t sender;
	bool addressed;
	struct message_head head;
	struct wire_reader tlvs;
	struct member *in_session; /* NULL: no session, or not of this epoch */
};
void handshake_input(struct gossip *g, struct gossip_time t, const struct arrival *a);
/* A number of a session that was seen before. */
void handshake_replayed(struct gossip *g, struct gossip_time t, const struct arrival *a);
void handshake_tick(struct gossip *g, struct gossip_time t); /* with every beat */
/* This node goes on above `epoch`. */
void handshake_jump(struct gossip *g, struct mono now, uint64_t epoch);

/* --- beat.c --- */

void beat_tick(struct gossip *g, struct gossip_time t);
/* A packet has come: whether the next beat, which may be sent already, is due now. So it needs no waking of its own. */
bool beat_goes_along(struct gossip *g, struct mono now);
struct mono beat_urgent_at(const struct gossip *g);
bool beat_next(struct gossip *g, struct gossip_time t, struct draft *d, struct member **ret_to);
void beat_input(struct gossip *g, struct gossip_time t, struct member *from, struct span body);
void beat_votes(struct gossip *g, struct gossip_time t, struct member *from, struct span body);

#endif

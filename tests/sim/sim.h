/* A whole cluster in one process, on virtual time: the gossip and election code of the daemon, a network
 * that loses, delays, doubles, reorders and cuts, kernels that keep addresses for as long as their leases
 * last, and faults. One scenario (scenario.h) gives one run, always the same. After every step it is
 * checked what must hold (check.h); the first thing that does not ends the run. */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "agenda.h"
#include "base/prng.h"
#include "elect/elect.h"
#include "gossip/gossip.h"
#include "scenario.h"

enum {
	SIM_LEASE_US = 2000000,	    /* valid_lft of an address */
	SIM_LEASE_LATE_US = 420000, /* by which the kernel was seen to be late */
	SIM_RENEW_US = 500000,
	SIM_OVERLAP_US = 2500000, /* two hosts answer for one address no longer */
	SIM_ITEM_US = 50000,	  /* a write is everywhere, where nothing is wrong */
	SIM_OVERHEAD = 64 + 28,	  /* seal, UDP and IPv4 */
	SIM_DATAGRAM_MAX = 1400,
	SIM_TAPE = 32, /* packets kept to be sent again */
};

struct slot {
	uint32_t from, dest; /* nodes */
	uint64_t to;	     /* id that it was sealed for, 0: for whoever is there */
	uint32_t next;	     /* in a list of slots; UINT32_MAX ends it */
	uint32_t n;
	uint8_t payload[GOSSIP_PAYLOAD_MAX];
};

struct network {
	struct slot **slots;
	uint32_t n_slots, free; /* free: first of the list */
	uint32_t loss, doubled; /* in 1/65536 */
	uint32_t shuffle_us;
	uint8_t cut[SIM_NODES_MAX + 1][SIM_NODES_MAX + 1]; /* [from][to], how many faults cut it */
	uint64_t
		passable_since; /* no more than half of the packets got lost since, where that is so */
	uint64_t clear_since[SIM_NODES_MAX][SIM_NODES_MAX]; /* both ways, and both nodes running */
	bool taping;
	struct slot tape[SIM_TAPE];
	uint32_t taped;
};

enum run_state { NODE_DOWN, NODE_RUNNING, NODE_PAUSED, NODE_OFF /* as is its host */ };

struct lifeline {
	bool wanted, open;
	uint32_t generation; /* events of earlier ones are void */
	uint32_t run;	     /* of the target that it leads to */
};

struct node {
	uint32_t index;
	char name[16];
	uint64_t id;
	struct gossip_addr addr;
	bool balancer;

	enum run_state state;
	uint32_t run; /* counts starts */
	struct gossip *gossip;
	struct elect *elect; /* NULL: no balancer */
	bool leaving;
	bool cannot[SIM_VIPS_MAX]; /* it finds no room for the address */
	uint8_t digest;		   /* of its configuration */
	uint64_t armed;		   /* when it is ticked, UINT64_MAX: never */
	uint64_t paused_at;
	uint32_t backlog, backlog_end, backlog_n; /* of its socket, while it is paused */
	struct lifeline lifelines[SIM_NODES_MAX];

	int64_t wall_ms;  /* its clock's lead */
	uint64_t mono_us; /* what its monotonic clock had when the world began */

	uint64_t stored_epoch; /* on its disk */
	uint8_t *stored_items;
	size_t stored_bytes;
	bool served_alone; /* since its host was booted */

	bool holds[SIM_VIPS_MAX];     /* as its process sees it */
	uint64_t lease[SIM_VIPS_MAX]; /* its interface has the address until then, 0: not */
	uint64_t since[SIM_VIPS_MAX]; /* on its interface */
	uint64_t term[SIM_VIPS_MAX];  /* of what it holds */

	uint64_t bytes_out; /* all headers included */
	uint32_t said;	    /* counts its records */
};

struct check; /* check.c */

/* What a run gave, for measurements. */
struct sim_figures {
	uint64_t steps, packets, deaths, false_deaths;
	uint64_t converged_us; /* after the last fault */
	uint64_t overlap_us;   /* the longest time that two processes held one address */
};

struct sim {
	struct scenario scenario;
	struct prng rng;
	uint64_t now; /* microseconds */
	uint64_t end;
	struct agenda agenda;
	struct network net;
	struct node nodes[SIM_NODES_MAX];
	uint32_t n;
	uint32_t faults_active;
	uint64_t calm_since; /* no fault is active, and none was changed since */
	struct check *check;
	struct sim_figures figures;
	bool verbose;
	char failure[256]; /* empty: none */

	/* For measurements; NULL: nobody asks. */
	void (*on_state)(
		struct sim *s, struct node *observer, uint64_t id, enum gossip_state state);
	void (*on_hold)(struct sim *s, struct node *node, uint32_t vip);
	void *arg;
};

/* Builds the cluster and starts its nodes. */
void sim_init(struct sim *s, const struct scenario *scenario, bool verbose);
void sim_release(struct sim *s);

/* Goes on until `until`, the end, or a failure: false. */
bool sim_run(struct sim *s, uint64_t until);

/* Draws or reads nothing; runs a scenario to its end. False: `failure` says what was wrong. */
bool sim_whole(struct sim *s, const struct scenario *scenario, bool verbose);

/* Deaths are no surprise from now on: something is about to be done that no scenario says. */
void sim_forgive(struct sim *s);

static inline uint64_t sim_below(struct sim *s, uint64_t bound)
{
	return prng_below(&s->rng, bound);
}

static inline bool sim_chance(struct sim *s, uint32_t in_65536)
{
	return in_65536 > 0 && (prng_next(&s->rng) >> 48) < in_65536;
}

struct node *sim_node(struct sim *s, uint64_t id); /* NULL: none of ours */

/* A line of the story, if it is told. */
void sim_say(struct sim *s, const struct node *node, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* What must not be: the first one stands. */
void sim_fail(struct sim *s, const struct node *node, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif

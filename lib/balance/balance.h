/* Chooses one of n servers: a pure function over an immutable plan and the caller's counters. A
 * plan is built whenever weights or states change and may be read by any number of threads at once;
 * what moves (ticket, load, servers already tried) comes in with each draw, so that all workers of
 * a process share one sequence and a round robin is exact whatever their number.
 *
 *	struct balance_plan *p = balance_plan_new(BALANCE_ROUNDROBIN, targets, n);
 *	int i = balance_pick(p, &(struct balance_draw){.ticket = atomic_fetch_add(&tickets, 1)});
 */
#ifndef BALANCE_BALANCE_H
#define BALANCE_BALANCE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum balance_algo { BALANCE_ROUNDROBIN, BALANCE_LEASTCONN, BALANCE_SOURCE, BALANCE_RANDOM2 };

enum {
	BALANCE_NONE = -1, /* nothing to choose from: no target, or each is at weight 0 or tried */
	BALANCE_FULL = -2, /* there are candidates, but all of them are at max_active */
	BALANCE_TARGETS_MAX = 65535,
};

struct balance_target {
	uint32_t id;	     /* indexes `active` of a draw */
	uint32_t weight;     /* share of the load; 0: never chosen */
	uint32_t max_active; /* 0: no limit */
	uint64_t name_hash;  /* places the target on the ring; must not change over its life */
};

struct balance_plan;

/* Copies the n targets (0 … BALANCE_TARGETS_MAX). Returns owned, NULL when out of memory. */
struct balance_plan *balance_plan_new(
	enum balance_algo algo, const struct balance_target *t, size_t n);
void balance_plan_free(struct balance_plan *p); /* NULL is allowed */

/* One choice. All pointers are borrowed for the call. */
struct balance_draw {
	/* from one counter for all threads: roundrobin's place, leastconn's way to break ties */
	uint64_t ticket;
	uint64_t source_hash;		/* keyed hash of the client's address, for source */
	uint64_t random;		/* fresh random bits, for random2 */
	const _Atomic uint32_t *active; /* open connections by id, read relaxed; NULL: all idle */
	const uint16_t *tried;		/* what balance_pick returned before for this connection */
	unsigned n_tried;
};

/* Index into the targets given to balance_plan_new, or BALANCE_NONE or BALANCE_FULL. Reserves
 * nothing: the caller counts the connection, and threads that choose at the same instant may pass
 * max_active by as many. */
int balance_pick(const struct balance_plan *p, const struct balance_draw *d);

#endif

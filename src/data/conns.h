/* The connections of a worker: memory in slabs that are never given back, a free list through them,
 * and a walk over those in use. owner: worker. */
#ifndef DATA_CONNS_H
#define DATA_CONNS_H

#include <stdbool.h>
#include <stdint.h>

struct conn;
struct conns_slab;

struct conns {
	struct conns_slab *slabs;
	struct conn *free;
	uint32_t open;
	uint32_t sequence;	 /* numbers connections */
	struct conns_slab *walk; /* where a walk goes on; NULL: at the first */
	uint32_t n_slabs, walk_left;
};

/* Zeroed but for its step, which is not STEP_FREE, and its number. NULL: out of memory. */
struct conn *conns_take(struct conns *cs);
void conns_give(struct conns *cs, struct conn *c);
void conns_release(struct conns *cs); /* all were given back */

/* Calls for each connection in use, until it returns false. It may finish the connection it is
 * called with, no other. */
typedef bool conns_cb(struct conn *c, void *arg);
void conns_each(struct conns *cs, conns_cb *cb, void *arg);

/* The same in steps of at most CONNS_STEP connections, between which they come and go as they like: from its beginning
 * on, a walk meets each one that stays. One at a time; another that begins meanwhile takes its place, and goes on from
 * where it stood, so that walks that are begun again and again still come round. */
enum { CONNS_STEP = 64 };
void conns_walk_begin(struct conns *cs);
bool conns_walk(struct conns *cs, conns_cb *cb, void *arg); /* false: it is over */

#endif

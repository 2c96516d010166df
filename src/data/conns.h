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
	uint32_t sequence; /* numbers connections */
};

/* Zeroed but for its step, which is not STEP_FREE, and its number. NULL: out of memory. */
struct conn *conns_take(struct conns *cs);
void conns_give(struct conns *cs, struct conn *c);
void conns_release(struct conns *cs); /* all were given back */

/* Calls for each connection in use, until it returns false. It may finish the connection it is
 * called with, no other. */
typedef bool conns_cb(struct conn *c, void *arg);
void conns_each(struct conns *cs, conns_cb *cb, void *arg);

#endif

/* A generation: one configuration in use. A reload makes the next one; the one before lives as long as a connection, a
 * worker or a view needs it.
 *
 * What outlives a configuration (tallies, load, queues, tickets) is indexed by slots: numbers of names that are the same
 * in every generation. A configuration's own indexes (listeners[i], a route's backend) are turned into slots here.
 *
 * Made, counted and freed by control; immutable for everyone else. A worker that takes up a generation counts itself as
 * one user while a view of that generation is in its hands; a connection is counted by its worker alone. */
#ifndef GENERATION_H
#define GENERATION_H

#include "base/list.h"
#include "config/config.h"
#include "slots.h"

#include <stdatomic.h>
#include <stdint.h>

enum {
	GENERATIONS_MAX = 64,		    /* alive at the same time */
	GENERATION_NO_BACKEND = UINT16_MAX, /* a slot that is none */
};

/* What the workers listen on: fds[worker]. The sockets are src/sockets.h's. */
struct generation_socket {
	uint32_t number;   /* of the address, the same in every generation */
	uint16_t listener; /* slot */
	const int *fds;
};

struct generation {
	/* immutable */
	uint32_t number; /* from 1 */
	const struct config *config;
	uint32_t n_listeners, n_backends; /* slots given out when it was made: only ever more */
	const struct config_listener **listeners; /* by slot; NULL: not in this generation */
	const struct config_backend **backends;	  /* by slot; NULL: not in this generation */
	uint16_t *listener_slots, *backend_slots; /* by index in the configuration */
	uint32_t *limit_slots;			  /* of the routes' limits, by their `table` */
	struct generation_socket *sockets;
	size_t n_sockets;
	/* writers: workers */
	_Atomic uint32_t users;
	/* owner: control */
	struct generations *all;
	struct list in_all;
	struct config *owned; /* goes with it; NULL: somebody else's */
	unsigned views;	      /* that are of it; 0: no worker can take it up any more */
};

/* owner: control */
struct generations {
	struct slots listeners, backends, limits;
	struct list alive; /* oldest first */
	uint32_t n_alive;
	uint32_t number;
	void (*release)(struct config *c); /* of configurations owned */
};

struct generations_limits {
	uint32_t listeners, backends, limits; /* slots */
};

/* False: out of memory. */
bool generations_init(struct generations *all, const struct generations_limits *limits,
	void (*release)(struct config *c));
void generations_release(struct generations *all); /* nobody uses any more */

/* Borrows the configuration; whoever sets `owned` gives it away. NULL: `why` says what was refused. */
struct generation *generation_new(
	struct generations *all, const struct config *config, char *why, size_t why_size);

/* A view of it is made; and: is gone. thread: control */
void generation_add_view(struct generation *g);
void generation_drop_view(struct generation *g);

/* Neither a view nor a worker has it. thread: control */
bool generation_is_over(const struct generation *g);
void generation_free(struct generation *g);

/* Any thread, on a generation it may use. */
static inline uint16_t generation_backend_slot(const struct generation *g, int backend)
{
	return backend < 0 ? (uint16_t)GENERATION_NO_BACKEND : g->backend_slots[backend];
}

static inline const struct config_listener *generation_listener(
	const struct generation *g, uint32_t slot)
{
	return slot < g->n_listeners ? g->listeners[slot] : NULL;
}

static inline const struct config_backend *generation_backend(
	const struct generation *g, uint32_t slot)
{
	return slot < g->n_backends ? g->backends[slot] : NULL;
}

/* NULL: it is gone. thread: control */
const struct generation *generations_find(const struct generations *all, uint32_t number);

/* Those that workers have: the newest, and earlier ones that connections are still of. thread: control */
unsigned generations_in_use(const struct generations *all);

/* The name of a listener or backend that may be in no generation any more; "?" where it never was. thread: control */
const char *generations_listener_name(const struct generations *all, uint32_t slot);
const char *generations_backend_name(const struct generations *all, uint32_t slot);

#endif

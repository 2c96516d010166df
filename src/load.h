/* Load: the few counters that a choice needs exact across all workers. Everything else is share-nothing.
 *
 * Lock-free, relaxed: a counter is its own truth and orders nothing else. doc/decisions says why these are shared:
 * round-robin exact to one, limits exact per process, and max_connections exact per server. */
#ifndef LOAD_H
#define LOAD_H

#include "base/span.h"
#include "generation.h"
#include "ratelimit/sources.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct load_ticket {
	alignas(64) _Atomic uint64_t next;
};

typedef _Atomic(struct sources *) load_sources;

/* owner: daemon; writers: all workers (atomic); readers: anyone. */
struct load {
	alignas(64) _Atomic uint32_t connections; /* client connections open in this process */
	uint8_t hash_key[16]; /* secret of this process's tables keyed by outsiders */
	uint32_t n_backends, n_listeners, n_limits, max_servers;
	struct load_ticket *tickets; /* by backend slot */
	_Atomic uint32_t *queued;    /* by backend slot: who waits for a server with room */
	_Atomic uint32_t *active;    /* by server id: connections open or being opened to it */
	/* writer: control, before it publishes the generation that needs them */
	load_sources per_source; /* limits.connections_per_source; NULL: there never was a limit */
	load_sources per_password;  /* verifications; NULL: no route ever asked for one */
	load_sources *per_limit;    /* by slot of a route's limit on requests */
	load_sources *per_listener; /* by listener slot: its rate limit; NULL entries: none */
};

/* How many slots and server ids there can be at a time. */
struct load_size {
	uint32_t listeners, backends, limits, servers;
};

/* Returns owned; NULL: out of memory. libsodium is initialised before. */
struct load *load_new(const struct load_size *size);
void load_free(struct load *load); /* no worker runs any more; NULL is allowed */

/* Before the generation is published: makes the tables of sources that it needs and are not there yet. False: out of
 * memory. thread: control */
bool load_prepare(struct load *load, const struct generation *g);

/* After a generation was freed: frees the tables that no generation needs. thread: control */
void load_sweep(struct load *load, const struct generations *all);

static inline struct sources *load_sources_of(load_sources *table)
{
	return atomic_load_explicit(table, memory_order_relaxed);
}

/* A source (addr_source_key) under this process's secret, as lib/ratelimit and lib/balance want it: never 0. */
uint64_t load_hash_source(const struct load *load, const struct addr *source);

/* The same of what a client says: a host, a field's value. */
uint64_t load_hash_text(const struct load *load, struct span text);

/* Counts one more connection to a server unless that would pass `max` (0: no limit): exact across threads.
 * load_leave_server must follow. */
bool load_enter_server(struct load *load, uint32_t server, uint32_t max);
void load_leave_server(struct load *load, uint32_t server);

/* Counts one more that waits for a server of this backend, unless `max` wait already; CONFIG_QUEUE_ANY: no limit. */
bool load_enter_queue(struct load *load, uint32_t backend, uint32_t max);
void load_leave_queue(struct load *load, uint32_t backend);

/* The same for connections of the whole process. */
bool load_enter(struct load *load, uint32_t max);
void load_leave(struct load *load);

#endif

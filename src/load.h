/* Load: the few counters that a choice needs exact across all workers. Everything else is share-nothing.
 *
 * Lock-free, relaxed: a counter is its own truth and orders nothing else. doc/decisions says why these are shared:
 * round-robin exact to one, limits exact per process, and max_connections exact per server. */
#ifndef LOAD_H
#define LOAD_H

#include "ratelimit/sources.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>

struct load_ticket {
	alignas(64) _Atomic uint64_t next;
};

/* owner: daemon; writers: all workers (atomic); readers: anyone. */
struct load {
	alignas(64) _Atomic uint32_t connections; /* client connections open in this process */
	uint8_t hash_key[16]; /* secret of this process's tables keyed by outsiders */
	uint32_t n_backends, n_listeners, max_servers;
	struct load_ticket *tickets;   /* by backend index */
	_Atomic uint32_t *active;      /* by server id: connections open or being opened to it */
	struct sources *per_source;    /* limits.connections_per_source; NULL: no limit */
	struct sources **per_listener; /* by listener index: its rate limit; NULL entries: none */
};

#endif

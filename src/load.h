/* Load: the few counters that a choice needs exact across all workers. Everything else is share-nothing.
 *
 * Lock-free, relaxed: a counter is its own truth and orders nothing else. doc/decisions says why these are shared:
 * round-robin exact to one, limits exact per process, and max_connections exact per server. */
#ifndef LOAD_H
#define LOAD_H

#include "base/span.h"
#include "config.h"
#include "ratelimit/sources.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct load_ticket {
	alignas(64) _Atomic uint64_t next;
};

/* owner: daemon; writers: all workers (atomic); readers: anyone. */
struct load {
	alignas(64) _Atomic uint32_t connections; /* client connections open in this process */
	uint8_t hash_key[16]; /* secret of this process's tables keyed by outsiders */
	uint32_t n_backends, n_listeners, max_servers;
	struct load_ticket *tickets; /* by backend index */
	_Atomic uint32_t *active;    /* by server id: connections open or being opened to it */
	struct sources *per_source;  /* limits.connections_per_source; NULL: no limit */
	uint32_t n_limits;
	struct sources **per_limit;    /* by index of a route's limit on requests */
	struct sources **per_listener; /* by listener index: its rate limit; NULL entries: none */
};

/* Sized for the configuration; max_servers bounds the server ids ever given out. Returns owned; NULL: out of
 * memory. libsodium is initialised before. */
struct load *load_new(const struct config *config, uint32_t max_servers);
void load_free(struct load *load); /* no worker runs any more; NULL is allowed */

/* A source (addr_source_key) under this process's secret, as lib/ratelimit and lib/balance want it: never 0. */
uint64_t load_hash_source(const struct load *load, const struct addr *source);

/* The same of what a client says: a host, a field's value. */
uint64_t load_hash_text(const struct load *load, struct span text);

/* Counts one more connection to a server unless that would pass `max` (0: no limit): exact across threads.
 * load_leave_server must follow. */
bool load_enter_server(struct load *load, uint32_t server, uint32_t max);
void load_leave_server(struct load *load, uint32_t server);

/* The same for connections of the whole process. */
bool load_enter(struct load *load, uint32_t max);
void load_leave(struct load *load);

#endif

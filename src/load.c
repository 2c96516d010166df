#include "load.h"

#include <sodium.h>
#include <stdlib.h>

/* A rate limit must remember sources between their connections, so that its table is sized apart from the
 * number of connections that may be open; a source that fell out begins with a full bucket. */
enum { RATED_SOURCES = 32768 };

/* Many routes with limits share what memory there is for them. */
enum { RATED_SOURCES_ALL = 16 * RATED_SOURCES, RATED_SOURCES_LEAST = 256 };

_Static_assert(sizeof(((struct load *)0)->hash_key) == crypto_shorthash_KEYBYTES,
	"key of crypto_shorthash");

static size_t rated_sources(uint32_t n_limits)
{
	uint32_t share = RATED_SOURCES_ALL / n_limits;

	if (share > RATED_SOURCES)
		return RATED_SOURCES;
	return share > RATED_SOURCES_LEAST ? share : RATED_SOURCES_LEAST;
}

/* --- tables of sources --- */

/* False: out of memory. */
static bool make(load_sources *table, size_t size)
{
	if (!load_sources_of(table))
		atomic_store_explicit(table, sources_new(size), memory_order_relaxed);
	return load_sources_of(table) != NULL;
}

static bool prepare_listener(struct load *load, const struct generation *g, uint32_t slot)
{
	const struct config_listener *l = g->listeners[slot];

	if (!l)
		return true;
	if (l->rate_limit.count > 0 && !make(&load->per_listener[slot], RATED_SOURCES))
		return false;
	for (size_t i = 0; i < l->n_routes; i++) {
		const struct config_request_limit *limit = &l->routes[i].limit;

		if (l->routes[i].auth.file && !make(&load->per_password, RATED_SOURCES))
			return false;
		if (limit->count > 0 && !make(&load->per_limit[g->limit_slots[limit->table]],
						rated_sources(g->config->n_request_limits)))
			return false;
	}
	return true;
}

bool load_prepare(struct load *load, const struct generation *g)
{
	const struct config_limits *limits = &g->config->limits;

	if (limits->connections_per_source > 0 && !make(&load->per_source, limits->connections))
		return false;
	for (uint32_t i = 0; i < g->n_listeners; i++)
		if (!prepare_listener(load, g, i))
			return false;
	return true;
}

static void drop(load_sources *table)
{
	sources_free(load_sources_of(table));
	atomic_store_explicit(table, NULL, memory_order_relaxed);
}

static void sweep(load_sources *tables, const struct slots *slots)
{
	for (uint32_t i = 0; i < slots->n; i++)
		if (slots->all[i].users == 0)
			drop(&tables[i]);
}

void load_sweep(struct load *load, const struct generations *all)
{
	sweep(load->per_listener, &all->listeners);
	sweep(load->per_limit, &all->limits);
}

/* --- life --- */

struct load *load_new(const struct load_size *size)
{
	struct load *load = aligned_alloc(alignof(struct load), sizeof(*load));
	size_t tickets = (size->backends + 1) * sizeof(struct load_ticket);

	if (!load)
		return NULL;
	*load = (struct load){
		.n_backends = size->backends,
		.n_listeners = size->listeners,
		.n_limits = size->limits,
		.max_servers = size->servers,
	};
	crypto_shorthash_keygen(load->hash_key);
	load->tickets = aligned_alloc(alignof(struct load_ticket), tickets);
	load->active = calloc(size->servers + 1, sizeof(*load->active));
	load->queued = calloc(size->backends + 1, sizeof(*load->queued));
	load->per_listener = calloc(size->listeners + 1, sizeof(*load->per_listener));
	load->per_limit = calloc(size->limits + 1, sizeof(*load->per_limit));
	if (!load->tickets || !load->active || !load->queued || !load->per_listener ||
		!load->per_limit) {
		load_free(load);
		return NULL;
	}
	for (size_t i = 0; i <= size->backends; i++)
		atomic_init(&load->tickets[i].next, 0);
	return load;
}

void load_free(struct load *load)
{
	if (!load)
		return;
	for (uint32_t i = 0; load->per_listener && i < load->n_listeners; i++)
		drop(&load->per_listener[i]);
	for (uint32_t i = 0; load->per_limit && i < load->n_limits; i++)
		drop(&load->per_limit[i]);
	drop(&load->per_source);
	drop(&load->per_password);
	free(load->per_limit);
	free(load->per_listener);
	free(load->active);
	free(load->queued);
	free(load->tickets);
	sodium_memzero(load->hash_key, sizeof(load->hash_key));
	free(load);
}

uint64_t load_hash_source(const struct load *load, const struct addr *source)
{
	uint8_t key[ADDR_SOURCE_BYTES];

	addr_source_key(source, key);
	return load_hash_text(load, span_of(key, sizeof(key)));
}

uint64_t load_hash_text(const struct load *load, struct span text)
{
	uint8_t out[crypto_shorthash_BYTES];
	uint64_t hash;

	crypto_shorthash(out, text.p, text.n, load->hash_key);
	memcpy(&hash, out, sizeof(hash));
	return hash ? hash : 1;
}

static bool enter(_Atomic uint32_t *count, uint32_t max)
{
	uint32_t n = atomic_load_explicit(count, memory_order_relaxed);

	do {
		if (max > 0 && n >= max)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
		count, &n, n + 1, memory_order_relaxed, memory_order_relaxed));
	return true;
}

bool load_enter_server(struct load *load, uint32_t server, uint32_t max)
{
	return enter(&load->active[server], max);
}

void load_leave_server(struct load *load, uint32_t server)
{
	atomic_fetch_sub_explicit(&load->active[server], 1, memory_order_relaxed);
}

bool load_enter_queue(struct load *load, uint32_t backend, uint32_t max)
{
	return max > 0 && enter(&load->queued[backend], max == CONFIG_QUEUE_ANY ? 0 : max);
}

void load_leave_queue(struct load *load, uint32_t backend)
{
	atomic_fetch_sub_explicit(&load->queued[backend], 1, memory_order_relaxed);
}

bool load_enter(struct load *load, uint32_t max)
{
	return enter(&load->connections, max);
}

void load_leave(struct load *load)
{
	atomic_fetch_sub_explicit(&load->connections, 1, memory_order_relaxed);
}

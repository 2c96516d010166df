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

static bool make_sources(struct load *load, const struct config *config)
{
	if (config->limits.connections_per_source > 0) {
		load->per_source = sources_new(config->limits.connections);
		if (!load->per_source)
			return false;
	}
	for (uint32_t i = 0; i < load->n_listeners; i++) {
		if (config->listeners[i].rate_limit.count == 0)
			continue;
		load->per_listener[i] = sources_new(RATED_SOURCES);
		if (!load->per_listener[i])
			return false;
	}
	for (uint32_t i = 0; i < load->n_limits; i++) {
		load->per_limit[i] = sources_new(rated_sources(load->n_limits));
		if (!load->per_limit[i])
			return false;
	}
	return true;
}

struct load *load_new(const struct config *config, uint32_t max_servers)
{
	struct load *load = aligned_alloc(alignof(struct load), sizeof(*load));
	size_t tickets = (config->n_backends + 1) * sizeof(struct load_ticket);

	if (!load)
		return NULL;
	*load = (struct load){
		.n_backends = (uint32_t)config->n_backends,
		.n_listeners = (uint32_t)config->n_listeners,
		.n_limits = config->n_request_limits,
		.max_servers = max_servers,
	};
	crypto_shorthash_keygen(load->hash_key);
	load->tickets = aligned_alloc(alignof(struct load_ticket), tickets);
	load->active = calloc(max_servers + 1, sizeof(*load->active));
	load->per_listener = calloc(config->n_listeners + 1, sizeof(*load->per_listener));
	load->per_limit = calloc(load->n_limits + 1, sizeof(*load->per_limit));
	if (!load->tickets || !load->active || !load->per_listener || !load->per_limit ||
		!make_sources(load, config)) {
		load_free(load);
		return NULL;
	}
	for (size_t i = 0; i <= config->n_backends; i++)
		atomic_init(&load->tickets[i].next, 0);
	return load;
}

void load_free(struct load *load)
{
	if (!load)
		return;
	for (uint32_t i = 0; load->per_listener && i < load->n_listeners; i++)
		sources_free(load->per_listener[i]);
	for (uint32_t i = 0; load->per_limit && i < load->n_limits; i++)
		sources_free(load->per_limit[i]);
	sources_free(load->per_source);
	free(load->per_limit);
	free(load->per_listener);
	free(load->active);
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

bool load_enter(struct load *load, uint32_t max)
{
	return enter(&load->connections, max);
}

void load_leave(struct load *load)
{
	atomic_fetch_sub_explicit(&load->connections, 1, memory_order_relaxed);
}

#include "data/http_limit.h"

#include "data/worker_inside.h"
#include "http/bytes.h"
#include "ratelimit/sources.h"

static uint64_t hash_of_host(struct http_exchange *x)
{
	char host[HOSTNAME_SIZE];
	int n = hostname_normalize(x->request.host.host, host);

	return load_hash_text(
		x->conn->worker->load, n > 0 ? span_of(host, (size_t)n) : x->request.host.host);
}

/* A request without the field is counted by its source. */
static uint64_t hash_of_field(struct http_exchange *x, const char *name, struct span bytes)
{
	const struct load *load = x->conn->worker->load;

	for (unsigned i = 0; i < x->head.n_fields; i++)
		if (http_is(http_part(bytes, x->head.fields[i].name), name))
			return load_hash_text(load, http_part(bytes, x->head.fields[i].value));
	return load_hash_source(load, &x->conn->client);
}

static uint64_t hash_of(
	struct http_exchange *x, const struct config_request_limit *limit, struct span bytes)
{
	switch (limit->by) {
	case LIMIT_BY_HOST:
		return hash_of_host(x);
	case LIMIT_BY_HEADER:
		return hash_of_field(x, limit->header, bytes);
	case LIMIT_BY_SOURCE:
		break;
	}
	return load_hash_source(x->conn->worker->load, &x->conn->client);
}

bool http_limit_is_exceeded(struct http_exchange *x, const struct config_request_limit *limit,
	struct span bytes, unsigned *ret_wait_s)
{
	const struct sources_limit rate = {
		.count = limit->count, .per_us = limit->per_ms * 1000, .burst = limit->burst};
	struct worker *w = x->conn->worker;
	load_sources *table;
	uint64_t wait_us;

	if (limit->count == 0)
		return false;
	table = &w->load->per_limit[http_exchange_generation(x)->limit_slots[limit->table]];
	if (sources_take(load_sources_of(table), hash_of(x, limit, bytes), worker_now(w), &rate,
		    &wait_us) != SOURCES_TOO_FAST)
		return false;
	*ret_wait_s = (unsigned)(wait_us / 1000000) + 1;
	return true;
}

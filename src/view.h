/* A view: what workers need to know of backends and servers at one moment, never changed after publishing.
 *
 * Built by control from the configuration, the health and the admin state; published through lib/qsbr. A worker
 * loads the pointer at the start of a callback, may use it until that callback returns, and never stores it. */
#ifndef VIEW_H
#define VIEW_H

#include "balance/balance.h"
#include "config.h"

struct view_server {
	uint32_t id;		  /* indexes load.active and the tallies */
	uint32_t max_connections; /* 0: no limit; as in the plan, where it is a hint */
	struct addr addr;
	char name[64]; /* cut where longer: for display on the worker's side only */
};

/* plan is over the servers that may be chosen; the index it picks is one of servers[]. Where every server of the
 * backend is down by its checks, the plan holds all that are not in maintenance or drain (fails open). */
struct view_backend {
	const struct config_backend *conf;
	struct view_server *servers;
	size_t n_servers;
	struct balance_plan *plan;
	bool failing_open;
};

struct view {
	uint64_t number; /* counts up with each publish */
	const struct config *config;
	struct view_backend *backends; /* same order as config->backends */
	size_t n_backends;
};

/* owner: the caller until published. NULL: out of memory. Arrays are zeroed; plans are given by the builder. */
struct view *view_new(const struct config *config);
bool view_backend_reserve(struct view_backend *b, size_t n_servers);
void view_free(void *view); /* as lib/qsbr wants it */

#endif

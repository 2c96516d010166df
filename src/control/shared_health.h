/* What all balancers see of every server: each publishes its own view, and hears the others'. What follows from it is
 * decided by lib/health/merge.h: a death that another node reports is looked into at once, in a burst of checks; before
 * the first check of this node the others' verdict holds; where no server is usable here, those that others reach
 * come before those that nobody does. A client's connect that fails on one node is told to all.
 *
 * A view is fresh while the node that has it is alive and has checked the server itself. owner: control; thread: control. */
#ifndef CONTROL_SHARED_HEALTH_H
#define CONTROL_SHARED_HEALTH_H

#include "control/control.h"
#include "health/merge.h"

#include <stdbool.h>

struct shared_health;

struct shared_health_hooks {
	void (*look_again)(struct control *c, struct server *s); /* begin a burst of checks */
	void (*reach)(struct control *c,
		unsigned percent); /* of the servers that anybody reaches, so many this node does */
};

/* After the cluster and the servers; publishes from cluster_start() on. Hooks may be NULL. NULL: out of memory. */
struct shared_health *shared_health_new(struct control *c, const struct shared_health_hooks *hooks);
void shared_health_free(struct shared_health *h); /* NULL is allowed */

/* For servers_hooks: added, removed, observed. */
void shared_health_added(struct shared_health *h, struct server *s);
void shared_health_removed(struct shared_health *h, struct server *s);
void shared_health_observed(struct shared_health *h, struct server *s);

/* A client's connect failed here: the others hear of it, at most five times a second for each server. */
void shared_health_connect_failed(struct shared_health *h, uint32_t server_id, int error);

/* Every server that is checked has been, here or by a node that is heard: connections may come. */
bool shared_health_is_settled(const struct shared_health *h);

/* Servers that only this node cannot reach, others do: for longer than others may take to check, see health/reach.h.
 * They lower this node's claim to virtual addresses. */
bool shared_health_is_lost(const struct shared_health *h, const struct server *s);
unsigned shared_health_unreachable(const struct control *c);

/* --- for show health --- */

/* One node's view; this node's is the first, then those of the others that have one, by name. */
struct shared_view {
	const char *node;
	enum health_view state;
	bool fresh;
	enum check_status status;
	int code;
	uint64_t checked_wall_us; /* by its clock; 0: never */
};

enum { SHARED_VIEWS_MAX = 256 };
size_t shared_health_views(const struct shared_health *h, const struct server *s,
	struct shared_view ret[SHARED_VIEWS_MAX]);

/* The fresh ones, counted. */
struct health_views shared_health_count(const struct shared_health *h, const struct server *s);

#endif

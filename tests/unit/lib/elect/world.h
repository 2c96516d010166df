/* Some nodes with lib/elect in one process, on virtual time: what one publishes or sends reaches whoever is linked to
 * it at once. Deaths are said by the test, as gossip would. */
#ifndef WORLD_H
#define WORLD_H

#include "elect/elect.h"

enum { WORLD_NODES = 5, WORLD_VIPS = 2, WORLD_ITEMS = 16, BEAT_MS = 25, SILENT_MS = 300 };

struct world_item {
	uint8_t key[32], value[ELECT_VALUE_MAX];
	size_t key_n, value_n;
};

struct world_node {
	struct elect *e; /* NULL: it does not run */
	bool gateway;	 /* it reaches the gateway */
	bool has[WORLD_VIPS];
	bool interface_broken;
	unsigned announced[WORLD_VIPS], drops[WORLD_VIPS], asked;
	struct elect_event last_drop, last_hold, last_owner, moved;
	bool was_moved, stopped;
	uint8_t record[ELECT_VALUE_MAX];
	size_t record_n;
	enum elect_state sees[WORLD_NODES];
	struct world_item kept[WORLD_ITEMS]; /* on its disk */
	size_t n_kept;
};

struct world {
	struct mono now;
	size_t n, n_vips, n_peers;
	bool has_gateway, resumed;
	enum elect_rule rule;
	struct elect_vip vips[WORLD_VIPS];
	struct world_node nodes[WORLD_NODES];
	bool cut[WORLD_NODES][WORLD_NODES]; /* from, to: records and messages are lost */
	unsigned lose_every;		    /* this one of so many messages is lost; 0: none */
	unsigned messages, lose_kind;	    /* lose_kind: all of this kind are lost */
	uint8_t digests[WORLD_NODES];
	uint32_t runs;
	bool no_checks; /* that nobody owns what another one that hears him owns */
};

/* A world of n nodes, each the peer of the others, which all start; then some time passes. */
void world_make(struct world *w, size_t n);
void world_boot(struct world *w);
void world_end(struct world *w);

static inline uint64_t world_id(size_t node)
{
	return 101 + node;
}

void world_start(struct world *w, size_t node); /* hears nobody yet */
void world_crash(struct world *w, size_t node); /* nobody knows yet */
void world_run(struct world *w, uint64_t ms);

/* What `at` learns of `node`. */
void world_tell(struct world *w, size_t at, size_t node, enum elect_state state);
void world_tell_all(struct world *w, size_t node, enum elect_state state);
void world_meet(struct world *w, size_t node); /* it and all that run hear each other */

/* What is repaired between two that meet: all that `from` has on its disk is news to `to`. */
void world_repair(struct world *w, size_t from, size_t to);

/* Both ways, and both learn of it. */
void world_part(struct world *w, size_t a, size_t b);
void world_heal(struct world *w, size_t a, size_t b);

/* The one node that has the address: -1 nobody, -2 several. */
int world_owner(const struct world *w, size_t vip);
bool world_quorate(const struct world *w, size_t node);
void world_drain(struct world *w);

#endif

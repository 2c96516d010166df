/* The members as the rest of control sees them: this node first, the others by name. */
#include "control/cluster_inside.h"

#include "log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- addresses: lib/gossip keeps IPv4 mapped --- */

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

struct addr cluster_addr_from(const struct gossip_addr *a)
{
	struct addr addr = {.family = AF_INET6, .port = a->port};

	if (memcmp(a->ip, mapped, sizeof(mapped)) == 0) {
		addr.family = AF_INET;
		memcpy(addr.ip, a->ip + sizeof(mapped), 4);
	} else {
		memcpy(addr.ip, a->ip, sizeof(addr.ip));
	}
	return addr;
}

struct gossip_addr cluster_addr_to(const struct addr *a)
{
	struct gossip_addr addr = {.port = a->port};

	if (a->family == AF_INET) {
		memcpy(addr.ip, mapped, sizeof(mapped));
		memcpy(addr.ip + sizeof(mapped), a->ip, 4);
	} else if (a->family == AF_INET6) {
		memcpy(addr.ip, a->ip, sizeof(addr.ip));
	}
	return addr;
}

/* --- filling in --- */

static enum cluster_state state_of(enum gossip_state s)
{
	switch (s) {
	case GOSSIP_ALIVE:
		return CLUSTER_ALIVE;
	case GOSSIP_SUSPECT:
		return CLUSTER_SUSPECT;
	case GOSSIP_DEAD:
		return CLUSTER_DEAD;
	case GOSSIP_LEFT:
		return CLUSTER_LEFT;
	}
	return CLUSTER_DEAD;
}

static void read_node(struct cluster *cl, struct cluster_entry *e)
{
	struct span body = gossip_record(cl->gossip, e->m.id, CLUSTER_RECORD_NODE);

	if (e->m.self)
		e->node = cl->node;
	else if (body.n == 0 || !cluster_node_decode(body, &e->node))
		e->node = (struct cluster_node){0};
	e->m.has_digest = e->node.has_digest;
	e->m.config_digest = e->node.digest;
	e->m.priority = e->node.priority;
}

static void fill(struct cluster *cl, struct cluster_entry *e, const struct gossip_member *g)
{
	uint64_t for_us = mono_diff_us(g->since, mono_now());

	snprintf(e->name, sizeof(e->name), "%s", g->name);
	snprintf(e->version, sizeof(e->version), "%s", g->version);
	e->m = (struct cluster_member){
		.id = g->id,
		.name = e->name,
		.addr = cluster_addr_from(&g->addr),
		.state = state_of(g->state),
		.self = g->self,
		.observed = g->observed,
		.heard = g->heard,
		.hears_us = g->hears_us,
		.epoch = g->epoch,
		.balancer = g->balancer,
		.incarnation = g->incarnation,
		.since_wall_us = log_wall_us() - for_us,
		.rtt_us = g->rtt_us,
		.version = e->version,
	};
	if (!cluster_enabled(cl))
		e->m.addr = (struct addr){0};
	e->news = cl->news;
	read_node(cl, e);
}

static int by_name(const void *a, const void *b)
{
	const struct cluster_entry *x = a, *y = b;

	if (x->m.self != y->m.self)
		return x->m.self ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* The entries' own texts have moved with them. */
static void point_to_texts(struct cluster *cl)
{
	for (size_t i = 0; i < cl->n_entries; i++) {
		cl->entries[i].m.name = cl->entries[i].name;
		cl->entries[i].m.version = cl->entries[i].version;
	}
}

static void remember_gone(struct cluster *cl)
{
	struct gossip_member g;

	for (size_t i = 0; i < cl->n_entries; i++) {
		struct cluster_gone *gone = &cl->gone[cl->n_gone % CLUSTER_GONE];

		if (gossip_find(cl->gossip, cl->entries[i].m.id, &g))
			continue;
		gone->id = cl->entries[i].m.id;
		memcpy(gone->name, cl->entries[i].name, sizeof(gone->name));
		cl->n_gone++;
	}
}

const char *cluster_gone_name(const struct cluster *cl, uint64_t id)
{
	for (unsigned i = 0; i < CLUSTER_GONE; i++)
		if (cl->gone[i].id == id)
			return cl->gone[i].name;
	return "a member";
}

static void collect(struct cluster *cl)
{
	struct gossip_member g;

	remember_gone(cl);
	cl->n_entries = 0;
	for (size_t i = 0; i < gossip_count(cl->gossip); i++)
		if (gossip_member_at(cl->gossip, i, &g))
			fill(cl, &cl->entries[cl->n_entries++], &g);
	qsort(cl->entries, cl->n_entries, sizeof(*cl->entries), by_name);
	point_to_texts(cl);
}

/* Who is there; each entry may be of earlier news. */
static void order(struct cluster *cl)
{
	if (cl->reorder || cl->n_entries != gossip_count(cl->gossip))
		collect(cl);
	cl->reorder = false;
}

static struct cluster_entry *refresh(struct cluster *cl, struct cluster_entry *e)
{
	struct gossip_member g;

	if (e->news != cl->news && gossip_find(cl->gossip, e->m.id, &g))
		fill(cl, e, &g);
	return e;
}

void cluster_entries_refresh(struct cluster *cl)
{
	order(cl);
	for (size_t i = 0; i < cl->n_entries; i++)
		refresh(cl, &cl->entries[i]);
}

struct cluster_entry *cluster_entry_find(struct cluster *cl, uint64_t id)
{
	order(cl);
	for (size_t i = 0; i < cl->n_entries; i++)
		if (cl->entries[i].m.id == id)
			return refresh(cl, &cl->entries[i]);
	return NULL;
}

/* --- for consumers --- */

size_t cluster_members(struct cluster *cl)
{
	order(cl);
	return cl->n_entries;
}

const struct cluster_member *cluster_member_at(struct cluster *cl, size_t i)
{
	order(cl);
	return i < cl->n_entries ? &refresh(cl, &cl->entries[i])->m : NULL;
}

const struct cluster_member *cluster_find(struct cluster *cl, uint64_t id)
{
	const struct cluster_entry *e = cluster_entry_find(cl, id);

	return e ? &e->m : NULL;
}

const struct cluster_member *cluster_find_name(struct cluster *cl, const char *name)
{
	order(cl);
	for (size_t i = 0; i < cl->n_entries; i++)
		if (strcmp(cl->entries[i].name, name) == 0)
			return &refresh(cl, &cl->entries[i])->m;
	return NULL;
}

const char *cluster_state_word(enum cluster_state state)
{
	static const char *const words[] = {
		[CLUSTER_ALIVE] = "alive",
		[CLUSTER_SUSPECT] = "suspect",
		[CLUSTER_DEAD] = "dead",
		[CLUSTER_LEFT] = "left",
	};

	return words[state];
}

void cluster_standing(const struct cluster *cl, struct cluster_standing *ret)
{
	struct gossip_self self;

	gossip_self(cl->gossip, &self);
	*ret = (struct cluster_standing){
		.left = self.left,
		.alone = self.alone,
		.unheard = self.unheard,
		.accused = self.accused,
		.lagging = self.lagging,
		.speaks = self.speaks,
	};
}

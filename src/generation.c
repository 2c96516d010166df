#include "config-build.h"

#include "generation.h"

#include <stdio.h>
#include <stdlib.h>

bool generations_init(struct generations *all, const struct generations_limits *limits,
	void (*release)(struct config *c))
{
	*all = (struct generations){.release = release};
	list_init(&all->alive);
	if (slots_init(&all->listeners, limits->listeners) &&
		slots_init(&all->backends, limits->backends) &&
		slots_init(&all->limits, limits->limits))
		return true;
	generations_release(all);
	return false;
}

void generations_release(struct generations *all)
{
	if (all->alive.next)
		list_for_each_safe (it, &all->alive)
			generation_free(container_of(it, struct generation, in_all));
	slots_release(&all->listeners);
	slots_release(&all->backends);
	slots_release(&all->limits);
}

/* --- slots --- */

struct taking {
	char *why;
	size_t why_size;
};

/* `what` is for the message. A number, or -1. */
static int take(struct taking *t, struct slots *slots, const char *name, const char *what)
{
	int slot = slots_take(slots, name);

	if (slot == SLOTS_FULL)
		snprintf(t->why, t->why_size,
			"there is no room for more %s than %u at a time, those of open connections "
			"included; a restart makes room",
			what, slots->max);
	else if (slot < 0)
		snprintf(t->why, t->why_size, "out of memory");
	return slot < 0 ? -1 : slot;
}

/* A listener that changes its mode is another one. NULL: out of memory, here and below. */
static char *listener_key(const struct config_listener *l)
{
	char *key;

	return asprintf(&key, "%c%s", l->mode == MODE_HTTP ? 'h' : 'p', l->name) < 0 ? NULL : key;
}

/* One limit is told from another by where it stands; its numbers may change. */
static char *limit_key(const struct config_listener *l, const struct config_route *r)
{
	char *key;

	return asprintf(&key, "%s\n%s\n%s\n%d\n%s", l->name, r->n_names > 0 ? r->names[0] : "",
		       r->path ? r->path : "", (int)r->limit.by,
		       r->limit.header ? r->limit.header : "") < 0
		       ? NULL
		       : key;
}

/* Frees the key. */
static int take_key(struct taking *t, struct slots *slots, char *key, const char *what)
{
	int slot = -1;

	if (key)
		slot = take(t, slots, key, what);
	else
		snprintf(t->why, t->why_size, "out of memory");
	free(key);
	return slot;
}

static bool take_listeners(struct generation *g, struct taking *t)
{
	const struct config *c = g->config;

	for (size_t i = 0; i < c->n_listeners; i++) {
		int slot = take_key(
			t, &g->all->listeners, listener_key(&c->listeners[i]), "listeners");

		if (slot < 0)
			return false;
		g->listener_slots[i] = (uint16_t)slot;
	}
	return true;
}

static bool take_backends(struct generation *g, struct taking *t)
{
	const struct config *c = g->config;

	for (size_t i = 0; i < c->n_backends; i++) {
		int slot = take(t, &g->all->backends, c->backends[i].name, "backends");

		if (slot < 0)
			return false;
		g->backend_slots[i] = (uint16_t)slot;
	}
	return true;
}

static bool take_limits_of(struct generation *g, const struct config_listener *l, struct taking *t)
{
	for (size_t i = 0; i < l->n_routes; i++) {
		int slot;

		if (l->routes[i].limit.count == 0)
			continue;
		slot = take_key(
			t, &g->all->limits, limit_key(l, &l->routes[i]), "limits on requests");
		if (slot < 0)
			return false;
		g->limit_slots[l->routes[i].limit.table] = (uint32_t)slot;
	}
	return true;
}

static bool take_limits(struct generation *g, struct taking *t)
{
	for (size_t i = 0; i < g->config->n_listeners; i++)
		if (!take_limits_of(g, &g->config->listeners[i], t))
			return false;
	return true;
}

static void drop_slots(struct generation *g)
{
	const struct config *c = g->config;

	for (size_t i = 0; i < c->n_listeners; i++)
		if (g->listener_slots[i] != UINT16_MAX)
			slots_drop(&g->all->listeners, g->listener_slots[i]);
	for (size_t i = 0; i < c->n_backends; i++)
		if (g->backend_slots[i] != UINT16_MAX)
			slots_drop(&g->all->backends, g->backend_slots[i]);
	for (size_t i = 0; i < c->n_request_limits; i++)
		if (g->limit_slots[i] != UINT32_MAX)
			slots_drop(&g->all->limits, g->limit_slots[i]);
}

/* --- life --- */

static bool make_arrays(struct generation *g)
{
	const struct config *c = g->config;

	g->listener_slots = malloc((c->n_listeners + 1) * sizeof(*g->listener_slots));
	g->backend_slots = malloc((c->n_backends + 1) * sizeof(*g->backend_slots));
	g->limit_slots = malloc((c->n_request_limits + 1) * sizeof(*g->limit_slots));
	if (!g->listener_slots || !g->backend_slots || !g->limit_slots)
		return false;
	for (size_t i = 0; i < c->n_listeners; i++)
		g->listener_slots[i] = UINT16_MAX;
	for (size_t i = 0; i < c->n_backends; i++)
		g->backend_slots[i] = UINT16_MAX;
	for (size_t i = 0; i < c->n_request_limits; i++)
		g->limit_slots[i] = UINT32_MAX;
	return true;
}

static bool index_by_slot(struct generation *g)
{
	const struct config *c = g->config;

	g->n_listeners = g->all->listeners.n;
	g->n_backends = g->all->backends.n;
	g->listeners = calloc(g->n_listeners + 1, sizeof(struct config_listener *));
	g->backends = calloc(g->n_backends + 1, sizeof(struct config_backend *));
	if (!g->listeners || !g->backends)
		return false;
	for (size_t i = 0; i < c->n_listeners; i++)
		g->listeners[g->listener_slots[i]] = &c->listeners[i];
	for (size_t i = 0; i < c->n_backends; i++)
		g->backends[g->backend_slots[i]] = &c->backends[i];
	return true;
}

static void free_arrays(struct generation *g)
{
	free(g->listener_slots);
	free(g->backend_slots);
	free(g->limit_slots);
	free(g->sockets);
	free(g->listeners);
	free(g->backends);
	free(g);
}

struct generation *generation_new(
	struct generations *all, const struct config *config, char *why, size_t why_size)
{
	struct generation *g = calloc(1, sizeof(*g));
	struct taking t = {why, why_size};

	snprintf(why, why_size, "out of memory");
	if (!g)
		return NULL;
	g->all = all;
	g->config = config;
	if (!make_arrays(g)) {
		free_arrays(g);
		return NULL;
	}
	list_add_tail(&all->alive, &g->in_all);
	all->n_alive++;
	if (!take_listeners(g, &t) || !take_backends(g, &t) || !take_limits(g, &t) ||
		!index_by_slot(g)) {
		generation_free(g);
		return NULL;
	}
	g->number = ++all->number;
	return g;
}

void generation_free(struct generation *g)
{
	if (!g)
		return;
	drop_slots(g);
	list_del(&g->in_all);
	g->all->n_alive--;
	if (g->owned && g->all->release)
		g->all->release(g->owned);
	free_arrays(g);
}

void generation_add_view(struct generation *g)
{
	g->views++;
}

void generation_drop_view(struct generation *g)
{
	g->views--;
}

/* A worker counts itself in while it reads a view of the generation, and such a view was not freed then: when none is
 * left, the number can only fall. */
bool generation_is_over(const struct generation *g)
{
	return g->views == 0 && atomic_load_explicit(&g->users, memory_order_acquire) == 0;
}

/* --- looking up --- */

const struct generation *generations_find(const struct generations *all, uint32_t number)
{
	list_for_each (it, &all->alive) {
		const struct generation *g = container_of(it, struct generation, in_all);

		if (g->number == number)
			return g;
	}
	return NULL;
}

unsigned generations_in_use(const struct generations *all)
{
	unsigned n = 0;

	list_for_each (it, &all->alive) {
		const struct generation *g = container_of(it, struct generation, in_all);

		n += atomic_load_explicit(&g->users, memory_order_relaxed) > 0;
	}
	return n;
}

const char *generations_listener_name(const struct generations *all, uint32_t slot)
{
	const char *key = slots_name(&all->listeners, slot);

	return key ? key + 1 : "?";
}

const char *generations_backend_name(const struct generations *all, uint32_t slot)
{
	const char *name = slots_name(&all->backends, slot);

	return name ? name : "?";
}

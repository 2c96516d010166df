#define _GNU_SOURCE /* qsort_r */

#include "config/hosts.h"

#include "base/bug.h"

#include <stdlib.h>
#include <string.h>

#define NAME_EXPECTED "a host name such as \"example.com\" or \"*.example.com\""

/* A host in the making. */
struct draft {
	const char *name; /* NULL: any */
	uint16_t *routes;
	size_t n, room;
};

struct drafts {
	struct config_reader *reader;
	struct config_listener *listener;
	struct draft *all;
	size_t n, room;
};

/* Arena memory that is grown out of is not given back: a few times the final size in all. */
static void *grow(struct arena *a, const void *old, size_t n, size_t *room, size_t size)
{
	size_t more = *room ? *room * 2 : 4;
	void *new = arena_array(a, more, size);

	if (n > 0)
		memcpy(new, old, n * size);
	*room = more;
	return new;
}

static struct draft *draft_new(struct drafts *ds, const char *name)
{
	if (ds->n == ds->room)
		ds->all = grow(
			ds->reader->config->arena, ds->all, ds->n, &ds->room, sizeof(*ds->all));
	ds->all[ds->n] = (struct draft){.name = name};
	return &ds->all[ds->n++];
}

static void claim(struct drafts *ds, struct draft *d, const config_setting_t *s, size_t route)
{
	const struct config_listener *l = ds->listener;
	const char *path = l->routes[route].path;

	for (size_t i = 0; i < d->n; i++) {
		const struct config_route *other = &l->routes[d->routes[i]];

		if (strcmp(other->path, path) != 0)
			continue;
		config_error(ds->reader, s,
			"%s with the path \"%s\" is taken by routes[%u] (line %d) already; "
			"expected each name and path once",
			d->name ? d->name : "every name", path[0] ? path : "/", d->routes[i],
			other->line);
		return;
	}
	if (d->n == d->room)
		d->routes = grow(
			ds->reader->config->arena, d->routes, d->n, &d->room, sizeof(*d->routes));
	d->routes[d->n++] = (uint16_t)route;
}

/* One pattern of a route; NULL: any name. */
static void add_pattern(
	struct drafts *ds, const config_setting_t *s, const char *pattern, size_t route)
{
	struct hostmatch *match = ds->listener->match;
	enum hostmatch_status status;
	int known = (int)ds->n;

	status = pattern ? hostmatch_add(match, span_str(pattern), (int)ds->n, &known)
			 : hostmatch_add_any(match, (int)ds->n, &known);
	if (status == HOSTMATCH_ADDED)
		draft_new(ds, pattern);
	else if (status != HOSTMATCH_DUPLICATE) {
		config_error_why(ds->reader, s, hostmatch_strerror(status), NAME_EXPECTED);
		return;
	}
	BUG_ON(!ds->all);
	claim(ds, &ds->all[known], s, route);
}

static void add_route(struct drafts *ds, const config_setting_t *s, size_t route)
{
	const struct config_route *r = &ds->listener->routes[route];
	const config_setting_t *names = config_setting_get_member(s, "host");

	if (!names)
		add_pattern(ds, s, NULL, route);
	for (size_t i = 0; i < r->n_names; i++)
		if (r->names[i])
			add_pattern(ds, config_setting_get_elem(names, (unsigned)i), r->names[i],
				route);
}

/* The host that takes the names of this one if this one were not there. What stands for the first label
 * is no name's. */
static int next_of(const struct hostmatch *m, const char *pattern)
{
	char probe[HOSTNAME_SIZE + 2];
	const char *rest = pattern ? pattern : "";

	if (!pattern)
		return HOSTMATCH_NONE;
	if (strncmp(pattern, "*.", 2) == 0)
		rest += 2;
	rest = strchr(rest, '.');
	if (!rest)
		return hostmatch_find(m, span_of(NULL, 0));
	snprintf(probe, sizeof(probe), "!%s", rest);
	return hostmatch_find(m, span_str(probe));
}

/* Longest path first. */
static int compare(const void *a, const void *b, void *arg)
{
	const struct config_listener *l = arg;
	size_t na = strlen(l->routes[*(const uint16_t *)a].path);
	size_t nb = strlen(l->routes[*(const uint16_t *)b].path);

	return na > nb ? -1 : na < nb;
}

void config_build_hosts(
	struct config_reader *r, const config_setting_t *routes, struct config_listener *l)
{
	struct drafts ds = {.reader = r, .listener = l};
	struct config_host *hosts;

	l->match = hostmatch_new(r->config->arena);
	for (size_t i = 0; i < l->n_routes; i++) {
		const config_setting_t *s = config_setting_get_elem(routes, (unsigned)i);

		if (config_setting_is_group(s))
			add_route(&ds, s, i);
	}
	hosts = arena_array(r->config->arena, ds.n, sizeof(*hosts));
	for (size_t i = 0; i < ds.n; i++) {
		struct draft *d = &ds.all[i];

		if (d->n > 1)
			qsort_r(d->routes, d->n, sizeof(*d->routes), compare, l);
		hosts[i] = (struct config_host){d->routes, d->n, next_of(l->match, d->name)};
	}
	l->hosts = hosts;
	l->n_hosts = ds.n;
}

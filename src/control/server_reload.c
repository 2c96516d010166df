#include "control/server_reload.h"

#include "control/server_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct servers_next {
	struct backend **backends; /* by index; those that stay are the present ones */
	size_t n_backends;
	struct server **added; /* made, not attached */
	size_t n_added;
};

static const char by[] = "by the configuration file";

static const struct config_server *in_file(const struct config_backend *b, const char *name)
{
	for (size_t i = 0; i < b->n_servers; i++)
		if (strcmp(b->servers[i].name, name) == 0)
			return &b->servers[i];
	return NULL;
}

/* --- prepare --- */

struct preparing {
	struct servers *servers;
	const struct generation *g;
	struct servers_next *next;
	char *why;
	size_t why_size;
};

static bool make_servers(struct preparing *p, struct backend *b, const struct config_backend *conf)
{
	if (!server_table_reserve(b, conf->n_servers))
		return false;
	for (size_t i = 0; i < conf->n_servers; i++) {
		enum servers_error error;

		if (servers_find(b, conf->servers[i].name))
			continue;
		error = server_table_make(
			p->servers, b, &conf->servers[i], &p->next->added[p->next->n_added]);
		if (error == SERVERS_TOO_MANY)
			snprintf(p->why, p->why_size,
				"there is no room for server %s/%s: too many servers, those of "
				"open "
				"connections included; a restart makes room",
				conf->name, conf->servers[i].name);
		if (error != SERVERS_OK)
			return false;
		p->next->n_added++;
	}
	return true;
}

static bool prepare_backend(struct preparing *p, unsigned i)
{
	const struct config_backend *conf = &p->g->config->backends[i];
	struct backend *b = servers_find_backend(p->servers, conf->name);

	if (!b)
		b = server_table_backend(p->g, i);
	if (!b)
		return false;
	p->next->backends[p->next->n_backends++] = b;
	return make_servers(p, b, conf);
}

static size_t count_servers(const struct config *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_backends; i++)
		n += c->backends[i].n_servers;
	return n;
}

static void next_free(struct servers_next *next)
{
	free(next->backends);
	free(next->added);
	free(next);
}

struct servers_next *servers_prepare(
	struct servers *s, const struct generation *g, char *why, size_t why_size)
{
	struct servers_next *next = calloc(1, sizeof(*next));
	struct preparing p = {s, g, next, why, why_size};

	snprintf(why, why_size, "out of memory");
	if (!next)
		return NULL;
	next->backends = calloc(g->config->n_backends + 1, sizeof(struct backend *));
	next->added = calloc(count_servers(g->config) + 1, sizeof(struct server *));
	if (!next->backends || !next->added) {
		next_free(next);
		return NULL;
	}
	for (unsigned i = 0; i < g->config->n_backends; i++)
		if (!prepare_backend(&p, i)) {
			servers_roll_back(s, next);
			return NULL;
		}
	return next;
}

static bool is_present(const struct servers *s, const struct backend *b)
{
	for (size_t i = 0; i < s->n_backends; i++)
		if (s->backends[i] == b)
			return true;
	return false;
}

void servers_roll_back(struct servers *s, struct servers_next *next)
{
	if (!next)
		return;
	for (size_t i = 0; i < next->n_added; i++)
		server_table_give_back(s, next->added[i]);
	for (size_t i = 0; i < next->n_backends; i++)
		if (!is_present(s, next->backends[i]))
			server_table_backend_free(next->backends[i]);
	next_free(next);
}

/* --- commit --- */

static void take_away(struct servers *s, struct server *srv, enum config_on_gone on_removed)
{
	if (s->hooks.removed)
		s->hooks.removed(s->hooks.arg, srv);
	if (on_removed == ON_GONE_CLOSE && s->hooks.gone)
		s->hooks.gone(s->hooks.arg, srv);
	servers_announce(s, LOG_LEVEL_NOTICE, "%s/%s is taken away %s", srv->backend->conf->name,
		srv->name, by);
	server_table_remove(s, srv);
}

/* A server that is checked otherwise from now on keeps its verdict until the checks have another one. */
static void take_health(struct servers *s, struct server *srv, const struct config_health *h)
{
	bool was_checked = srv->checks_enabled, was_up = server_is_up(srv);
	int rise = h->rise > 0 ? (int)h->rise : 1, fall = h->fall > 0 ? (int)h->fall : 1;

	srv->checks_enabled = h->type != HEALTH_NONE;
	if (was_checked && !srv->checks_enabled) {
		if (s->hooks.removed)
			s->hooks.removed(s->hooks.arg, srv);
		if (!was_up) /* there is nobody to say that it is back */
			servers_force_health(s, srv, true, by);
	}
	if (rise != srv->health.rise || fall != srv->health.fall) {
		was_up = server_is_up(srv);
		health_init(&srv->health, rise, fall);
		health_force(&srv->health, was_up);
	}
	if (!was_checked && srv->checks_enabled && s->hooks.added)
		s->hooks.added(s->hooks.arg, srv);
}

/* What the file says anew beats what was said at run time; what it says still does not. */
static void take_values(struct servers *s, struct server *srv, const struct config_server *conf)
{
	const struct config_server before = srv->initial;

	srv->initial = *conf;
	srv->initial.name = srv->name;
	srv->runtime = false;
	if (conf->weight != before.weight)
		servers_set_weight(s, srv, conf->weight, by);
	if (conf->max_connections != before.max_connections)
		servers_set_max_connections(s, srv, conf->max_connections, by);
	if (!addr_eq(&conf->addr, &before.addr))
		servers_set_addr(s, srv, &conf->addr, by);
	srv->backup = conf->backup;
	srv->slow_start_ms = conf->slow_start_ms;
	srv->health_port = conf->health_port;
}

static void commit_backend(
	struct servers *s, struct backend *b, const struct generation *g, unsigned i)
{
	const struct config_backend *before = b->conf, *conf = &g->config->backends[i];

	b->index = i;
	b->slot = g->backend_slots[i];
	b->conf = conf;
	for (size_t k = b->n_servers; k-- > 0;) {
		struct server *srv = b->servers[k];
		const struct config_server *of_file = in_file(conf, srv->name);

		if (!of_file && !srv->runtime) {
			take_away(s, srv, before->on_removed);
			continue;
		}
		take_health(s, srv, &conf->health);
		if (of_file)
			take_values(s, srv, of_file);
	}
}

static bool stays(const struct servers_next *next, const struct backend *b)
{
	for (size_t i = 0; i < next->n_backends; i++)
		if (next->backends[i] == b)
			return true;
	return false;
}

static void drop_backend(struct servers *s, struct backend *b)
{
	while (b->n_servers > 0)
		take_away(s, b->servers[b->n_servers - 1], b->conf->on_removed);
	server_table_backend_free(b);
}

static void attach(struct servers *s, struct server *srv)
{
	char text[ADDR_TEXT_MAX];

	server_table_attach(s, srv);
	servers_announce(s, LOG_LEVEL_NOTICE, "%s/%s is added at %s %s", srv->backend->conf->name,
		srv->name, addr_format(&srv->addr, text), by);
	if (s->hooks.added)
		s->hooks.added(s->hooks.arg, srv);
}

void servers_commit(struct servers *s, struct generation *g, struct servers_next *next)
{
	struct backend **before = s->backends;
	size_t n_before = s->n_backends;

	s->generation = g;
	for (unsigned i = 0; i < next->n_backends; i++)
		commit_backend(s, next->backends[i], g, i);
	for (size_t i = 0; i < n_before; i++)
		if (!stays(next, before[i]))
			drop_backend(s, before[i]);
	s->backends = next->backends;
	s->n_backends = next->n_backends;
	next->backends = before;
	for (size_t i = 0; i < next->n_added; i++)
		attach(s, next->added[i]);
	next_free(next);
}

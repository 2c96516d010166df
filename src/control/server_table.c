#include "control/server_table.h"

#include "log.h"

#include <stdlib.h>
#include <string.h>

/* --- ids --- */

static uint64_t hash_of(const struct backend *b, const char *name)
{
	uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */

	for (const char *p = b->conf->name; *p; p++)
		h = (h ^ (uint8_t)*p) * 0x100000001b3u;
	h = (h ^ '/') * 0x100000001b3u;
	for (const char *p = name; *p; p++)
		h = (h ^ (uint8_t)*p) * 0x100000001b3u;
	return h;
}

static uint32_t wake(struct servers *s, size_t i)
{
	uint32_t id = s->resting[i].id;

	memmove(&s->resting[i], &s->resting[i + 1], (--s->n_resting - i) * sizeof(s->resting[0]));
	return id;
}

/* Connections and views that still name the id of the same server do no harm. */
static bool take_id(struct servers *s, uint64_t name, uint32_t *ret)
{
	for (size_t i = 0; i < s->n_resting; i++)
		if (s->resting[i].name == name) {
			*ret = wake(s, i);
			return true;
		}
	if (s->ids_begun < s->load->max_servers) {
		*ret = s->ids_begun++;
		return true;
	}
	for (size_t i = 0; i < s->n_resting; i++)
		if (s->resting[i].passed && atomic_load(&s->load->active[s->resting[i].id]) == 0) {
			*ret = wake(s, i);
			return true;
		}
	return false;
}

static void let_rest(struct servers *s, const struct server *srv, bool passed)
{
	s->resting[s->n_resting++] = (struct resting_id){
		.id = srv->id, .name = hash_of(srv->backend, srv->name), .passed = passed};
}

/* qsbr_reclaim() says 0 only when every worker has passed the newest view, which names none of the resting ids. */
void server_table_tick(struct servers *s)
{
	if (qsbr_reclaim(s->views) > 0 || s->publish_again)
		return;
	for (size_t i = 0; i < s->n_resting; i++)
		s->resting[i].passed = true;
}

/* --- servers --- */

static int at_least_one(unsigned n)
{
	return n > 0 ? (int)n : 1;
}

static void fill(struct server *srv, const struct backend *b, const struct config_server *conf)
{
	srv->addr = conf->addr;
	srv->initial = *conf;
	srv->initial.name = srv->name;
	srv->weight = conf->weight;
	srv->max_connections = conf->max_connections;
	srv->backup = conf->backup;
	srv->checks_enabled = b->conf->health.type != HEALTH_NONE;
	srv->slow_start_ms = conf->slow_start_ms;
	srv->health_port = conf->health_port;
	srv->last_change = mono_now();
	srv->last_change_wall_us = log_wall_us();
	health_init(&srv->health, at_least_one(b->conf->health.rise),
		at_least_one(b->conf->health.fall));
}

bool server_table_reserve(struct backend *b, size_t more)
{
	struct server **servers =
		realloc(b->servers, (b->n_servers + more + 1) * sizeof(struct server *));

	if (!servers)
		return false;
	b->servers = servers;
	return true;
}

static void server_free(struct server *srv)
{
	if (!srv)
		return;
	free(srv->name);
	free(srv);
}

enum servers_error server_table_make(
	struct servers *s, struct backend *b, const struct config_server *conf, struct server **ret)
{
	struct server *srv = calloc(1, sizeof(*srv));

	if (!srv)
		return SERVERS_NO_MEMORY;
	srv->name = strdup(conf->name);
	if (!srv->name) {
		server_free(srv);
		return SERVERS_NO_MEMORY;
	}
	if (!take_id(s, hash_of(b, conf->name), &srv->id)) {
		server_free(srv);
		return SERVERS_TOO_MANY;
	}
	srv->backend = b;
	fill(srv, b, conf);
	*ret = srv;
	return SERVERS_OK;
}

void server_table_attach(struct servers *s, struct server *srv)
{
	struct backend *b = srv->backend;

	srv->number = b->next_number++;
	b->servers[b->n_servers++] = srv;
	s->by_id[srv->id] = srv;
}

/* No worker has ever seen it. */
void server_table_give_back(struct servers *s, struct server *srv)
{
	let_rest(s, srv, true);
	server_free(srv);
}

enum servers_error server_table_add(
	struct servers *s, struct backend *b, const struct config_server *conf, struct server **ret)
{
	enum servers_error error;

	if (servers_find(b, conf->name))
		return SERVERS_EXISTS;
	if (!server_table_reserve(b, 1))
		return SERVERS_NO_MEMORY;
	error = server_table_make(s, b, conf, ret);
	if (error == SERVERS_OK)
		server_table_attach(s, *ret);
	return error;
}

void server_table_remove(struct servers *s, struct server *srv)
{
	struct backend *b = srv->backend;
	size_t i = 0;

	while (b->servers[i] != srv)
		i++;
	memmove(&b->servers[i], &b->servers[i + 1], (--b->n_servers - i) * sizeof(struct server *));
	s->by_id[srv->id] = NULL;
	let_rest(s, srv, false);
	server_free(srv);
}

/* --- the table --- */

void server_table_backend_free(struct backend *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->n_servers; i++)
		server_free(b->servers[i]);
	free(b->servers);
	free(b);
}

struct backend *server_table_backend(const struct generation *g, unsigned index)
{
	struct backend *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->index = index;
	b->slot = g->backend_slots[index];
	b->conf = &g->config->backends[index];
	b->next_number = 1;
	b->last_change = mono_now();
	return b;
}

/* NULL: out of memory, or of ids. */
static struct backend *backend_new(struct servers *s, unsigned index)
{
	struct backend *b = server_table_backend(s->generation, index);
	struct server *srv;

	for (size_t i = 0; b && i < b->conf->n_servers; i++)
		if (server_table_add(s, b, &b->conf->servers[i], &srv) != SERVERS_OK) {
			server_table_backend_free(b);
			return NULL;
		}
	return b;
}

static bool fill_backends(struct servers *s)
{
	for (unsigned i = 0; i < s->n_backends; i++) {
		s->backends[i] = backend_new(s, i);
		if (!s->backends[i])
			return false;
		servers_judge(s, s->backends[i], s->backends[i]->last_change);
	}
	return true;
}

struct servers *servers_new(
	struct generation *generation, struct qsbr *views, struct load *load, struct events *events)
{
	struct servers *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->generation = generation;
	s->views = views;
	s->load = load;
	s->events = events;
	s->n_backends = generation->config->n_backends;
	s->backends = calloc(s->n_backends + 1, sizeof(struct backend *));
	s->by_id = calloc(load->max_servers + 1, sizeof(struct server *));
	s->resting = calloc(load->max_servers + 1, sizeof(*s->resting));
	if (!s->backends || !s->by_id || !s->resting || !fill_backends(s) ||
		!servers_publish(s, mono_now())) {
		servers_free(s);
		return NULL;
	}
	return s;
}

void servers_free(struct servers *s)
{
	if (!s)
		return;
	for (size_t i = 0; s->backends && i < s->n_backends; i++)
		server_table_backend_free(s->backends[i]);
	view_bans_drop(s->bans);
	view_tls_drop(s->tls);
	sticky_drop(s->sticky);
	view_auth_drop(s->auth);
	free(s->resting);
	free(s->by_id);
	free(s->backends);
	free(s);
}

void servers_set_hooks(struct servers *s, const struct servers_hooks *hooks)
{
	s->hooks = *hooks;
}

/* --- looking up --- */

size_t servers_backends(const struct servers *s)
{
	return s->n_backends;
}

struct backend *servers_backend(const struct servers *s, size_t index)
{
	return s->backends[index];
}

struct backend *servers_find_backend(const struct servers *s, const char *name)
{
	for (size_t i = 0; i < s->n_backends; i++)
		if (strcmp(s->backends[i]->conf->name, name) == 0)
			return s->backends[i];
	return NULL;
}

struct server *servers_find(const struct backend *b, const char *name)
{
	for (size_t i = 0; i < b->n_servers; i++)
		if (strcmp(b->servers[i]->name, name) == 0)
			return b->servers[i];
	return NULL;
}

struct server *servers_by_id(const struct servers *s, uint32_t id)
{
	return id < s->load->max_servers ? s->by_id[id] : NULL;
}

uint32_t servers_ids(const struct servers *s)
{
	return s->ids_begun;
}

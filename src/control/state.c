#include "control/state.h"

#include "control/server_words.h"
#include "control/store.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STATE_VERSION = 1 };

static const char *const admin_names[] = {
	[SERVER_READY] = "ready", [SERVER_DRAIN] = "drain", [SERVER_MAINT] = "maint"};

static const struct config_server *in_file(const struct backend *b, const char *name)
{
	for (size_t i = 0; i < b->conf->n_servers; i++)
		if (strcmp(b->conf->servers[i].name, name) == 0)
			return &b->conf->servers[i];
	return NULL;
}

static bool path_of(const struct control *c, const char *name, char path[PATH_MAX])
{
	return snprintf(path, PATH_MAX, "%s/%s", c->config->state_dir, name) < PATH_MAX;
}

/* --- to JSON --- */

/* What the file said when it was changed, and what it was changed to. */
static bool put_number(json_t *o, const char *key, uint32_t file, uint32_t now)
{
	return file == now || json_object_set_new(o, key,
				      json_pack("{s:I,s:I}", "file", (json_int_t)file, "now",
					      (json_int_t)now)) == 0;
}

static bool put_addr(json_t *o, const struct addr *file, const struct addr *now)
{
	char was[ADDR_TEXT_MAX], is[ADDR_TEXT_MAX];

	return addr_eq(file, now) || json_object_set_new(o, "address",
					     json_pack("{s:s,s:s}", "file", addr_format(file, was),
						     "now", addr_format(now, is))) == 0;
}

static bool put_changes(json_t *o, const struct server *s, const struct config_server *file)
{
	return (s->admin == SERVER_READY ||
		       json_object_set_new(o, "admin", json_string(admin_names[s->admin])) == 0) &&
	       put_number(o, "weight", file->weight, s->weight) &&
	       put_number(o, "max_connections", file->max_connections, s->max_connections) &&
	       put_addr(o, &file->addr, &s->addr);
}

static bool put_added(json_t *o, const struct server *s)
{
	char addr[ADDR_TEXT_MAX];
	json_t *all = json_pack("{s:s,s:s,s:I,s:I,s:I,s:b,s:I,s:i}", "admin", admin_names[s->admin],
		"address", addr_format(&s->addr, addr), "weight", (json_int_t)s->weight,
		"initial_weight", (json_int_t)s->initial_weight, "max_connections",
		(json_int_t)s->max_connections, "backup", s->backup, "slow_start_ms",
		(json_int_t)s->slow_start_ms, "health_port", s->health_port);

	return json_object_set_new(o, "added", all) == 0;
}

/* NULL: out of memory. An object with nothing but the names: nothing was changed. */
static json_t *server_json(const struct server *s)
{
	const struct config_server *file = s->runtime ? NULL : in_file(s->backend, s->name);
	json_t *o = json_pack("{s:s,s:s}", "backend", s->backend->conf->name, "server", s->name);

	if (o && !(file ? put_changes(o, s, file) : put_added(o, s))) {
		json_decref(o);
		return NULL;
	}
	return o;
}

static json_t *all_json(const struct control *c)
{
	json_t *servers = json_array();

	for (size_t i = 0; servers && i < servers_backends(c->servers); i++) {
		const struct backend *b = servers_backend(c->servers, i);

		for (size_t k = 0; k < b->n_servers; k++) {
			json_t *o = server_json(b->servers[k]);

			if (o && json_object_size(o) == 2) {
				json_decref(o);
				continue;
			}
			if (json_array_append_new(servers, o) < 0) {
				json_decref(servers);
				return NULL;
			}
		}
	}
	return json_pack("{s:i,s:o}", "version", STATE_VERSION, "servers", servers);
}

/* --- saving --- */

void state_save(struct control *c)
{
	json_t *all = all_json(c);
	char *text = all ? json_dumps(all, JSON_INDENT(1)) : NULL;

	json_decref(all);
	if (text)
		store_write(c->store, "state.json", text);
	else
		log_error("state", "out of memory: what was set at run time is not kept");
}

/* --- from JSON --- */

/* One server's entry, checked; texts are borrowed from the JSON. */
struct kept_number {
	bool set;
	json_int_t file, now;
};

struct kept {
	const char *backend, *server;
	enum server_admin admin;
	struct kept_number weight, max_connections;
	bool addr_set;
	struct addr addr_file, addr_now;
	bool added;
	struct config_server conf; /* of an added one */
	json_int_t initial_weight;
};

static bool read_admin(const char *word, enum server_admin *ret)
{
	for (unsigned i = 0; i < sizeof(admin_names) / sizeof(admin_names[0]); i++)
		if (strcmp(word, admin_names[i]) == 0) {
			*ret = i;
			return true;
		}
	return false;
}

static bool in_range(json_int_t n, json_int_t max)
{
	return n >= 0 && n <= max;
}

static bool read_number(json_t *o, json_int_t max, struct kept_number *ret)
{
	if (!o)
		return true;
	ret->set = true;
	return json_unpack(o, "{s:I,s:I}", "file", &ret->file, "now", &ret->now) == 0 &&
	       in_range(ret->file, max) && in_range(ret->now, max);
}

static bool read_addr(json_t *o, struct kept *k)
{
	const char *file, *now;

	if (!o)
		return true;
	k->addr_set = true;
	return json_unpack(o, "{s:s,s:s}", "file", &file, "now", &now) == 0 &&
	       addr_parse(file, false, &k->addr_file) && addr_parse(now, false, &k->addr_now);
}

static bool read_added(json_t *o, struct kept *k)
{
	json_int_t weight, max, slow_start, port;
	const char *admin, *addr;
	char wrong[128];
	int backup;

	if (json_unpack(o, "{s:s,s:s,s:I,s:I,s:I,s:b,s:I,s:I}", "admin", &admin, "address", &addr,
		    "weight", &weight, "initial_weight", &k->initial_weight, "max_connections",
		    &max, "backup", &backup, "slow_start_ms", &slow_start, "health_port",
		    &port) < 0 ||
		!server_words_name(k->server, wrong, sizeof(wrong)))
		return false;
	if (!in_range(weight, 256) || !in_range(k->initial_weight, 256) ||
		!in_range(max, UINT32_MAX) || !in_range(slow_start, INT64_MAX / 1000) ||
		!in_range(port, 65535))
		return false;
	k->added = true;
	k->weight = (struct kept_number){.set = true, .now = weight};
	k->conf = (struct config_server){
		.name = k->server,
		.weight = (uint32_t)k->initial_weight,
		.max_connections = (uint32_t)max,
		.backup = backup,
		.slow_start_ms = (uint64_t)slow_start,
		.health_port = (uint16_t)port,
	};
	return read_admin(admin, &k->admin) && addr_parse(addr, false, &k->conf.addr);
}

static bool read_one(json_t *o, struct kept *k)
{
	const char *admin = admin_names[SERVER_READY];
	json_t *weight = NULL, *max = NULL, *addr = NULL, *added = NULL;

	*k = (struct kept){0};
	if (json_unpack(o, "{s:s,s:s,s?s,s?o,s?o,s?o,s?o}", "backend", &k->backend, "server",
		    &k->server, "admin", &admin, "weight", &weight, "max_connections", &max,
		    "address", &addr, "added", &added) < 0)
		return false;
	if (added)
		return read_added(added, k);
	return read_admin(admin, &k->admin) && read_number(weight, 256, &k->weight) &&
	       read_number(max, UINT32_MAX, &k->max_connections) && read_addr(addr, k);
}

/* NULL: the file is not one of ours, or not whole. Owned by the caller. */
static struct kept *read_all(json_t *all, size_t *ret_n)
{
	json_t *servers = json_object_get(all, "servers");
	size_t n = json_array_size(servers);
	struct kept *kept;

	if (json_integer_value(json_object_get(all, "version")) != STATE_VERSION ||
		!json_is_array(servers))
		return NULL;
	kept = calloc(n + 1, sizeof(*kept));
	if (!kept)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (!read_one(json_array_get(servers, i), &kept[i])) {
			free(kept);
			return NULL;
		}
	*ret_n = n;
	return kept;
}

/* --- applying: the configuration file wins --- */

static const char why[] = "as kept in state.json";

static void forget(const struct kept *k, const char *what, const char *because)
{
	log_notice("state", "%s/%s: %s set at run time is forgotten: %s", k->backend, k->server,
		what, because);
}

static bool still_so(const struct kept *k, const char *what, bool same)
{
	if (!same)
		forget(k, what, "the configuration file says something else by now");
	return same;
}

/* False: something of it no longer holds. */
static bool apply_changes(struct servers *all, struct server *s, const struct kept *k)
{
	const struct config_server *file = in_file(s->backend, s->name);
	bool weight = !k->weight.set || still_so(k, "the weight", k->weight.file == file->weight);
	bool max = !k->max_connections.set ||
		   still_so(k, "maxconn", k->max_connections.file == file->max_connections);
	bool addr = !k->addr_set || still_so(k, "the address", addr_eq(&k->addr_file, &file->addr));

	if (k->admin != SERVER_READY)
		servers_set_admin(all, s, k->admin, why);
	if (k->weight.set && weight)
		servers_set_weight(all, s, (uint32_t)k->weight.now, why);
	if (k->max_connections.set && max)
		servers_set_max_connections(all, s, (uint32_t)k->max_connections.now, why);
	if (k->addr_set && addr)
		servers_set_addr(all, s, &k->addr_now, why);
	return weight && max && addr;
}

static bool apply_added(struct servers *all, struct backend *b, const struct kept *k)
{
	struct server *s;

	if (servers_add(all, b, &k->conf, why, &s) != SERVERS_OK) {
		forget(k, "the server", "there is no room for it");
		return false;
	}
	if (k->weight.now != k->initial_weight)
		servers_set_weight(all, s, (uint32_t)k->weight.now, why);
	servers_set_admin(all, s, k->admin, why);
	return true;
}

static bool apply(struct servers *all, const struct kept *k)
{
	struct backend *b = servers_find_backend(all, k->backend);
	struct server *s = b ? servers_find(b, k->server) : NULL;

	if (!b) {
		forget(k, "what was", "the configuration file has no such backend any more");
		return false;
	}
	if (k->added && !s)
		return apply_added(all, b, k);
	if (k->added) {
		forget(k, "the server", "the configuration file has it by now");
		return false;
	}
	if (!s) {
		forget(k, "what was", "the configuration file has no such server any more");
		return false;
	}
	return apply_changes(all, s, k);
}

/* --- loading --- */

static void set_aside(struct control *c, const char *path, const char *reason)
{
	char bad[PATH_MAX];

	if (path_of(c, "state.json.bad", bad) && rename(path, bad) == 0)
		log_warning("state",
			"%s cannot be used (%s): set aside as %s; server states are as configured",
			path, reason, bad);
	else
		log_warning("state", "%s cannot be used (%s): server states are as configured",
			path, reason);
}

static json_t *read_file(struct control *c, const char *path)
{
	FILE *f = fopen(path, "re");
	json_error_t error;
	json_t *all;

	if (!f) {
		if (errno != ENOENT)
			log_warning("state", "%s: %s: server states are as configured", path,
				strerror(errno));
		return NULL;
	}
	all = json_loadf(f, JSON_REJECT_DUPLICATES, &error);
	fclose(f);
	if (!all)
		set_aside(c, path, error.text);
	return all;
}

void state_load(struct control *c)
{
	char path[PATH_MAX];
	struct kept *kept;
	size_t n = 0, dropped = 0;
	json_t *all = path_of(c, "state.json", path) ? read_file(c, path) : NULL;

	if (!all)
		return;
	kept = read_all(all, &n);
	if (!kept) {
		set_aside(c, path, "not a state file of this version");
		json_decref(all);
		return;
	}
	for (size_t i = 0; i < n; i++)
		dropped += !apply(c->servers, &kept[i]);
	if (n > 0)
		log_notice(
			"state", "%zu servers are as operators left them (%s)", n - dropped, path);
	free(kept);
	json_decref(all);
	if (dropped > 0)
		state_save(c);
}

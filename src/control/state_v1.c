#include "control/state_v1.h"

#include "control/server_words.h"
#include "control/truth.h"
#include "log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const admin_names[] = {
	[SERVER_READY] = "ready", [SERVER_DRAIN] = "drain", [SERVER_MAINT] = "maint"};

static const struct truth_by by = {.who = "as kept in state.json"};

/* --- reading --- */

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
static struct kept *read_all(const json_t *all, size_t *ret_n)
{
	json_t *servers = json_object_get(all, "servers");
	size_t n = json_array_size(servers);
	struct kept *kept;

	if (!json_is_array(servers))
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

/* --- saying it again: the configuration file wins --- */

static void forget(const struct kept *k, const char *what, const char *because)
{
	log_notice("state", "%s/%s: %s set at run time is forgotten: %s", k->backend, k->server,
		what, because);
}

static void say(struct control *c, struct server *s, enum server_attr attr, const char *value)
{
	const char *wrong = truth_set(c->truth, s, attr, value, &by);

	if (wrong)
		log_warning("state", "%s/%s: %s", s->backend->conf->name, s->name, wrong);
}

static void say_number(
	struct control *c, struct server *s, enum server_attr attr, const struct kept_number *n)
{
	char file[SERVER_VALUE_MAX], value[24];

	if (!n->set)
		return;
	snprintf(value, sizeof(value), "%lld", (long long)n->file);
	if (strcmp(value, server_file_text(attr, &s->initial, file)) != 0) {
		log_notice("state",
			"%s/%s: a number set at run time is forgotten: the configuration file says "
			"something else by now",
			s->backend->conf->name, s->name);
		return;
	}
	snprintf(value, sizeof(value), "%lld", (long long)n->now);
	say(c, s, attr, value);
}

static void say_changes(struct control *c, struct server *s, const struct kept *k)
{
	char addr[ADDR_TEXT_MAX];

	if (k->admin != SERVER_READY)
		say(c, s, ATTR_ADMIN, admin_names[k->admin]);
	say_number(c, s, ATTR_WEIGHT, &k->weight);
	say_number(c, s, ATTR_MAX_CONNECTIONS, &k->max_connections);
	if (!k->addr_set)
		return;
	if (addr_eq(&k->addr_file, &s->initial.addr))
		say(c, s, ATTR_ADDRESS, addr_format(&k->addr_now, addr));
	else
		forget(k, "the address", "the configuration file says something else by now");
}

static void say_added(struct control *c, struct backend *b, const struct kept *k)
{
	const char *wrong = truth_add(c->truth, b, &k->conf, &by);
	struct server *s = servers_find(b, k->server);
	char weight[24];

	if (wrong || !s) {
		forget(k, "the server", wrong ? wrong : "it cannot be added");
		return;
	}
	say(c, s, ATTR_ADMIN, admin_names[k->admin]);
	snprintf(weight, sizeof(weight), "%lld", (long long)k->weight.now);
	say(c, s, ATTR_WEIGHT, weight);
}

static void say_again(struct control *c, const struct kept *k)
{
	struct backend *b = servers_find_backend(c->servers, k->backend);
	struct server *s = b ? servers_find(b, k->server) : NULL;

	if (!b)
		forget(k, "what was", "the configuration file has no such backend any more");
	else if (k->added && s)
		forget(k, "the server", "the configuration file has it by now");
	else if (k->added)
		say_added(c, b, k);
	else if (!s)
		forget(k, "what was", "the configuration file has no such server any more");
	else
		say_changes(c, s, k);
}

bool state_v1_load(struct control *c, const json_t *all)
{
	size_t n = 0;
	struct kept *kept = read_all(all, &n);

	if (!kept)
		return false;
	for (size_t i = 0; i < n; i++)
		say_again(c, &kept[i]);
	free(kept);
	return true;
}

#include "control/truth.h"

#include "control/cluster.h"
#include "control/server_words.h"
#include "control/state.h"
#include "log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One key's struct server_here, with texts of its own. */
struct entry {
	char *key, *file, *local;
	uint64_t stamp, origin;
	bool overruled;
};

struct truth {
	struct control *control;
	struct entry *entries; /* in order of their keys */
	size_t n, room;
	bool unsettled; /* a server waits to be deleted */
};

static const char no_room[] =
	"No room: the cluster holds as many settings and bans as it can. Unban addresses or set "
	"servers back first.";
static const char no_memory[] = "Out of memory.";

/* --- the table --- */

static size_t place_of(const struct truth *t, const char *key)
{
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(t->entries[middle].key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct entry *find(const struct truth *t, const char *key)
{
	size_t at = place_of(t, key);

	return at < t->n && strcmp(t->entries[at].key, key) == 0 ? &t->entries[at] : NULL;
}

static bool make_room(struct truth *t)
{
	size_t room = t->room ? t->room * 2 : 64;
	struct entry *entries;

	if (t->n < t->room)
		return true;
	entries = realloc(t->entries, room * sizeof(*entries));
	if (!entries)
		return false;
	t->entries = entries;
	t->room = room;
	return true;
}

static void release(struct entry *e)
{
	free(e->key);
	free(e->file);
	free(e->local);
}

static void drop(struct truth *t, struct entry *e)
{
	size_t at = (size_t)(e - t->entries);

	state_here_gone(t->control, e->key);
	release(e);
	memmove(e, e + 1, (--t->n - at) * sizeof(*e));
}

static struct server_here here_of(const struct entry *e)
{
	return (struct server_here){e->stamp, e->origin, e->file, e->local, e->overruled};
}

static void tell_state(const struct truth *t, const struct entry *e)
{
	struct truth_here here = {.key = e->key, .here = here_of(e)};

	state_here_changed(t->control, &here);
}

/* The entry of this key as `here` says; what was there is replaced. False: out of memory, nothing changed. */
static bool note(struct truth *t, const char *key, const struct server_here *here)
{
	struct entry *old = find(t, key);
	size_t at = place_of(t, key);
	struct entry e = {.stamp = here->stamp,
		.origin = here->origin,
		.overruled = here->overruled,
		.key = strdup(key),
		.file = strdup(here->file),
		.local = here->local ? strdup(here->local) : NULL};

	if (!e.key || !e.file || (here->local && !e.local) || (!old && !make_room(t))) {
		release(&e);
		return false;
	}
	if (old) {
		release(old);
	} else {
		memmove(&t->entries[at + 1], &t->entries[at], (t->n - at) * sizeof(e));
		t->n++;
	}
	t->entries[at] = e;
	tell_state(t, &t->entries[at]);
	return true;
}

static void set_overruled(struct truth *t, struct entry *e)
{
	e->overruled = true;
	tell_state(t, e);
}

/* --- one key, looked at from all sides --- */

struct look {
	char key[SERVER_KEY_MAX + 1];
	enum server_attr attr;
	struct backend *backend;
	struct server *server; /* NULL: it is not there */
	const char *name;
	char file[SERVER_VALUE_MAX];	  /* what the configuration says of it */
	const struct config_server *conf; /* of the file; NULL: not in it */
	struct cluster_item item;	  /* stamp 0 and origin 0: none. Its value is in `value` */
	char value[SERVER_VALUE_MAX];
	struct entry *entry; /* NULL: none. Valid until the table changes */
};

static const struct config_server *in_file(const struct backend *b, const char *name)
{
	for (size_t i = 0; i < b->conf->n_servers; i++)
		if (strcmp(b->conf->servers[i].name, name) == 0)
			return &b->conf->servers[i];
	return NULL;
}

/* A value too long for any of ours is one of a later version: as if it were not there. */
static void look_at_item(const struct truth *t, struct look *l)
{
	struct span key = span_str(l->key);

	l->value[0] = '\0';
	if (!cluster_item_find(t->control->cluster, CLUSTER_ITEM_SERVER, key, &l->item) ||
		l->item.value.n >= sizeof(l->value)) {
		l->item = (struct cluster_item){.stamp = 0};
		return;
	}
	memcpy(l->value, l->item.value.p, l->item.value.n);
	l->value[l->item.value.n] = '\0';
}

/* False: there is no such backend, or the key would be too long. */
static bool look(const struct truth *t, enum server_attr attr, const char *backend,
	const char *name, struct look *ret)
{
	struct backend *b = servers_find_backend(t->control->servers, backend);

	if (!b || !server_key_format(attr, backend, name, ret->key))
		return false;
	ret->attr = attr;
	ret->backend = b;
	ret->server = servers_find(b, name);
	ret->name = name;
	ret->conf = in_file(b, name);
	server_file_text(attr, ret->conf, ret->file);
	ret->entry = find(t, ret->key);
	look_at_item(t, ret);
	return true;
}

static enum server_word decide(const struct look *l)
{
	struct server_here here = l->entry ? here_of(l->entry) : (struct server_here){0};
	struct server_said said = {l->item.stamp, l->item.origin, l->file};

	return server_item_decide(l->entry ? &here : NULL, &said);
}

/* Puts down that this node goes by the item as it is now. */
static void note_item(struct truth *t, struct look *l)
{
	struct server_here here = {
		.stamp = l->item.stamp, .origin = l->item.origin, .file = l->file};

	if (l->entry && l->entry->stamp == here.stamp && l->entry->origin == here.origin)
		return;
	if (!note(t, l->key, &here))
		log_warning("state", "out of memory: \"%s\" may come back after a restart", l->key);
	l->entry = find(t, l->key);
}

static void overrule(struct truth *t, struct look *l)
{
	log_notice("state", "%s/%s: the %s set at run time is forgotten: the configuration file %s",
		l->backend->conf->name, l->name, l->attr == ATTR_SERVER ? "server" : l->key,
		l->conf ? "says something else by now" : "has no such server any more");
	if (l->item.stamp == 0 && l->item.origin == 0) {
		drop(t, l->entry);
		l->entry = NULL;
	} else {
		set_overruled(t, l->entry);
	}
}

/* Who is behind the item, as the log has it. */
static const char *reason_of(const struct truth *t, const struct look *l, char buf[96])
{
	const struct cluster_member *m = cluster_find(t->control->cluster, l->item.origin);

	if (l->item.origin == cluster_self(t->control->cluster))
		snprintf(buf, 96, "as kept in state.json");
	else if (m)
		snprintf(buf, 96, "by node %.63s", m->name);
	else
		snprintf(buf, 96, "by a node that is not known here yet");
	return buf;
}

/* The text that holds, "" for how it began; and why, for the log. */
static const char *settle_word(struct truth *t, struct look *l, char why[96])
{
	switch (decide(l)) {
	case WORD_ITEM:
		note_item(t, l);
		reason_of(t, l, why);
		return l->value;
	case WORD_LOCAL:
		snprintf(why, 96, "as kept in state.json, for this node");
		return l->entry ? l->entry->local : "";
	case WORD_CHANGED:
		overrule(t, l);
		break;
	case WORD_FILE:
		break;
	}
	snprintf(why, 96, "as the configuration says");
	return "";
}

/* --- what a server is told --- */

static bool admin_of(const char *word, enum server_admin *ret)
{
	static const char *const words[] = {
		[SERVER_READY] = "ready", [SERVER_DRAIN] = "drain", [SERVER_MAINT] = "maint"};

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i], word) == 0) {
			*ret = i;
			return true;
		}
	return false;
}

/* An unknown value is one of a later version: nothing is done. */
static void tell(struct truth *t, struct server *s, enum server_attr attr, const char *value,
	const char *why)
{
	struct servers *all = t->control->servers;
	enum server_admin admin = s->runtime ? SERVER_MAINT : SERVER_READY;
	uint32_t n = attr == ATTR_WEIGHT ? s->initial.weight : s->initial.max_connections;
	struct addr addr = s->initial.addr;

	switch (attr) {
	case ATTR_ADMIN:
		if (!*value || admin_of(value, &admin))
			servers_set_admin(all, s, admin, why);
		break;
	case ATTR_WEIGHT:
		if (!*value || server_words_number(value, SERVER_WEIGHT_MAX, &n))
			servers_set_weight(all, s, n, why);
		break;
	case ATTR_MAX_CONNECTIONS:
		if (!*value || server_words_number(value, UINT32_MAX, &n))
			servers_set_max_connections(all, s, n, why);
		break;
	case ATTR_ADDRESS:
		if (!*value || addr_parse(value, false, &addr))
			servers_set_addr(all, s, &addr, why);
		break;
	case ATTR_SERVER:
	case SERVER_ATTRS:
		break;
	}
}

static void apply_attr(
	struct truth *t, enum server_attr attr, const char *backend, const char *name)
{
	struct look l;
	char why[96];
	const char *value;

	if (!look(t, attr, backend, name, &l) || (!l.entry && l.item.stamp == 0))
		return;
	if (l.server) {
		value = settle_word(t, &l, why);
		tell(t, l.server, attr, value, why);
	} else if (l.entry && !l.value[0] && !l.entry->local) {
		drop(t, l.entry); /* nothing is said of a server that is not there */
	} else if (l.entry && !l.entry->overruled && !l.conf) {
		set_overruled(t, l.entry); /* it is gone; if it comes again, it comes as new */
	}
}

/* --- servers that come and go --- */

static void begin_anew(
	struct truth *t, struct look *l, const struct config_server *conf, const char *why)
{
	const char *backend = l->backend->conf->name;
	struct server *added;

	if (servers_add(t->control->servers, l->backend, conf, why, &added) != SERVERS_OK) {
		log_warning("state", "%s/%s cannot be added %s: there is no room for it", backend,
			l->name, why);
		return;
	}
	if (!added->runtime)
		servers_set_admin(t->control->servers, added, SERVER_READY, why);
	for (unsigned a = ATTR_ADMIN; a < SERVER_ATTRS; a++)
		apply_attr(t, a, backend, l->name);
}

/* False: it has connections, which may go on; it takes no new ones. */
static bool take_away(struct truth *t, struct server *s, const char *why)
{
	struct servers *all = t->control->servers;
	struct order order = {
		.kind = ORDER_CLOSE_SERVER, .server = s->id, .reason = END_SERVER_SHUTDOWN};

	servers_set_admin(all, s, SERVER_MAINT, why);
	if (s->backend->conf->on_removed == ON_GONE_CLOSE)
		control_order_all(t->control, &order);
	if (servers_del(all, s, why) == SERVERS_OK)
		return true;
	t->unsettled = true;
	return false;
}

static bool is_as(const struct server *s, const struct config_server *conf)
{
	char is[SERVER_VALUE_MAX], wanted[SERVER_VALUE_MAX];

	return strcmp(server_definition_format(&s->initial, is),
		       server_definition_format(conf, wanted)) == 0;
}

static void apply_server(struct truth *t, const char *backend, const char *name)
{
	struct config_server parsed;
	const struct config_server *wanted;
	const char *value;
	struct look l;
	char why[96];

	if (!look(t, ATTR_SERVER, backend, name, &l) || (!l.entry && l.item.stamp == 0))
		return;
	value = settle_word(t, &l, why);
	wanted = l.conf;
	if (strcmp(value, SERVER_DELETED) == 0) {
		wanted = NULL;
	} else if (*value) {
		if (!server_definition_parse(name, value, &parsed))
			return;
		wanted = &parsed;
	}
	if (l.server && (!wanted || !is_as(l.server, wanted)) && !take_away(t, l.server, why))
		return;
	if (wanted && !servers_find(l.backend, name))
		begin_anew(t, &l, wanted, why);
}

/* --- keys that come in --- */

static void apply(struct truth *t, struct span key)
{
	struct server_key k;

	if (!server_key_parse(key, &k))
		return;
	if (k.attr == ATTR_SERVER)
		apply_server(t, k.backend, k.server);
	else
		apply_attr(t, k.attr, k.backend, k.server);
}

/* Those for which there may be something to do: copies, because what is applied may change the tables. */
struct keys {
	char **all;
	size_t n, room;
	bool failed;
};

static void keys_add(struct keys *k, struct span key)
{
	if (k->n == k->room) {
		size_t room = k->room ? k->room * 2 : 64;
		char **all = realloc(k->all, room * sizeof(*all));

		if (!all) {
			k->failed = true;
			return;
		}
		k->all = all;
		k->room = room;
	}
	k->all[k->n] = strndup((const char *)key.p, key.n);
	if (k->all[k->n])
		k->n++;
	else
		k->failed = true;
}

static void keys_collect(const struct truth *t, struct keys *k)
{
	struct cluster_item item;
	size_t cursor = 0;

	while (cluster_item_next(t->control->cluster, CLUSTER_ITEM_SERVER, &cursor, &item))
		keys_add(k, item.key);
	for (size_t i = 0; i < t->n; i++)
		if (t->entries[i].stamp == 0)
			keys_add(k, span_str(t->entries[i].key));
}

/* Servers first: what else is said is said of them. */
static void apply_each(struct truth *t, bool servers_only)
{
	struct keys k = {0};
	struct server_key parsed;

	keys_collect(t, &k);
	for (int round = 0; round < (servers_only ? 1 : 2); round++)
		for (size_t i = 0; i < k.n; i++)
			if (server_key_parse(span_str(k.all[i]), &parsed) &&
				(parsed.attr == ATTR_SERVER) == (round == 0))
				apply(t, span_str(k.all[i]));
	if (k.failed)
		log_error("state", "out of memory: not all that was set at run time holds here");
	for (size_t i = 0; i < k.n; i++)
		free(k.all[i]);
	free(k.all);
}

void truth_apply_all(struct truth *t)
{
	apply_each(t, false);
}

void truth_tick(struct truth *t)
{
	if (!t->unsettled)
		return;
	t->unsettled = false;
	apply_each(t, true);
}

static void on_item(void *arg, const struct cluster_item *item)
{
	if (item->kind == CLUSTER_ITEM_SERVER)
		apply(arg, item->key);
}

/* --- commands --- */

/* Said for all, or for this node alone. */
static const char *say(struct truth *t, struct look *l, const char *value, bool local)
{
	struct server_here here = {
		.stamp = l->item.stamp, .origin = l->item.origin, .file = l->file, .local = value};

	if (local)
		return note(t, l->key, &here) ? NULL : no_memory;
	if (!cluster_item_set(
		    t->control->cluster, CLUSTER_ITEM_SERVER, span_str(l->key), span_str(value)))
		return no_room;
	look_at_item(t, l);
	note_item(t, l);
	return NULL;
}

static const char *initial_text(
	const struct server *s, enum server_attr attr, char buf[SERVER_VALUE_MAX])
{
	if (attr == ATTR_ADMIN && s->runtime)
		return "maint";
	return server_file_text(attr, &s->initial, buf);
}

const char *truth_set(struct truth *t, struct server *s, enum server_attr attr, const char *value,
	const struct truth_by *by)
{
	char initial[SERVER_VALUE_MAX];
	const char *wrong;
	struct look l;

	if (!look(t, attr, s->backend->conf->name, s->name, &l))
		return "Names too long.";
	/* for this node alone, "as it began" may contradict what all say: then it is said in full */
	wrong = say(t, &l,
		!by->local && strcmp(value, initial_text(s, attr, initial)) == 0 ? "" : value,
		by->local);
	if (wrong)
		return wrong;
	tell(t, s, attr, value, by->who);
	return NULL;
}

static const char *add_error(enum servers_error error)
{
	switch (error) {
	case SERVERS_EXISTS:
		return "Already exists a server with the same name in backend.";
	case SERVERS_TOO_MANY:
		return "Too many servers.";
	default:
		return no_memory;
	}
}

const char *truth_add(struct truth *t, struct backend *b, const struct config_server *conf,
	const struct truth_by *by)
{
	char definition[SERVER_VALUE_MAX];
	enum servers_error error;
	struct server *added;
	const char *wrong;
	struct look l;

	if (!look(t, ATTR_SERVER, b->conf->name, conf->name, &l))
		return "Names too long.";
	error = servers_add(t->control->servers, b, conf, by->who, &added);
	if (error != SERVERS_OK)
		return add_error(error);
	wrong = say(t, &l, server_definition_format(conf, definition), by->local);
	if (wrong)
		servers_del(t->control->servers, added, "for want of room");
	return wrong;
}

/* Nothing of it is left for another server that gets its name. */
static void forget_attrs(struct truth *t, const struct look *gone)
{
	struct look l;

	for (unsigned a = ATTR_ADMIN; a < SERVER_ATTRS; a++)
		if (look(t, a, gone->backend->conf->name, gone->name, &l)) {
			if (l.value[0])
				say(t, &l, "", false);
			else if (l.entry && l.entry->local)
				drop(t, l.entry);
		}
}

const char *truth_del(struct truth *t, struct server *s, const struct truth_by *by)
{
	char name[SERVER_KEY_MAX];
	const char *wrong;
	struct look l;

	if (s->admin != SERVER_MAINT)
		return "Only servers in maintenance mode can be deleted.";
	if (atomic_load(&t->control->load->active[s->id]) > 0)
		return "Server still has connections attached to it, cannot remove it.";
	snprintf(name, sizeof(name), "%s", s->name);
	if (!look(t, ATTR_SERVER, s->backend->conf->name, name, &l))
		return "Names too long.";
	wrong = say(t, &l, by->local || l.conf ? SERVER_DELETED : "", by->local);
	if (wrong)
		return wrong;
	servers_del(t->control->servers, s, by->who);
	if (!by->local)
		forget_attrs(t, &l);
	return NULL;
}

/* --- the disk --- */

bool truth_here_next(const struct truth *t, size_t *cursor, struct truth_here *ret)
{
	const struct entry *e;

	if (*cursor >= t->n)
		return false;
	e = &t->entries[(*cursor)++];
	*ret = (struct truth_here){.key = e->key, .here = here_of(e)};
	return true;
}

bool truth_here_load(struct truth *t, const struct truth_here *here)
{
	return note(t, here->key, &here->here);
}

void truth_here_forget(struct truth *t, const char *key)
{
	struct entry *e = find(t, key);

	if (e)
		drop(t, e);
}

/* --- life --- */

struct truth *truth_new(struct control *c)
{
	static const struct cluster_hooks hooks = {.item = on_item};
	struct truth *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->control = c;
	cluster_subscribe(c->cluster, &hooks, t);
	return t;
}

void truth_free(struct truth *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++)
		release(&t->entries[i]);
	free(t->entries);
	free(t);
}

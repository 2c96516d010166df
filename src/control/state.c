#include "control/state.h"

#include "control/bans.h"
#include "control/cluster.h"
#include "control/state_file.h"
#include "control/state_v1.h"
#include "control/store.h"
#include "control/truth.h"
#include "expo/expo.h"
#include "log.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What others set is kept soon: a burst of it is written once. */
enum { SOON_MS = 50 };

struct state {
	struct control *control;
	struct event *soon;
};

/* --- saving --- */

static void write_items(const struct control *c, struct expo *e)
{
	struct mono now = mono_now();
	struct cluster_item item;
	size_t cursor = 0;
	bool first = true;

	while (cluster_item_next(c->cluster, 0, &cursor, &item)) {
		expo_str(e, first ? "\n" : ",\n");
		state_file_item(e, &item, now);
		first = false;
	}
}

static void write_here(const struct control *c, struct expo *e)
{
	struct truth_here here;
	size_t cursor = 0;
	bool first = true;

	while (truth_here_next(c->truth, &cursor, &here)) {
		expo_str(e, first ? "\n" : ",\n");
		state_file_here(e, &here);
		first = false;
	}
}

void state_save(struct control *c)
{
	struct expo e;

	evtimer_del(c->state->soon);
	expo_init(&e);
	expo_fmt(&e, "{\"version\": %d, \"node\": ", STATE_VERSION);
	state_file_text(&e, span_str(c->config->node));
	expo_fmt(&e, ", \"saved_ms\": %llu,\n\"items\": [",
		(unsigned long long)log_wall_us() / 1000);
	write_items(c, &e);
	expo_str(&e, "],\n\"here\": [");
	write_here(c, &e);
	expo_str(&e, "]}\n");
	expo_span(&e, span_of("", 1)); /* the store takes a text that ends with NUL */
	if (e.failed) {
		log_error("state", "out of memory: what was set at run time is not kept");
		expo_release(&e);
		return;
	}
	store_write(c->store, "state.json", e.buf);
}

static void on_soon(evutil_socket_t fd, short what, void *arg)
{
	struct state *s = arg;

	(void)fd;
	(void)what;
	state_save(s->control);
}

static void on_item(void *arg, const struct cluster_item *item)
{
	struct state *s = arg;
	struct timeval soon = {0, SOON_MS * 1000};

	/* What a command set here is on its way to the disk already; but others may give back what this node set
	 * before its disk was lost, and voters are set by no command. */
	(void)item;
	if (!evtimer_pending(s->soon, NULL))
		evtimer_add(s->soon, &soon);
}

/* --- loading --- */

static bool path_of(const struct control *c, const char *name, char path[PATH_MAX])
{
	return snprintf(path, PATH_MAX, "%s/%s", c->config->state_dir, name) < PATH_MAX;
}

static void set_aside(struct control *c, const char *path, const char *reason)
{
	char bad[PATH_MAX];

	if (path_of(c, "state.json.bad", bad) && rename(path, bad) == 0)
		log_warning("state",
			"%s cannot be used (%s): set aside as %s; server states and bans are as "
			"configured, or as the other nodes have them",
			path, reason, bad);
	else
		log_warning("state",
			"%s cannot be used (%s): server states and bans are as configured, or as "
			"the other nodes have them",
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

/* While this node was off its own wall clock is the only one there is. */
static struct mono end_of_life(const struct state_file *file, const struct state_file_item *i)
{
	uint64_t wall_ms = log_wall_us() / 1000;
	uint64_t off_ms = wall_ms > file->saved_ms ? wall_ms - file->saved_ms : 0;

	if (!i->timed)
		return (struct mono){0};
	return mono_add_ms(mono_now(), i->left_ms > off_ms ? i->left_ms - off_ms : 0);
}

static void take_over(struct control *c, const struct state_file *file)
{
	size_t refused = 0;

	for (size_t i = 0; i < file->n_items; i++) {
		struct cluster_item item = file->items[i].item;

		item.until = end_of_life(file, &file->items[i]);
		refused += !cluster_item_load(c->cluster, &item);
	}
	for (size_t i = 0; i < file->n_here; i++)
		refused += !truth_here_load(c->truth, &file->here[i].here);
	if (refused > 0)
		log_warning("state", "%zu entries of state.json found no room", refused);
}

/* NULL, or what is wrong with it. */
static const char *load(struct control *c, const json_t *all)
{
	json_int_t version = json_integer_value(json_object_get(all, "version"));
	struct state_file file;

	if (version == 1)
		return state_v1_load(c, all) ? NULL : "not a whole state file";
	if (version != STATE_VERSION)
		return "not a state file of this version";
	if (!state_file_read(all, &file))
		return "not a whole state file";
	take_over(c, &file);
	truth_apply_all(c->truth);
	bans_apply_all(c->bans);
	state_file_release(&file);
	return NULL;
}

void state_load(struct control *c)
{
	char path[PATH_MAX];
	const char *wrong;
	json_t *all = path_of(c, "state.json", path) ? read_file(c, path) : NULL;

	if (!all)
		return;
	wrong = load(c, all);
	json_decref(all);
	if (wrong)
		set_aside(c, path, wrong);
	else
		state_save(
			c); /* what the configuration file has overruled, or was of an earlier version */
}

/* --- life --- */

bool state_open(struct control *c)
{
	static const struct cluster_hooks hooks = {.item = on_item};
	struct state *s = calloc(1, sizeof(*s));

	if (!s)
		return false;
	s->control = c;
	s->soon = evtimer_new(c->base, on_soon, s);
	if (!s->soon) {
		free(s);
		return false;
	}
	c->state = s;
	cluster_subscribe(c->cluster, &hooks, s);
	return true;
}

void state_close(struct control *c)
{
	if (!c->state)
		return;
	if (evtimer_pending(c->state->soon, NULL))
		state_save(c);
	event_free(c->state->soon);
	free(c->state);
	c->state = NULL;
}

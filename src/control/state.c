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

/* What others set is kept soon: a burst of it is written once. The file is written anew when what was appended is longer
 * than the rest of it, and than APPENDED_MAX. */
enum { SOON_MS = 50, APPENDED_MAX = 65536 };

static const char file_name[] = "state.json";

struct state {
	struct control *control;
	struct event *soon;
	struct expo changes;	/* lines that are not given to the store yet */
	size_t whole, appended; /* bytes in the file: as it was written last, and behind */
	bool anew;		/* it has to be written as a whole */
};

/* --- saving --- */

static size_t write_lines(const struct control *c, struct expo *e)
{
	struct mono now = mono_now();
	struct cluster_item item;
	struct truth_here here;
	size_t cursor = 0, n = 1;

	state_file_saved(e, log_wall_us() / 1000);
	for (; cluster_item_next(c->cluster, 0, &cursor, &item); n++)
		state_file_item(e, &item, now);
	cursor = 0;
	for (; truth_here_next(c->truth, &cursor, &here); n++)
		state_file_here(e, &here);
	return n;
}

/* The text, or NULL for want of memory. What is in `e` comes last. */
static char *text_of(struct expo *head, struct expo *e)
{
	expo_span(head, span_of(e->buf, e->len));
	expo_char(head, '\0'); /* the store takes texts that end so */
	if (!head->failed && !e->failed)
		return head->buf;
	expo_release(head);
	return NULL;
}

static void say_no_memory(struct state *s)
{
	log_error("state", "out of memory: what was set at run time is not kept");
	s->anew = true;
}

static void write_anew(struct state *s)
{
	struct expo head, lines;
	char *text;

	expo_init(&head);
	expo_init(&lines);
	state_file_head(&head, s->control->config->node, write_lines(s->control, &lines));
	s->whole = head.len + lines.len;
	s->appended = 0;
	s->anew = false;
	text = text_of(&head, &lines);
	expo_release(&lines);
	if (text)
		store_write(s->control->store, file_name, text);
	else
		say_no_memory(s);
}

static void append(struct state *s)
{
	struct expo head;
	char *text;

	expo_init(&head);
	state_file_saved(&head, log_wall_us() / 1000);
	s->appended += head.len + s->changes.len;
	text = text_of(&head, &s->changes);
	if (text)
		store_append(s->control->store, file_name, text);
	else
		say_no_memory(s);
}

static bool is_to_be_written_anew(const struct state *s)
{
	return s->anew || store_error(s->control->store, file_name) != 0 ||
	       (s->appended > s->whole && s->appended > APPENDED_MAX);
}

static void flush(struct state *s)
{
	evtimer_del(s->soon);
	if (is_to_be_written_anew(s))
		write_anew(s);
	else if (s->changes.len > 0)
		append(s);
	expo_clear(&s->changes);
}

void state_save(struct control *c)
{
	cluster_settle(c->cluster); /* what was just set is told to on_item() */
	flush(c->state);
}

static void on_soon(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	flush(arg);
}

static void save_soon(struct state *s)
{
	struct timeval soon = {0, SOON_MS * 1000};

	if (!evtimer_pending(s->soon, NULL))
		evtimer_add(s->soon, &soon);
}

static void on_item(void *arg, const struct cluster_item *item)
{
	struct state *s = arg;

	state_file_item(&s->changes, item, mono_now());
	save_soon(s);
}

void state_here_changed(struct control *c, const struct truth_here *here)
{
	if (!c->state)
		return;
	state_file_here(&c->state->changes, here);
	save_soon(c->state);
}

void state_here_gone(struct control *c, const char *key)
{
	if (!c->state)
		return;
	state_file_gone(&c->state->changes, key);
	save_soon(c->state);
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

/* While this node was off its own wall clock is the only one there is. */
static struct mono end_of_life(const struct state_line *l)
{
	uint64_t wall_ms = log_wall_us() / 1000;
	uint64_t off_ms = wall_ms > l->saved_ms ? wall_ms - l->saved_ms : 0;

	if (!l->timed)
		return (struct mono){0};
	return mono_add_ms(mono_now(), l->left_ms > off_ms ? l->left_ms - off_ms : 0);
}

static bool take_line(struct control *c, const struct state_line *l)
{
	struct cluster_item item = l->item;

	switch (l->kind) {
	case STATE_ITEM:
		item.until = end_of_life(l);
		return cluster_item_load(c->cluster, &item);
	case STATE_HERE:
		return truth_here_load(c->truth, &l->here);
	case STATE_GONE:
		truth_here_forget(c->truth, l->here.key);
		return true;
	case STATE_SAVED:
		break;
	}
	return true;
}

static void take_over(struct control *c, const struct state_file *file)
{
	size_t refused = 0;

	for (size_t i = 0; i < file->n; i++)
		refused += !take_line(c, &file->lines[i]);
	if (refused > 0)
		log_warning("state", "%zu lines of %s found no room", refused, file_name);
	if (file->torn)
		log_notice("state", "the last line of %s was not written to its end: left out",
			file_name);
	truth_apply_all(c->truth);
	bans_apply_all(c->bans);
}

/* NULL, or what is wrong with it. */
static const char *load_v1(struct control *c, FILE *f)
{
	json_t *all;
	const char *wrong = "not a state file of this version";

	rewind(f);
	all = json_loadf(f, JSON_REJECT_DUPLICATES, NULL);
	if (json_integer_value(json_object_get(all, "version")) == 1)
		wrong = state_v1_load(c, all) ? NULL : "not a whole state file";
	json_decref(all);
	return wrong;
}

static const char *load(struct control *c, FILE *f)
{
	struct state_file file;
	const char *wrong, *wrong_v1;

	if (state_file_read(f, &file, &wrong)) {
		take_over(c, &file);
		state_file_release(&file);
		return NULL;
	}
	wrong_v1 = load_v1(c, f);
	return wrong_v1 ? wrong : NULL;
}

void state_load(struct control *c)
{
	char path[PATH_MAX];
	const char *wrong;
	FILE *f = path_of(c, file_name, path) ? fopen(path, "re") : NULL;

	if (!f) {
		if (errno != ENOENT)
			log_warning("state", "%s: %s: server states are as configured", path,
				strerror(errno));
		return;
	}
	wrong = load(c, f);
	fclose(f);
	if (wrong)
		set_aside(c, path, wrong);
	else
		state_save(c); /* anew: without what was said twice, or is of an earlier version */
}

/* --- life --- */

bool state_open(struct control *c)
{
	static const struct cluster_hooks hooks = {.item = on_item};
	struct state *s = calloc(1, sizeof(*s));

	if (!s)
		return false;
	s->control = c;
	s->anew = true;
	expo_init(&s->changes);
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
	expo_release(&c->state->changes);
	free(c->state);
	c->state = NULL;
}

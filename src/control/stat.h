/* What the daemon says of itself, as data: made once here, written by the status socket, by the
 * status over HTTP and by the tests. Names, columns and words are HAProxy 2.6.12's, so that its
 * users' tools can read them.
 *
 * thread: control. A json_t is owned by the caller; NULL means out of memory, as does `failed`
 * of an expo. */
#ifndef CONTROL_STAT_H
#define CONTROL_STAT_H

#include "control/control.h"
#include "control/shared_health.h"
#include "expo/expo.h"

#include <jansson.h>

/* `show stat`: the header line, then each row as a line. */
void stat_csv(struct control *c, struct expo *out);

/* `show stat json`, in HAProxy's own shape: one array, in one line, with its end. Large: 10 KB a
 * row. */
void stat_json(struct control *c, struct expo *out);

/* `show info`: "Name: value" lines, HAProxy's typed output, and the JSON form in its own shape. */
void info_text(struct control *c, struct expo *out);
void info_typed(struct control *c, struct expo *out);
json_t *info_json(struct control *c);

/* What the last check of a server found, for people: "HTTP status 200", "connect refused", "not
 * checked". Returns buf or a static text. */
const char *check_words(const struct server *s, char buf[CHECK_CAUSE_MAX]);

/* "UP", "DOWN", "UNKNOWN"; what a node found last: "HTTP status 200"; and what the cluster calls a server. */
const char *shared_view_word(enum health_view state);
const char *shared_view_last(const struct shared_view *v, char buf[CHECK_CAUSE_MAX]);
const char *cluster_health_word(const struct control *c, const struct server *s);

/* `show health json`, `show cluster json`, `show events json`: the shapes of doc/runtime-api.md.
 * Without a cluster `show cluster` is this node alone. The newest `max` events, newest first; 0:
 * all that are kept. */
json_t *health_json(struct control *c);
json_t *cluster_json(struct control *c);

/* `show cluster` for people. */
void cluster_text(struct control *c, struct expo *out);
json_t *events_json(struct control *c, size_t max);

#endif

/* What the daemon says of itself, as data: made once here, written by the status socket, by the status over HTTP
 * and by the tests. Names, columns and words are HAProxy 2.6.12's, so that its users' tools can read them.
 *
 * thread: control. A json_t is owned by the caller; NULL means out of memory. */
#ifndef CONTROL_STAT_H
#define CONTROL_STAT_H

#include "control/control.h"

#include <event2/buffer.h>
#include <jansson.h>

/* `show stat`: the header line, each row one line, without the empty line at the end. */
void stat_csv(struct control *c, struct evbuffer *out);

/* `show stat json`, `show info json`: arrays in HAProxy's own shape. */
json_t *stat_json(struct control *c);
json_t *info_json(struct control *c);

/* `show health json`, `show cluster json`, `show events json`: the shapes of doc/runtime-api.md. Without a cluster
 * `show cluster` is this node alone. The newest `max` events, newest first; 0: all that are kept. */
json_t *health_json(struct control *c);
json_t *cluster_json(struct control *c);
json_t *events_json(struct control *c, size_t max);

#endif

/* One truth about servers: what an operator says on any node (admin state, weight, limit, address, servers added and
 * deleted) holds on all of them, and the last word wins. Words are items of the cluster (control/server_item.h), also
 * where there is no cluster; here they are said, and here those that come from elsewhere or from the disk are applied
 * to the servers. A word said with `local` is this node's own: it holds, across restarts, until somebody says another
 * of the same thing, on whatever node.
 *
 * Where the configuration file has changed since a word was applied here, the file wins, and the word is forgotten on
 * this node. owner: control; thread: control. */
#ifndef CONTROL_TRUTH_H
#define CONTROL_TRUTH_H

#include "control/control.h"
#include "control/server_item.h"

#include <stdbool.h>
#include <stddef.h>

struct truth;

/* After the cluster and the servers. Applies nothing yet. NULL: out of memory. */
struct truth *truth_new(struct control *c);
void truth_free(struct truth *t); /* NULL is allowed */

/* Applies all that is known: at the start, once the items are loaded, and when the configuration changed. */
void truth_apply_all(struct truth *t);

/* Deletions that wait for connections to end are tried again. Once a second. */
void truth_tick(struct truth *t);

/* Who says it, for the log, and whether for this node only. */
struct truth_by {
	const char *who; /* "by uid 0 pid 77" */
	bool local;
};

/* Commands; state_save() is to follow. NULL, or what is wrong: then nothing has changed. `value` is as in server_item.h. */
const char *truth_set(struct truth *t, struct server *s, enum server_attr attr, const char *value,
	const struct truth_by *by);
const char *truth_add(struct truth *t, struct backend *b, const struct config_server *conf,
	const struct truth_by *by);
const char *truth_del(struct truth *t, struct server *s, const struct truth_by *by);

/* --- for the disk --- */

/* What this node knows of each key beside its item, in the order of keys; from *cursor = 0 on. */
struct truth_here {
	const char *key;
	struct server_here here;
};
bool truth_here_next(const struct truth *t, size_t *cursor, struct truth_here *ret);

/* Copies. False: out of memory. */
bool truth_here_load(struct truth *t, const struct truth_here *here);
void truth_here_forget(struct truth *t, const char *key);

#endif

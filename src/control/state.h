/* What outlives a restart, of this node or of all at once: the items of the cluster with their stamps (what operators
 * set, bans, voters; deleted ones too, so that nothing comes back from the dead), and what this node knows of them
 * beside (control/truth.h). It stands in state_dir/state.json, which control/store.h writes.
 *
 * Where file and memory contradict, the configuration file wins: a weight, address or limit is
 * restored only if the file still says what it said when it was taken over; of a server
 * that the file no longer names nothing is kept; a server that was added by command and stands
 * in the file by now is the file's. thread: control. */
#ifndef CONTROL_STATE_H
#define CONTROL_STATE_H

#include "control/control.h"

#include <stdbool.h>

/* Hears of items that others set, and keeps them. After the cluster. False: out of memory. */
bool state_open(struct control *c);
void state_close(struct control *c);

/* At start, when the servers exist and before anything watches them, before the cluster speaks: gives the items to the
 * cluster and has them applied. A file that is torn or foreign is set aside as state.json.bad; it is used as a
 * whole or not at all. One that an earlier version wrote is taken over. Never fatal: what went wrong is logged. */
void state_load(struct control *c);

/* Has what has changed written by the store: a command that calls this is answered when it is on disk. */
void state_save(struct control *c);

/* For control/truth.c: what it knows beside an item has changed, or it knows nothing of this key any more. */
struct truth_here;
void state_here_changed(struct control *c, const struct truth_here *here);
void state_here_gone(struct control *c, const char *key);

#endif

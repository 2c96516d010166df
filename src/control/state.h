/* What operators set at run time outlives a restart: admin states, weights, addresses, limits and servers added by
 * command, in state_dir/state.json.
 *
 * Where file and memory contradict, the configuration file wins: an address, weight or limit is restored only if the
 * file still says what it said when the operator changed it, and a server that the file no longer names is forgotten.
 * thread: control. */
#ifndef CONTROL_STATE_H
#define CONTROL_STATE_H

#include "control/control.h"

/* At start, when the servers exist and before anything watches them. A file that is torn or foreign is set aside
 * as state.json.bad; it is used as a whole or not at all. Never fatal: what went wrong is logged. */
void state_load(struct control *c);

/* Writes all of it anew: temporary file, fsync, rename, fsync of the directory. Failing is logged, once until it
 * works again. */
void state_save(struct control *c);

#endif

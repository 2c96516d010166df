/* What operators set at run time outlives a restart: admin states, weights, addresses, limits, and
 * servers added by command, in state_dir/state.json. What is as the configuration file says is not
 * in it.
 *
 * Where file and memory contradict, the configuration file wins: a weight, address or limit is
 * restored only if the file still says what it said when the operator changed it; of a server
 * that the file no longer names nothing is kept; a server that was added by command and stands
 * in the file by now is the file's. thread: control. */
#ifndef CONTROL_STATE_H
#define CONTROL_STATE_H

#include "control/control.h"

/* At start, when the servers exist and before anything watches them. A file that is torn or
 * foreign is set aside as state.json.bad; it is used as a whole or not at all. Never fatal: what
 * went wrong is logged. */
void state_load(struct control *c);

/* Has all of it written anew by the store. */
void state_save(struct control *c);

#endif

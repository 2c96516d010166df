/* How the process ends. A graceful stop hands over the virtual addresses, says farewell to the cluster, lets in whose
 * handshake has begun, and waits until no connection is open or limits.graceful_stop is over (doc/decisions/009). After an
 * upgrade another process serves, and what is open here goes on until it ends. Either ends in control_run() returning.
 * owner: control; thread: control. */
#ifndef CONTROL_STOP_H
#define CONTROL_STOP_H

#include "base/mono.h"
#include "control/control.h"
#include "sockets.h"

#include <stdbool.h>

struct stop;

/* Before the first signal may come. NULL: out of memory. */
struct stop *stop_new(struct control *c);
void stop_free(struct stop *s); /* NULL is allowed */

/* Begins the graceful stop; a second call stops at once. `why` is for the log: "SIGTERM". */
void stop_begin(struct stop *s, const char *why);

/* For an upgrade: another process has taken over the sockets of `taken`, and serves. What is open here goes on; what it did
 * not take is closed as at a stop. */
void stop_hand_over(struct stop *s, sockets_is_taken *is_taken, const void *taken);
bool stop_has_handed_over(const struct stop *s);

/* One more worker has given up its listeners; has no connection left. */
void stop_gave_up(struct stop *s);
void stop_drained(struct stop *s);

/* Once a second: says how far it has come, when that is news or has not been said for a while. */
void stop_tick(struct stop *s, struct mono now);

#endif

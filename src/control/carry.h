/* What a process knows and no file keeps, as text for the one that takes over from it: the health of the servers with
 * its history, and what was counted. Matched by names; what the other does not know is left out.
 *
 * owner: control; thread: control. */
#ifndef CONTROL_CARRY_H
#define CONTROL_CARRY_H

#include "control/control.h"

/* malloc'd; NULL: out of memory. */
char *carry_text(const struct control *c);

/* After state_load(), before checks and workers run. */
void carry_load(struct control *c, const char *text);

#endif

/* state.json as version 0.1 wrote it: what differs from the configuration file, server by server. thread: control. */
#ifndef CONTROL_STATE_V1_H
#define CONTROL_STATE_V1_H

#include "control/control.h"

#include <jansson.h>
#include <stdbool.h>

/* Says it all again, by truth.h, as if it were said now. False: not whole; nothing was said. */
bool state_v1_load(struct control *c, const json_t *all);

#endif

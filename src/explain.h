/* Says what would happen to a connection for a name, from the configuration alone. */
#ifndef EXPLAIN_H
#define EXPLAIN_H

#include "config/config.h"

#include <stdio.h>

/* For each listener: the pattern that takes the name, the backend, its servers with their addresses; or `no route`
 * and the alert that the client gets. `name` may hold U-labels and end in a "/PATH"; "" stands for a hello without a
 * name. Thread: any. */
void explain_name(const struct config *c, const char *name, FILE *out);

#endif

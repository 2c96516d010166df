/* What a process knows and no file keeps, as text for the one that takes over from it: the health of the servers with
 * its history, and what was counted. Matched by names; what the other does not know is left out.
 *
 * owner: control; thread: control. */
#ifndef CONTROL_CARRY_H
#define CONTROL_CARRY_H

#include "base/span.h"
#include "control/control.h"

#include <stddef.h>
#include <stdint.h>

/* malloc'd; NULL: out of memory. */
char *carry_text(const struct control *c);

/* What other nodes would miss, where this one is in a cluster: of one format, CARRY_CLUSTER. malloc'd; NULL: out of memory. */
enum { CARRY_CLUSTER = 1 };
uint8_t *carry_cluster(const struct control *c, size_t *ret_n);

/* Goes on from it, or, where there is nothing or it is malformed, as a new start of this node. Starts the cluster. */
void carry_cluster_load(struct control *c, struct span carried);

/* A secret that the earlier process had, out of c->carried: "tickets" or "sticky". False: there is none. */
enum { CARRY_SECRET_BYTES = 32 };
bool carry_secret(const struct control *c, const char *name, uint8_t ret[CARRY_SECRET_BYTES]);

/* After state_load(), before checks and workers run. */
void carry_load(struct control *c, const char *text);

#endif

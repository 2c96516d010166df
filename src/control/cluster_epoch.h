/* The epoch: which start of this node it is, above all earlier ones, so that news of it that travel by third parties
 * can be put in order. It is kept in state_dir and is the wall clock's milliseconds, but never less than the one before
 * and one more; a node whose state is lost and whose clock is wrong is told by the others (lib/gossip).
 * thread: control. */
#ifndef CONTROL_CLUSTER_EPOCH_H
#define CONTROL_CLUSTER_EPOCH_H

#include <stdint.h>

struct store;

/* The epoch of this start, kept before it returns; where it cannot be kept, a warning says so. */
uint64_t cluster_epoch_next(const char *state_dir, uint64_t wall_ms);

/* The same for one that had to be raised while the node runs. */
void cluster_epoch_keep(struct store *store, uint64_t epoch);

#endif

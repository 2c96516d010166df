/* The keys that this node seals and opens with, and their change while the cluster runs. The file is looked at once a
 * second; what it says is taken up as far as no node is left behind:
 *
 *   a key that is new is accepted from now on;
 *   the one that is `active` now seals what this node sends once every live member holds it;
 *   one that is no longer there is given up once no live member sends with it.
 *
 * What has to wait is said in the log with the name of the node in the way, and is tried again until the file says
 * something else. A file that is torn changes nothing. So the order is: add the key everywhere, activate it everywhere,
 * remove the old one everywhere; and who does it in another order is told, and loses nobody.
 *
 * owner: cluster.c; thread: control. */
#ifndef CONTROL_CLUSTER_KEYS_H
#define CONTROL_CLUSTER_KEYS_H

#include "control/cluster_node.h"
#include "seal/ring.h"

#include <stdbool.h>

struct cluster_keys;

/* What a live member says of its keys; node NULL: nothing yet. */
struct cluster_keys_member {
	const char *name;
	const struct cluster_node *node;
};

/* `path` is borrowed, `ring` taken when it succeeds. NULL: out of memory. */
struct cluster_keys *cluster_keys_new(const char *path, struct seal_ring *ring);
void cluster_keys_free(struct cluster_keys *k); /* NULL is allowed */

/* What is sealed and opened with; valid until the next cluster_keys_follow(). */
const struct seal_ring *cluster_keys_ring(const struct cluster_keys *k);

/* Looks whether the file has changed, or something waits, and does what can be done. `members` are the live ones
 * without this node. True: the ring is another one now. */
bool cluster_keys_follow(
	struct cluster_keys *k, const struct cluster_keys_member *members, size_t n_members);

/* Whether the file says something that waits for a node; its name and why, or "". */
const char *cluster_keys_waits(const struct cluster_keys *k);

#endif

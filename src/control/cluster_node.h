/* What a node says of itself in its NODE record (cluster_kinds.h): which keys it holds, the digest of its
 * configuration, its priority. Fields of one byte of kind, one of length; what is not known is skipped, so that a later
 * version can say more. Pure. */
#ifndef CONTROL_CLUSTER_NODE_H
#define CONTROL_CLUSTER_NODE_H

#include "base/span.h"
#include "seal/ring.h"

enum { CLUSTER_NODE_BYTES_MAX = 128 };

struct cluster_node {
	bool has_digest;
	uint64_t digest;
	uint32_t priority;
	uint32_t active; /* the key it sends with; 0 and no keys: it did not say */
	size_t n_keys;
	uint32_t keys[SEAL_KEYS_MAX];
};

size_t cluster_node_encode(const struct cluster_node *n, uint8_t ret[CLUSTER_NODE_BYTES_MAX]);

/* False: malformed. */
bool cluster_node_decode(struct span body, struct cluster_node *ret);

bool cluster_node_holds(const struct cluster_node *n, uint32_t key);

#endif

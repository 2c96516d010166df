/* A member's NODE record: whatever a holder of a key may say, it is malformed or within bounds, and what was understood
 * is said again in the same words. */
#include "base/bug.h"
#include "control/cluster_node.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t again[CLUSTER_NODE_BYTES_MAX];
	struct cluster_node node, same;
	size_t n;

	if (!cluster_node_decode(span_of(data, size), &node))
		return 0;
	BUG_ON(node.n_keys > SEAL_KEYS_MAX);
	n = cluster_node_encode(&node, again);
	BUG_ON(!cluster_node_decode(span_of(again, n), &same));
	BUG_ON(same.has_digest != node.has_digest || same.digest != node.digest ||
		same.priority != node.priority || same.active != node.active ||
		same.n_keys != node.n_keys ||
		memcmp(same.keys, node.keys, node.n_keys * sizeof(*node.keys)) != 0);
	return 0;
}

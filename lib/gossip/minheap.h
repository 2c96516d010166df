/* A binary heap of nodes that stand inside the caller's structures: which is the least, and taking any
 * out again, in log n. Owns its array, not the nodes. */
#ifndef GOSSIP_MINHEAP_H
#define GOSSIP_MINHEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct minheap_node {
	uint64_t key[3]; /* compared in this order */
	size_t _place;
};

/* All zero is an empty one. */
struct minheap {
	struct minheap_node **_nodes;
	size_t n, _room;
};

void minheap_release(struct minheap *h);
bool minheap_reserve(struct minheap *h); /* room for one more; false: out of memory */
void minheap_put(struct minheap *h, struct minheap_node *node); /* room was reserved */
void minheap_take(struct minheap *h, struct minheap_node *node);
struct minheap_node *minheap_least(const struct minheap *h); /* NULL: empty */

#endif

#include "gossip/minheap.h"

#include "base/bug.h"

#include <stdlib.h>

static bool is_less(const struct minheap_node *a, const struct minheap_node *b)
{
	for (int i = 0; i < 3; i++) {
		if (a->key[i] != b->key[i])
			return a->key[i] < b->key[i];
	}
	return false;
}

static void stand(struct minheap *h, size_t place, struct minheap_node *node)
{
	h->_nodes[place] = node;
	node->_place = place;
}

/* Finds its place for a node, from an empty one on. */
static void settle(struct minheap *h, size_t place, struct minheap_node *node)
{
	while (place > 0 && is_less(node, h->_nodes[(place - 1) / 2])) {
		stand(h, place, h->_nodes[(place - 1) / 2]);
		place = (place - 1) / 2;
	}
	for (;;) {
		size_t child = 2 * place + 1;

		if (child + 1 < h->n && is_less(h->_nodes[child + 1], h->_nodes[child]))
			child++;
		if (child >= h->n || !is_less(h->_nodes[child], node))
			break;
		stand(h, place, h->_nodes[child]);
		place = child;
	}
	stand(h, place, node);
}

void minheap_release(struct minheap *h)
{
	free(h->_nodes);
	*h = (struct minheap){0};
}

bool minheap_reserve(struct minheap *h)
{
	size_t room = h->_room ? h->_room * 2 : 16;
	struct minheap_node **grown;

	if (h->n < h->_room)
		return true;
	grown = realloc(h->_nodes, room * sizeof(struct minheap_node *));
	if (!grown)
		return false;
	h->_nodes = grown;
	h->_room = room;
	return true;
}

void minheap_put(struct minheap *h, struct minheap_node *node)
{
	BUG_ON(h->n >= h->_room);
	h->n++;
	h->_nodes[h->n - 1] = node;
	settle(h, h->n - 1, node);
}

void minheap_take(struct minheap *h, struct minheap_node *node)
{
	size_t place = node->_place;
	struct minheap_node *last = h->_nodes[h->n - 1];

	BUG_ON(place >= h->n || h->_nodes[place] != node);
	h->n--;
	if (last != node)
		settle(h, place, last);
}

struct minheap_node *minheap_least(const struct minheap *h)
{
	return h->n > 0 ? h->_nodes[0] : NULL;
}

/* Intrusive doubly linked list with a head node. A node belongs to at most one list; the list owns
 * nothing. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev;
};

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define list_for_each(it, head) for (struct list *it = (head)->next; it != (head); it = it->next)

/* The current node may be removed inside the loop. */
#define list_for_each_safe(it, head)                                                               \
	for (struct list *it = (head)->next, *it##_next = it->next; it != (head);                  \
		it = it##_next, it##_next = it->next)

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

/* A head in zeroed memory is made at its first use. */
static inline struct list *list_made(struct list *head)
{
	if (!head->next)
		list_init(head);
	return head;
}

static inline bool list_is_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_add_tail(struct list *head, struct list *node)
{
	node->next = head;
	node->prev = head->prev;
	head->prev->next = node;
	head->prev = node;
}

/* Leaves the node as a list of its own, so that removing twice is harmless. */
static inline void list_del(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

#endif

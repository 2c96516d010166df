/* Connections that had more to move than one turn allows: they go on after everybody else had a
 * turn. Edges would not tell of them again. owner: worker. */
#ifndef DATA_TURNS_H
#define DATA_TURNS_H

#include "base/list.h"

struct conn;

struct turns {
	struct list waiting;
	struct list mark; /* behind those whose turn it is */
};

void turns_init(struct turns *t);
void turns_add(struct turns *t, struct conn *c); /* once is enough */
void turns_remove(struct conn *c);		 /* not waiting is allowed */

static inline bool turns_wait(const struct turns *t)
{
	return !list_is_empty(&t->waiting);
}

/* Lets each one that waits now go on; who comes to wait again does so for the next time. */
void turns_run(struct turns *t);

#endif

/* Connections that had more to move than one turn allows: they go on after everybody else had a
 * turn. Edges would not tell of them again. owner: worker. */
#ifndef DATA_TURNS_H
#define DATA_TURNS_H

#include <stdbool.h>
#include <stddef.h>

struct conn;

struct turns {
	struct conn **waiting; /* NULL: it was finished meanwhile */
	size_t n, capacity;
};

/* False: out of memory. */
bool turns_add(struct turns *t, struct conn *c);
void turns_remove(struct turns *t, const struct conn *c); /* it waits */

/* Lets each one that waits now go on; who comes to wait again does so for the next time. */
void turns_run(struct turns *t);
void turns_release(struct turns *t);

#endif

/* Connections that wait because every server of their backend is full: first come, first served,
 * within one worker. Room made by this worker is noticed at once, room made by another at the next
 * tick. owner: worker. */
#ifndef DATA_QUEUE_H
#define DATA_QUEUE_H

#include "base/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conn;
struct worker;

struct queue {
	struct list *backends; /* heads of hello.waiting, by backend slot; list_made() */
	unsigned waiting;
};

bool queue_init(struct queue *q, size_t n_backends); /* false: out of memory */
void queue_release(struct queue *q);

/* The connection has a backend and a hello. False: so many wait already as may; CONFIG_QUEUE_ANY: no limit. Adding one
 * that waits already changes nothing. */
bool queue_add(struct worker *w, struct conn *c, uint32_t max);
void queue_remove(struct worker *w, struct conn *c); /* not waiting is allowed */

/* Somebody came before this connection and still waits. */
bool queue_is_behind(const struct queue *q, const struct conn *c);

/* Lets each backend's first ones try again until one of them finds no room. */
void queue_serve(struct worker *w);

#endif

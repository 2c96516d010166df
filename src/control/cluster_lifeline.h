/* Lifelines: TCP connections on which nothing is said, so that the kernel of a machine whose process ended tells the
 * others at once. This node opens one to each member that lib/gossip wants to observe, again and again, and holds
 * those that members open to it. One that stands proves nothing: only its end is news.
 *
 * Bounded: one a wanted member, and HELD_MAX held; only addresses of members are let in.
 * owner: cluster.c; thread: control. */
#ifndef CONTROL_CLUSTER_LIFELINE_H
#define CONTROL_CLUSTER_LIFELINE_H

#include "base/mono.h"
#include "net/addr.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LIFELINES_HELD_MAX = 512 };

struct lifelines;

struct lifelines_hooks {
	void (*changed)(void *arg, uint64_t id, bool open);    /* one of those wanted */
	bool (*is_member)(void *arg, const struct addr *from); /* the port does not matter */
	void *arg;
};

/* Listens on `listener`, which it takes when it succeeds; connects from `self`, with a port of its own. NULL: out of
 * memory. */
struct lifelines *lifelines_new(struct event_base *base, int listener, const struct addr *self,
	const struct lifelines_hooks *hooks);
void lifelines_free(struct lifelines *l); /* NULL is allowed; all connections end */

/* Whether connections of members are taken; at first they are. While not, they wait for who listens besides. */
void lifelines_accept(struct lifelines *l, bool on);

/* From now on there is to be one to that member at that address; an open one to another address ends. */
void lifelines_want(struct lifelines *l, uint64_t id, const struct addr *to);
void lifelines_unwant(struct lifelines *l, uint64_t id);

bool lifelines_is_open(const struct lifelines *l, uint64_t id);

/* Wanted ones that are open, and those that have not been for `ms` milliseconds: TCP does not get through. */
size_t lifelines_open(const struct lifelines *l);
size_t lifelines_missing(const struct lifelines *l, struct mono now, uint64_t ms);
bool lifelines_is_missing(const struct lifelines *l, uint64_t id, struct mono now, uint64_t ms);
size_t lifelines_held(const struct lifelines *l);

#endif

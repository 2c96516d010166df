/* Deadlines of many connections: a hashed timing wheel (Varghese and Lauck 1987, scheme 6). Adding,
 * moving and deleting cost O(1); a deadline farther away than one round waits in its slot for its
 * round.
 *
 * Meant for lazy re-arming: activity on a connection only writes a timestamp; when the callback
 * finds that the connection was active since, it adds the timer again for the new deadline.
 * Deadlines are rounded up to the granularity: a timer never fires early, and less than one
 * granularity late if wheel_advance is called that often. One owner, one thread. */
#ifndef WHEEL_WHEEL_H
#define WHEEL_WHEEL_H

#include "base/list.h"
#include "base/mono.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Lives in the caller's object, which must stay in place while the timer is armed. */
struct wheel_timer {
	struct list node;
	struct mono deadline;
};

struct wheel {
	struct list *slots;
	size_t mask; /* slots - 1 */
	uint64_t granularity_us;
	uint64_t tick; /* all slots up to here are done */
	size_t armed;
};

/* Reached deadlines; the timer is not armed any more. May add, move or delete any timer, and free
 * its own. */
typedef void wheel_cb(struct wheel_timer *t, void *arg);

/* slots: a power of two. False when out of memory. */
bool wheel_init(struct wheel *w, size_t slots, uint64_t granularity_us, struct mono now);
void wheel_release(struct wheel *w); /* forgets the timers that are left */

static inline void wheel_timer_init(struct wheel_timer *t)
{
	list_init(&t->node);
	t->deadline = MONO_NEVER;
}

static inline bool wheel_is_armed(const struct wheel_timer *t)
{
	return !list_is_empty(&t->node);
}

/* Arms the timer or moves it. MONO_NEVER disarms it. */
void wheel_add(struct wheel *w, struct wheel_timer *t, struct mono deadline);
void wheel_del(struct wheel *w, struct wheel_timer *t); /* not armed is allowed */

static inline bool wheel_is_empty(const struct wheel *w)
{
	return w->armed == 0;
}

/* Calls cb for each timer whose deadline, rounded up, is reached. After a pause it visits each slot
 * once; an empty wheel just moves on to `now`, and cb may be NULL then. */
void wheel_advance(struct wheel *w, struct mono now, wheel_cb *cb, void *arg);

#endif

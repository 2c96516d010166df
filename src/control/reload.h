/* Reload: the configuration file is read and checked by a thread of its own, then everything that can fail is prepared,
 * then it is committed, which cannot fail, or rolled back, and the old one serves on as if nothing had been. One at a
 * time: who asks while one is under way is answered by the next, which sees the file as it is after he asked.
 *
 * owner: control; thread: control. */
#ifndef CONTROL_RELOAD_H
#define CONTROL_RELOAD_H

#include "base/list.h"
#include "control/control.h"

struct reload;

/* NULL: out of memory. */
struct reload *reload_new(struct control *c);
void reload_free(struct reload *r); /* NULL is allowed */

/* Who waits for the outcome. `errors` are whole lines, none where it was taken over; valid during the call. */
struct reload_waiter {
	struct list waits;
	void (*done)(void *arg, char *const *errors, size_t n_errors);
	void *arg;
};

/* `who` is for the log: "SIGHUP", "by uid 0 pid 77". The waiter (NULL: nobody waits) is told later, from the loop. */
void reload_request(struct reload *r, const char *who, struct reload_waiter *waiter);

/* One that does not wait any more is allowed. */
static inline void reload_forget(struct reload_waiter *waiter)
{
	list_del(&waiter->waits);
}

/* A worker gave up an address that is not served any more. */
void reload_gave_up(struct reload *r, uint32_t socket);

/* Once a second: generations that nobody needs any more are freed. */
void reload_tick(struct reload *r);

#endif

/* The running program's side of an upgrade (src/takeover.h has the talk): starts the program on disk as it was called,
 * gives it the sockets and what it knows, and hands over when it says that it is ready. Until then it can fail in any way:
 * it is ended, and this process serves on as if nothing had been.
 *
 * From "hello" to the end of the talk nothing is changed by command, so that the new one knows all that was answered.
 * owner: control; thread: control. */
#ifndef CONTROL_UPGRADE_H
#define CONTROL_UPGRADE_H

#include "base/list.h"
#include "control/control.h"

struct upgrade;

/* `program` is a path; both are borrowed for ever. NULL: out of memory. */
struct upgrade *upgrade_new(struct control *c, const char *program, char *const *argv);
void upgrade_free(struct upgrade *u); /* NULL is allowed */

/* Who waits for the outcome; `why` is NULL where it went well: then `pid` serves. */
struct upgrade_waiter {
	struct list waits;
	void (*done)(void *arg, const char *why, int pid);
	void *arg;
};

/* `who` is for the log. The waiter (NULL: nobody waits) is told from the loop, or at once. */
void upgrade_request(struct upgrade *u, const char *who, struct upgrade_waiter *waiter);

static inline void upgrade_forget(struct upgrade_waiter *waiter)
{
	list_del(&waiter->waits);
}

#endif

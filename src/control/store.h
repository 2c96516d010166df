/* What is kept across restarts: small files in state_dir, each replaced as a whole, so that it is the old one or the
 * new one whatever happens. A thread of its own writes, syncs and renames them: that takes 15 ms and, on a busy disk,
 * seconds, and a cluster whose beats are 25 ms apart would take a node that waits for its disk for a slow one.
 *
 * A file that is written anew while it waits for its turn is written once, as it is by then. Who has to tell somebody
 * that a change is safe waits for it:
 *
 *	store_write(c->store, "state.json", text);
 *	...
 *	waiter->cb = on_kept;
 *	if (!store_wait(c->store, waiter))
 *		nothing is under way: go on at once
 *
 * A file that cannot be written is a warning that says so, once for each cause, and is tried again with the next change.
 * owner: control; thread: control, and one of the store's own that sees nothing but the file it writes. */
#ifndef CONTROL_STORE_H
#define CONTROL_STORE_H

#include "base/list.h"

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct store;

enum { STORE_NAME_SIZE = 32, STORE_FILES_MAX = 8 };

struct store_waiter {
	void (*cb)(void *arg);
	void *arg;
	/* the store's */
	struct list _node;
	uint64_t _until;
};

/* `dir` is borrowed until store_free(). NULL: out of memory or threads. */
struct store *store_new(struct event_base *base, const char *dir);

/* Writes what is still to be written and ends the thread. No waiter is called any more. NULL is allowed. */
void store_free(struct store *s);

/* Takes `text`, which came from malloc and ends with NUL. `name` is one of at most STORE_FILES_MAX that a run uses. */
void store_write(struct store *s, const char *name, char *text);

/* The same at the end of a file that was written by store_write(), in this run or an earlier one; what waits for its turn
 * goes out together. A write that comes later takes its place. Once it has failed, the file may end within a line, and
 * has to be written anew: see store_error(). */
void store_append(struct store *s, const char *name, char *text);

/* The errno of the last write or append of that file that is done; 0: it went well, or there was none. */
int store_error(const struct store *s, const char *name);

/* Calls the waiter once, from the loop, when everything written so far is on disk or has failed. False: it is already,
 * and the waiter is not taken. */
bool store_wait(struct store *s, struct store_waiter *waiter);
/* Nothing is written from now on, until it may again; what is written meanwhile waits. For good: another process writes
 * these files, and nothing that waits is ever written. */
void store_freeze(struct store *s);
void store_thaw(struct store *s);
void store_abandon(struct store *s);

/* How many writes there were: what has changed in between was not kept yet. */
uint64_t store_writes(const struct store *s);
void store_cancel(struct store_waiter
		*waiter); /* harmless for one that was called or not taken, if it was cleared */

/* Writes at once and in this thread, for what has to be on disk before anything else happens: the start. Returns 0 or
 * an errno. */
int store_write_now(const char *dir, const char *name, const char *text);

#endif

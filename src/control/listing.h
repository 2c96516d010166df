/* Asks every worker for a list (its sessions, or the hellos it refused) and waits for all
 * answers, but not for long: a worker that does not answer in time is left out and counted.
 * owner: admin; thread: control. */
#ifndef CONTROL_LISTING_H
#define CONTROL_LISTING_H

#include "control/control.h"
#include "order.h"

#include <stdbool.h>

enum { LISTING_WAIT_MS = 1000, LISTINGS_MAX = 8 };

struct listing;
struct listings; /* those under way */

struct listings *listings_new(struct control *c); /* NULL: out of memory */
void listings_free(struct listings *all);	  /* every listing was freed before */

/* A report carrying the tag of a listing goes to it; takes the report, whoever asked for it or
 * nobody any more. */
void listings_report(struct listings *all, struct report *r);

/* `kind` is ORDER_LIST_SESSIONS or ORDER_LIST_ERRORS, of at most max entries a worker. `done` is
 * called once, later, from the loop. NULL: out of memory, or LISTINGS_MAX are under way. */
struct listing *listing_start(struct listings *all, enum order_kind kind, uint32_t max,
	void (*done)(void *arg), void *arg);

/* At any time; before `done` was called it never will be. NULL is allowed. */
void listing_free(struct listing *l);

/* What came: reports 0 … n-1, borrowed until listing_free(). */
size_t listing_reports(const struct listing *l);
const struct report *listing_report(const struct listing *l, size_t i);
size_t listing_missing(const struct listing *l); /* workers that did not answer */

#endif

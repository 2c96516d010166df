/* Health checks: when each server is probed, and by what its backend's configuration asks for. Results go to servers.h,
 * which counts and judges them.
 *
 * The time from one start of a server's check to the next is the interval exactly, however long checks take; the
 * first checks of a start follow each other closely, but not all at once. Servers in maintenance are not checked;
 * one that comes out of it, is added, or gets another address is checked at once. At most one check a server is
 * under way.
 *
 * A burst is a second look on somebody's word that a server died (or lives again): up to `fall` (`rise`) checks, 200 ms
 * from one to the next, each with little time, until one contradicts. owner: control; thread: control. */
#ifndef CONTROL_CHECKS_H
#define CONTROL_CHECKS_H

#include "control/control.h"

#include <stddef.h>
#include <stdint.h>

struct checks;

/* Begins to check all servers that c->servers knows. NULL: `why` says which backend cannot be checked, and why. */
struct checks *checks_new(struct control *c, char *why, size_t why_size);
void checks_free(struct checks *checks); /* NULL is allowed */

/* For servers_hooks: added, removed, check_anew. */
void checks_server_added(struct checks *checks, struct server *s);
void checks_server_removed(struct checks *checks, struct server *s);
void checks_server_changed(struct checks *checks, struct server *s);

/* A reload: how the backends of the next generation are checked. NULL: `why` says which cannot be, and why. */
struct checks_next;
struct checks_next *checks_prepare(const struct generation *g, char *why, size_t why_size);
void checks_roll_back(struct checks_next *next);

/* After the servers: those whose backend is checked otherwise from now on are checked at once. Takes `next`. */
void checks_commit(struct checks *checks, struct checks_next *next);

/* For control/shared_health.c: looks again at once. Nothing happens in maintenance, nor where a burst is under way. */
void checks_burst(struct checks *checks, struct server *s);

/* How much time a check of a burst has where the last good one took so long. */
uint64_t checks_burst_timeout_ms(uint64_t good_us);

/* When the i-th of n servers is first checked after a start: they follow each other by 2 ms, or closer where they
 * would take longer than the interval, or a second. */
uint64_t checks_first_delay_us(size_t i, size_t n, uint64_t interval_ms);

/* The first start after `now` that is a whole number of intervals after `last`. */
struct mono checks_next(struct mono last, uint64_t interval_ms, struct mono now);

#endif

/* The status socket: a UNIX stream socket that speaks HAProxy's Runtime API conventions, and the
 * one table of commands behind it. doc/runtime-api.md is its documentation.
 *
 * Bounded in every direction: clients, line length, answers held in memory; a reader that does
 * not read costs its own connection, never the loop. owner: control; thread: control. */
#ifndef CONTROL_ADMIN_H
#define CONTROL_ADMIN_H

#include "control/control.h"
#include "order.h"

#include <stddef.h>

struct admin;

/* Listens on config->status.socket. A stale socket file is replaced; a file that is no socket,
 * or a socket on which another process answers, is refused: NULL, and `why` says what stands in
 * the way. A directory that is missing and cannot be made is a warning: the daemon serves
 * without the socket. */
struct admin *admin_new(struct control *c, char *why, size_t why_size);

/* The listening socket, given to another process; and: that has taken it, who is connected stays. */
int admin_give(struct admin *a, sockets_give *give, void *arg);
void admin_hand_over(struct admin *a, sockets_is_taken *is_taken, const void *taken);

/* Ends the clients and removes the socket file, if it is still ours. NULL is allowed. */
void admin_free(struct admin *a);

/* Where commands ask the workers. */
struct listings *admin_listings(struct admin *a);

/* A worker's REPORT_SESSIONS or REPORT_ERRORS; takes it. */
void admin_report(struct admin *a, struct report *r);

#endif

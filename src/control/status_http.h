/* The node's status over HTTP, read-only: dashboard, metrics, CSV, JSON, /health and /ready. Sources outside
 * status.http.allow (loopback where none is listed) get 403 at once, before they are read.
 *
 * Bounded: the size of a head, the time of a connection from accept to its last byte, and the number of connections, where
 * the oldest that has not asked yet gives way (control/status_visit.h). owner: control; thread: control. */
#ifndef CONTROL_STATUS_HTTP_H
#define CONTROL_STATUS_HTTP_H

#include "control/control.h"

#include <stddef.h>

struct status_http;

/* Listens on every status.http.bind, or nowhere. NULL: `why` names the address and what was refused. */
struct status_http *status_http_new(struct control *c, char *why, size_t why_size);
int status_http_give(struct status_http *h, sockets_give *give, void *arg);
void status_http_hand_over(struct status_http *h);
void status_http_free(struct status_http *h); /* NULL is allowed */

/* A reload: opens what the next configuration has anew, and closes what it has no more. NULL: `why` says what was refused. */
struct status_http_next;
struct status_http_next *status_http_prepare(
	struct status_http *h, const struct config *next, char *why, size_t why_size);
void status_http_commit(struct status_http *h, struct status_http_next *next);
void status_http_roll_back(struct status_http_next *next); /* NULL is allowed */

/* Once a second. */
void status_http_tick(struct status_http *h);

#endif

/* The control thread: one event loop for everything that is not a client's byte: checks, admin socket, status over
 * HTTP, signals, the log. Made and run by the daemon; the modules below hang on its loop.
 *
 * owner: daemon; thread: control (it is the main thread). */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include "base/mono.h"
#include "config.h"
#include "control/events.h"
#include "control/servers.h"
#include "load.h"
#include "mailbox/mailbox.h"
#include "order.h"
#include "qsbr/qsbr.h"
#include "ring/ring.h"
#include "tally.h"

#include <event2/event.h>

/* What control knows of one worker. */
struct control_worker {
	struct tally *tally;
	struct mailbox *mailbox; /* where orders go */
	struct ring *access;     /* NULL: no access log */
};

/* Members are read by the modules of src/control; written by control.c only. */
struct control {
	struct event_base *base;
	const struct config *config;
	struct qsbr *views;
	struct load *load;
	struct servers *servers;
	struct events *events;
	struct control_worker *workers;
	size_t n_workers;
	struct mailbox *mailbox;  /* reports of the workers */
	struct mono started;
	uint64_t started_wall_us;
	bool stopping;
	bool accepting_paused;
	struct checks *checks;
	struct admin *admin;
	struct status_http *status_http;
	struct access_log *access_log;
	struct sessions *sessions; /* listings under way */
};

/* A copy of the order for every worker; `order` is a template on the caller's stack. */
void control_order_all(struct control *c, const struct order *order);

/* Sums over the workers, the way every reader of tallies wants them. */
uint64_t control_sum(const struct control *c, size_t offset_in_tally);
uint64_t control_sum_listener(const struct control *c, unsigned listener, size_t offset);
uint64_t control_sum_backend(const struct control *c, unsigned backend, size_t offset);
uint64_t control_sum_server(const struct control *c, uint32_t server_id, size_t offset);

/* Begins the graceful stop; a second call stops at once. `why` for the log: "SIGTERM", "admin: ..." */
void control_stop(struct control *c, const char *why);

#endif

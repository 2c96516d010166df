/* The control thread: one event loop for everything that is not a client's byte: checks, admin socket, status over
 * HTTP, signals, the log. Made and run by the daemon; the modules below hang on its loop.
 *
 * owner: daemon; thread: control (it is the main thread). */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include "base/mono.h"
#include "base/span.h"
#include "config/config.h"
#include "control/cluster.h"
#include "control/events.h"
#include "control/servers.h"
#include "control/watchdog.h"
#include "load.h"
#include "mailbox/mailbox.h"
#include "order.h"
#include "qsbr/qsbr.h"
#include "ring/ring.h"
#include "sockets.h"
#include "tally.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>

/* What control knows of one worker. */
struct control_worker {
	struct tally *tally;
	struct mailbox *mailbox; /* where orders go */
	struct ring *access;
	struct watchdog watchdog;
};

struct reload;
struct stop;
struct upgrade;
struct upgrade_waiter;
struct reload_waiter;

enum control_phase { CONTROL_SERVING, CONTROL_DRAINING, CONTROL_STOPPED };

/* Members are read by the modules of src/control; written by control.c only, where nothing else is said. */
struct control {
	struct event_base *base;
	const struct config *config; /* of `generation` */
	struct generations *generations;
	struct generation *generation; /* the newest */
	struct sockets *sockets;
	/* What an earlier process left and knew (control/carry.h), until this one serves. NULL: nothing. */
	struct inherit *inherit;
	const char *carried;
	struct qsbr *views;
	struct load *load;
	struct servers *servers;
	struct events *events;
	struct store *store;	 /* of state_dir */
	struct cluster *cluster; /* always there; without a cluster it is this node alone */
	struct vip *vip;	 /* NULL: this node has no virtual addresses */
	struct state *state;
	struct truth *truth;
	struct bans *bans;
	struct shared_health *shared_health;
	struct control_worker *workers;
	size_t n_workers;
	struct mailbox *mailbox; /* reports of the workers */
	struct mono started;
	uint64_t started_wall_us;
	enum control_phase phase; /* control/stop.h changes it */
	struct stop *stop;
	unsigned paused; /* workers that do not accept at the moment; control/reports.c counts */
	struct checks *checks;
	struct certificates *certificates; /* NULL: no listener terminates TLS */
	struct sticky_secrets *sticky_secrets;
	struct user_files *user_files;
	struct sampler *sampler;
	struct admin *admin;
	struct reload *reload;
	/* control/reload.h's, for the command */
	void (*request_reload)(struct reload *r, const char *who, struct reload_waiter *waiter);
	struct upgrade *upgrade;
	void (*request_upgrade)(
		struct upgrade *u, const char *who, struct upgrade_waiter *waiter); /* the same */
	const char *holds; /* why nothing may be changed at the moment; NULL: it may */
	struct status_http *status_http;
	struct notifier *notifier; /* NULL: no cluster.notify */
	struct control_own *own;   /* control.c's */
};

/* What the daemon gives and lends until control_free(). */
struct control_setup {
	struct generations *generations;
	struct generation *generation; /* the first */
	struct qsbr *views;
	struct load *load;
	struct control_worker *workers;
	size_t n_workers;
	struct cluster_ports *ports; /* taken by control_new() */
	struct sockets *sockets;     /* those of the first generation serve */
	const char *program;	     /* of an upgrade: what to start, and how */
	char *const *argv;
	bool takes_over; /* from another process: nothing is told to the cluster before control_join() */
	const char *carried; /* what that one knew (control/carry.h); NULL: nothing */
};

/* The loop, the mailbox and the servers; then what the outside sees: sockets, checks, signals. The worker's `mailbox`
 * members may be filled in between. control_open() says on false in `why` what was refused. */
struct control *control_new(const struct control_setup *setup);
bool control_open(struct control *c, char *why, size_t why_size);
/* In a cluster with peers: lets the loop turn until every server has been checked, here or by a peer that is heard, but
 * no longer than a second, so that the first clients are not sent to a server that is known to be down. Before the
 * workers run. */
void control_await_health(struct control *c);
/* Where it takes over: the other one is silent now, and this is what it wrote (carry_cluster()). */
void control_join(struct control *c, struct span carried);
void control_run(struct control *c); /* returns after a stop, when every worker was told to end */
void control_free(struct control *c);

/* For an upgrade: every socket that another process may take over (stop_hand_over() tells of it). */
int control_each_socket(struct control *c, sockets_give *give, void *arg);

/* A copy of the order for every worker; `order` is a template on the caller's stack. */
void control_order_all(struct control *c, const struct order *order);

/* Formats what the workers have recorded so far. And: does so now and then, if there is an access log. False: out of
 * memory. */
void control_drain_access(struct control *c);
bool control_watch_access(struct control *c);

/* Every worker passes through its loop once: it has seen the newest view then, and no older one is
 * kept for its sake. */
void control_wake_all(struct control *c);

/* Once a second: looks whether every worker passed through its loop since, and wakes them for the next look. False: one
 * has not for some seconds, as the log says. */
bool control_watch_workers(struct control *c, struct mono now, uint64_t since_last_us);

/* Sums over the workers, the way every reader of tallies wants them. Listeners and backends by their index in the present
 * configuration; their slots are where tallies and reports have them. */
uint64_t control_sum(const struct control *c, size_t offset_in_tally);
uint64_t control_sum_listener(const struct control *c, unsigned listener, size_t offset);
uint64_t control_sum_backend(const struct control *c, unsigned backend, size_t offset);
uint64_t control_sum_listener_slot(const struct control *c, unsigned slot, size_t offset);
uint64_t control_sum_backend_slot(const struct control *c, unsigned slot, size_t offset);
uint64_t control_sum_server(const struct control *c, uint32_t server_id, size_t offset);

#endif

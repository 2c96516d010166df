/* The listening sockets of a worker: accepting, what is refused at the door, and the pauses when
 * there is no room. owner: worker. */
#ifndef DATA_LISTENER_H
#define DATA_LISTENER_H

#include "base/list.h"
#include "base/mono.h"
#include "config/config.h"
#include "data/pins.h"
#include "ratelimit/sources.h"
#include "tally.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>

struct worker;

struct listener {
	struct list all; /* in listeners.all */
	struct event event;
	struct worker *worker;
	const struct config_listener *conf; /* of the generation `pin` */
	struct tally_listener *tally;
	int fd;
	uint32_t number; /* of its address: src/sockets.h */
	unsigned batch;	 /* how many the last wakes found waiting: so many are tried */
	uint16_t slot;
	pin_t pin; /* the newest generation that has this listener */
};

struct listeners {
	struct list all;
	unsigned fd_ceiling; /* descriptors from here on are for the servers of who is in, not for
				new clients or pipes */
	unsigned fd_end;     /* and from here on for control: checks, the status socket */
	bool paused;
	bool short_of; /* the pause waits for descriptors or memory, not for a connection's end */
	bool reported; /* REPORT_PAUSED was sent, REPORT_RESUMED not yet */
	struct mono last_pause;
};

/* Sets apart the descriptors that new clients do not get; before anything else of a worker. */
void listeners_reserve(struct listeners *ls);

/* Those of the first generation. False: out of memory. The sockets are watched from now on. */
bool listeners_init(struct worker *w);
void listeners_release(struct worker *w);

/* A generation was taken up: its sockets are watched from now on, and belong to it. Those that it does not have serve on,
 * under the generation that they are of, until they are given up. False: out of memory, call again. */
bool listeners_follow(struct worker *w);

/* Gives one address up, its waiting clients taken in. */
void listeners_give_up(struct worker *w, uint32_t number);

/* Takes in who has connected already, as far as there is room: a close would reset them. */
void listeners_accept_waiting(struct worker *w);

/* Gives them up for good; they are closed by who lent them. */
void listeners_stop(struct worker *w);

/* There is no room, for the reason of this errno (0: limits.connections): accepting pauses, clients
 * wait in the kernel's queue. */
void listeners_pause(struct worker *w, int error);

/* Accepting goes on if there may be room again; reports when it has gone on for a while. */
void listeners_resume(struct worker *w);

/* Errnos that say that this machine, not the peer, has no room. */
bool listener_is_shortage(int error);

/* Counts a client against the limits of its source on the listener in this slot. END_REASONS: it
 * may come in; *ret_counted then says whether listener_leave must follow. */
enum end_reason listener_admit(
	struct worker *w, uint16_t listener, const struct addr *client, bool *ret_counted);
void listener_leave(struct worker *w, const struct addr *client);

/* Closes, counts and logs a client that does not come in; `counted`: listener_leave must follow. */
void listener_turn_away(struct listener *l, int fd, const struct addr *client,
	enum end_reason reason, bool counted);

#endif

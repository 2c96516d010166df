/* What shared_health.c (views that come and go) and shared_reach.c (what follows from them) share.
 * owner: control; thread: control. */
#ifndef CONTROL_SHARED_HEALTH_INSIDE_H
#define CONTROL_SHARED_HEALTH_INSIDE_H

#include "control/health_record.h"
#include "control/shared_health.h"
#include "health/reach.h"

#include <event2/event.h>

/* What a node sees of one server. */
struct seen {
	struct health_entry entry; /* its `server` is 0: nothing */
	uint16_t piece;		   /* the record that said so */
	struct mono checked_at;	   /* about, by our clock; us 0: not known */
};

struct peer {
	uint64_t id;
	struct seen *seen; /* by server id */
};

/* What is known of one server beside its struct. */
struct shared_server {
	uint64_t key;		 /* 0: no such server */
	enum health_view told;	 /* what the others heard last of this node's view */
	struct mono told_failed; /* when they last heard of a failed connect */
	struct mono
		doubted_at; /* another node saw it down, and waits for a good check since; us 0: none does */
	bool adopted; /* by the others' word */
	struct reach reach;
};

struct shared_health {
	struct control *control;
	struct peer *peers;
	size_t n_peers;
	struct shared_server *servers; /* by id */
	uint32_t max_servers;
	struct event *refresh, *patience;
	struct mono patience_at; /* the event's time; us 0: it is not set */
	struct shared_health_hooks hooks;
	bool said_too_many;
};

/* --- shared_health.c --- */

enum health_view shared_health_own(const struct server *s);
bool shared_health_is_fresh(const struct shared_health *h, const struct peer *p);

/* --- shared_reach.c --- */

/* Own or others' views of it changed, or time has passed. */
void shared_reach_settle(struct shared_health *h, struct server *s);
void shared_reach_settle_all(struct shared_health *h);

#endif

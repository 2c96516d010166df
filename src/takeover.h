/* The new program's side of an upgrade: what it says to the one that runs, and what it takes over from it.
 *
 * The old one starts the new one with one end of a socket pair, whose number stands in the environment. Messages are
 * JSON objects with a "type"; members that a side does not know are ignored, so that either may be newer:
 *
 *	new: {"type": "hello", "protocol": 1, "version", "node", "workers", "cluster", "cluster_format"}
 *	old: {"type": "socket", "name"} and its descriptors, for each; {"type": "state"} and a memfd; {"type": "end"}
 *	new: {"type": "ready", "taken": [names]}   from here on it must not fail
 *	old: {"type": "go"} and a memfd            it accepts no more, and is no member of the cluster any more
 *
 * or {"type": "failed", "why"} by either side, at any time before "go". A side that is gone has failed.
 * Blocking, with limits; thread: main, before the loop runs. */
#ifndef TAKEOVER_H
#define TAKEOVER_H

#include "inherit.h"

#include <stdbool.h>
#include <stddef.h>

#define TAKEOVER_ENV "AEGISLB_TAKEOVER_FD"

enum { TAKEOVER_PROTOCOL = 1, TAKEOVER_WAIT_MS = 10000 };

struct takeover {
	int fd; /* -1: an ordinary start */
	struct inherit inherited;
	char *state;	  /* JSON; NULL: none */
	char *membership; /* of the cluster, with "go"; NULL: none */
	size_t membership_n;
};

/* Whether this is one; the environment is as before afterwards. */
bool takeover_begin(struct takeover *t);
void takeover_release(struct takeover *t);

/* Of who asks. False: `why`. */
struct takeover_who {
	const char *version, *node, *cluster;
	int cluster_format;
	size_t workers;
};
bool takeover_receive(
	struct takeover *t, const struct takeover_who *who, char *why, size_t why_size);
bool takeover_ready(struct takeover *t, char *why, size_t why_size);
void takeover_fail(struct takeover *t, const char *why); /* an ordinary start: does nothing */

#endif

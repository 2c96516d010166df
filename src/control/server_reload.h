/* The servers of the next configuration. Who has the same backend and name stays who he is, with his state and his id;
 * what was set at run time holds where the file says the same as before. owner: control; thread: control. */
#ifndef CONTROL_SERVER_RELOAD_H
#define CONTROL_SERVER_RELOAD_H

#include "control/servers.h"

struct servers_next;

/* All that can fail. NULL: `why` says what is refused. */
struct servers_next *servers_prepare(
	struct servers *s, const struct generation *g, char *why, size_t why_size);

/* Between servers_hold() and servers_release(): the next view is of that generation. Takes `next`. */
void servers_commit(struct servers *s, struct generation *g, struct servers_next *next);
void servers_roll_back(struct servers *s, struct servers_next *next);

#endif

/* Sockets to servers that have done their work and are connected again, to whichever server is next:
 * what is left of a connection that the client ended first, once the server has ended it, too
 * (doc/decisions/008). owner: worker. */
#ifndef DATA_SPARES_H
#define DATA_SPARES_H

#include "net/addr.h"
#include "poller/poller.h"

#include <stdbool.h>

enum { SPARES_MAX = 256 };

struct spares_family {
	int fds[SPARES_MAX];
	unsigned n;
};

struct spares {
	struct spares_family ipv4, ipv6;
	struct poller *poller;
	unsigned max; /* of each family */
};

/* poller: of the sockets' watches; used until the last trim. max: how many of each family may be kept
 * at once; no more than SPARES_MAX are. */
void spares_init(struct spares *s, struct poller *poller, unsigned max);

/* Keeps the watched socket, and makes its watch's descriptor -1; false: it is not fit for that, or
 * there is no room. */
bool spares_put(struct spares *s, struct watch *w, bool is_ipv6);

/* As stream_connect, with a spare socket where there is one. It is to be watched, or given up, before
 * the caller returns to the loop. */
int spares_connect(struct spares *s, const struct addr *to, unsigned fd_end);

/* Closes them: their descriptors are needed elsewhere, or nobody is served any more. */
void spares_trim(struct spares *s);

#endif

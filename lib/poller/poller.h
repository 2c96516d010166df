/* Watches many sockets, edge-triggered, for one libevent base: an epoll instance of its own, which
 * the base watches as one descriptor. Against an event of libevent for each socket it costs one
 * call less a socket (the kernel forgets a descriptor that is closed), a twentieth of the memory, and it
 * tells a reset from bytes (doc/decisions/007).
 *
 * owner and thread: those of the base. */
#ifndef POLLER_POLLER_H
#define POLLER_POLLER_H

#include <stdbool.h>

struct event_base;

/* What an edge says, or-ed together. */
enum poller_edge {
	POLLER_READ = 1,  /* there is something to read: bytes, the end, or an error */
	POLLER_WRITE = 2, /* there is room to send */
	POLLER_END = 4,	  /* the peer has ended: behind the bytes that are here comes the end */
	POLLER_ERROR = 8, /* reset, or failed: behind the bytes that are here comes an error */
};

struct watch;

/* May change, forget and close any watch, and free its own. */
typedef void poller_cb(struct watch *w, unsigned edges);

/* One socket; lives in the caller's object, which must stay in place while it is watched. */
struct watch {
	poller_cb *cb;
	int fd; /* the caller's; not changed while watched */
	bool _watched;
};

struct poller;

/* Returns owned; NULL: out of memory or descriptors. */
struct poller *poller_new(struct event_base *base);
void poller_free(struct poller *p); /* before the base; forgets what is watched. NULL is allowed */

/* Watches w->fd, or changes what it is watched for: reading, with `writes` for room to send, too. What
 * is there already comes as an edge. False: out of memory, and not watched. */
bool poller_watch(struct poller *p, struct watch *w, bool writes);

/* No callback follows. The caller closes the descriptor next: there is no other way to make the
 * kernel forget it. Not watched, or -1, is allowed. */
void poller_forget(struct poller *p, struct watch *w);

/* No callback follows, and the descriptor stays open for another watch, which then costs nothing. The
 * poller wants to know, by poller_drop, when it is closed instead. Edges meanwhile are lost. */
void poller_keep(struct poller *p, struct watch *w);
void poller_drop(struct poller *p, int fd);

static inline bool poller_is_watched(const struct watch *w)
{
	return w->_watched;
}

#endif

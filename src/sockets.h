/* The listening sockets: for each address that is served a set of them, one for each worker. They stay open as long as
 * the address is served, whatever else a reload changes: closing one of a set resets who waits in its queue.
 *
 * An address that goes is retired first (net/listener_fd.h), given up by the workers, then closed. thread: control. */
#ifndef SOCKETS_H
#define SOCKETS_H

#include "base/list.h"
#include "base/mono.h"
#include "generation.h"
#include "inherit.h"
#include "net/addr.h"

#include <stdbool.h>
#include <stddef.h>

enum socket_set_state {
	SOCKET_SET_NEW,	    /* of a generation that is being prepared */
	SOCKET_SET_SERVING, /* of the newest */
	SOCKET_SET_RETIRED, /* takes no new connections; those that have begun are waited for */
	SOCKET_SET_LEFT,    /* the workers were told to give it up */
};

struct socket_set {
	struct list in_all;
	struct addr addr;
	enum socket_set_state state;
	uint32_t number;   /* of its own, for orders */
	size_t gave_up;	   /* workers that have, once LEFT */
	struct mono until; /* once RETIRED: not waited for longer */
	int fds[];	   /* by worker */
};

struct sockets {
	struct list all; /* of socket_set */
	size_t n_workers;
	uint32_t number;
	struct inherit *inherit; /* where sockets may stand that are open already; NULL: nowhere */
};

void sockets_init(struct sockets *s, size_t n_workers);
void sockets_release(struct sockets *s); /* closes all */

/* Finds or opens what the generation listens on, and tells it. False: `why` names what was refused; what was opened is
 * closed again. */
bool sockets_prepare(struct sockets *s, struct generation *g, char *why, size_t why_size);

/* The generation does not come after all. */
void sockets_roll_back(struct sockets *s);

/* It is there: what it does not listen on is retired, for `ms` at most. */
void sockets_commit(struct sockets *s, const struct generation *g, uint64_t ms);

/* Some set is on its way out: a generation can be prepared only when none has LEFT the workers. */
bool sockets_has(const struct sockets *s, enum socket_set_state state);

/* The next retired set that nobody is waited for any more; NULL: none. It has LEFT from then on: the workers are to be
 * told its number. */
struct socket_set *sockets_next_to_leave(struct sockets *s, struct mono now);

/* A worker gave the set up; true: all have, and it is closed. */
bool sockets_gave_up(struct sockets *s, uint32_t number);

/* What another process may take over, by their names in it (inherit.h). The first value of `give` that is not 0 ends it and
 * is returned. */
typedef int sockets_give(void *arg, const char *name, const int *fds, size_t n);
int sockets_each(struct sockets *s, sockets_give *give, void *arg);

/* The next set that another process has taken and serves: LEFT from then on, as above. */
typedef bool sockets_is_taken(const void *taken, const char *name);
struct socket_set *sockets_next_taken(
	struct sockets *s, sockets_is_taken *is_taken, const void *taken);

/* For a stop: retires all; true while handshakes are not whole. And: closes all. */
bool sockets_retire_all(struct sockets *s);
void sockets_close_all(struct sockets *s);

#endif

/* Sockets that an earlier process of this service hands to the next one (an upgrade): by name, so that a
 * configuration that changed in between finds what it still wants, and the rest is known to be wanted by nobody.
 *
 * Names: "listener ADDR:PORT" (one for each worker), "status-http ADDR:PORT", "status-socket PATH", "cluster-udp ADDR",
 * "cluster-tcp ADDR". owner: daemon, then control; thread: the main one. */
#ifndef INHERIT_H
#define INHERIT_H

#include "base/list.h"
#include "net/addr.h"

#include <stdbool.h>
#include <stddef.h>

enum { INHERIT_NAME_MAX = 160 };

struct inherit {
	struct list all;
};

struct inherit_entry {
	struct list in_all;
	char name[INHERIT_NAME_MAX];
	bool taken;
	size_t n;
	int fds[];
};

void inherit_init(struct inherit *in);
void inherit_release(struct inherit *in); /* closes what nobody took */

/* Takes the descriptors. False: out of memory, or the name is too long; they are closed. */
bool inherit_add(struct inherit *in, const char *name, const int *fds, size_t n);

/* Gives n descriptors away, which are the caller's then. False: there is no such entry, or it is not of n. NULL is an
 * empty one. */
bool inherit_take(struct inherit *in, const char *name, int *fds, size_t n);

/* "KIND ADDR:PORT", in `buf`. */
const char *inherit_name(const char *kind, const struct addr *addr, char buf[INHERIT_NAME_MAX]);

#endif

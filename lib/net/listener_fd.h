/* Opens listening TCP sockets: one for each worker on the same address, between which the kernel
 * spreads new connections (SO_REUSEPORT). What accepted connections inherit is set here once
 * instead of on each of them: TCP_NODELAY and keepalive.
 *
 * System calls that may block shortly, any thread; meant for start and reload. The sockets are the
 * caller's to close: closing one of a group resets the connections that wait in its queue, so they
 * live as long as the address is served. */
#ifndef NET_LISTENER_FD_H
#define NET_LISTENER_FD_H

#include "net/addr.h"

#include <stddef.h>

enum {
	LISTENER_FD_BACKLOG = 65535, /* cut by the kernel to net.core.somaxconn */
	/* A connection without a byte is handed to accept only after so long (TCP_DEFER_ACCEPT):
	 * nearly every accept then finds the client's first bytes waiting. */
	LISTENER_FD_DEFER_S = 1,
};

/* What the system refused: the call or option, and its errno. */
struct listener_fd_error {
	const char *what;
	int number;
};

/* Opens n sockets on `addr` into fds: non-blocking, close-on-exec, listening. The any-address of
 * IPv6 takes IPv4 too, and is IPv4 alone where the machine has no IPv6. An address that this
 * machine does not have (yet) is taken all the same: a virtual address may come later. A port on
 * which anybody listens is refused, our own user's sockets with SO_REUSEPORT included.
 *
 * False: *ret_error says why, and no socket stays open. */
bool listener_fd_open(
	const struct addr *addr, int *fds, size_t n, struct listener_fd_error *ret_error);

/* The last call, before a close: who begins to connect from now on is not answered, so that he tries
 * again in a second, by then with whoever has the address; whose handshake has begun can be accepted as
 * soon as it is whole, without a byte from him. See handshakes.h for when nobody is left. */
void listener_fd_retire(int fd);

/* Takes the last call back: the address is served on. */
void listener_fd_revive(int fd);

#endif

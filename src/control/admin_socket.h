/* The file of a listening UNIX stream socket: made with its mode, without a moment in which it
 * is open to others, and taken away again. No loop, no clients. */
#ifndef CONTROL_ADMIN_SOCKET_H
#define CONTROL_ADMIN_SOCKET_H

#include <stddef.h>
#include <sys/types.h>

struct admin_socket {
	int fd; /* listening, non-blocking, close-on-exec */
	const char *path;
	dev_t device; /* of the file, to know it again */
	ino_t inode;
};

enum admin_socket_status {
	ADMIN_SOCKET_OK,
	ADMIN_SOCKET_NO_DIRECTORY = -1, /* its directory does not exist */
	ADMIN_SOCKET_REFUSED = -2,
};

/* Replaces a socket on which nobody answers; never a file of another kind, never a live socket.
 * What went wrong stands in `why`. Borrows the path as long as the socket is open. */
int admin_socket_open(
	struct admin_socket *s, const char *path, unsigned mode, char *why, size_t why_size);

/* Closes it and removes the file, unless another one stands there by now. */
/* The same with one that listens there already. Takes `fd`. */
int admin_socket_adopt(
	struct admin_socket *s, const char *path, int fd, char *why, size_t why_size);

void admin_socket_close(struct admin_socket *s);

#endif

/* A pipe of the kernel as a bucket that carries bytes from one socket to another without a copy
 * through user space (splice). Results are counts or negative errnos, as in stream.h.
 * One owner at a time. */
#ifndef NET_PIPE_H
#define NET_PIPE_H

#include <stddef.h>
#include <sys/types.h>

enum { PIPE_BYTES = 1 << 20 }; /* asked for; a smaller one works as well, only slower */

struct pipe {
	int out, in;
	size_t held; /* bytes inside */
};

/* 0 or a negative errno. Where the system refuses the size (fs.pipe-user-pages-soft), the pipe has
 * what it grants. */
int pipe_open(struct pipe *p);
void pipe_close(struct pipe *p);

/* Bytes taken from a socket; 0: its peer has ended. -EAGAIN: nothing there, or the pipe is full. */
ssize_t pipe_fill(struct pipe *p, int from);

/* Bytes given to a socket; there are some to give. */
ssize_t pipe_drain(struct pipe *p, int to);

#endif

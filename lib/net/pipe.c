#define _GNU_SOURCE

#include "net/pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int pipe_open(struct pipe *p)
{
	int fds[2];

	if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) < 0)
		return -errno;
	*p = (struct pipe){.out = fds[0], .in = fds[1]};
	(void)fcntl(p->in, F_SETPIPE_SZ, PIPE_BYTES);
	return 0;
}

void pipe_close(struct pipe *p)
{
	close(p->out);
	close(p->in);
	p->out = p->in = -1;
}

ssize_t pipe_fill(struct pipe *p, int from)
{
	ssize_t n = splice(from, NULL, p->in, NULL, PIPE_BYTES, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);

	if (n < 0)
		return -errno;
	p->held += (size_t)n;
	return n;
}

ssize_t pipe_drain(struct pipe *p, int to)
{
	ssize_t n = splice(p->out, NULL, to, NULL, p->held, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);

	if (n < 0)
		return -errno;
	p->held -= (size_t)n;
	return n;
}

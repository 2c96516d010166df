#include "data/link.h"

#include "net/stream.h"

#include <errno.h>

void link_init(struct link *l, int fd, poller_cb *cb)
{
	*l = (struct link){.watch = {cb, fd, 0}};
}

void link_note(struct link *l, unsigned edges)
{
	if (edges & POLLER_READ)
		l->readable = true;
	if (edges & POLLER_WRITE)
		l->blocked = false;
	if (edges & POLLER_END)
		l->ended = true;
	if (edges & POLLER_ERROR)
		l->failed = true;
}

bool link_watch(struct link *l, struct poller *p, bool writes)
{
	if (poller_is_watched(&l->watch) && (l->watches_writes || !writes))
		return true;
	l->watches_writes = writes;
	return poller_watch(p, &l->watch, writes);
}

/* A short read tells as well as a failing one that there is no more, unless the end is near. */
ssize_t link_recv(struct link *l, void *buf, size_t n)
{
	ssize_t got = stream_recv(l->watch.fd, buf, n);

	if (got == -EAGAIN || (got > 0 && (size_t)got < n && !l->ended && !l->failed))
		l->readable = false;
	return got;
}

ssize_t link_send(struct link *l, struct span bytes)
{
	ssize_t sent = stream_send(l->watch.fd, bytes.p, bytes.n);

	if (sent == -EAGAIN || (sent >= 0 && (size_t)sent < bytes.n))
		l->blocked = true;
	return sent;
}

void link_end(struct link *l)
{
	if (!l->finished)
		stream_end(l->watch.fd);
	l->finished = true;
}

static int take_fd(struct link *l, struct poller *p)
{
	int fd = l->watch.fd;

	poller_forget(p, &l->watch);
	l->watch.fd = -1;
	return fd;
}

void link_close(struct link *l, struct poller *p)
{
	int fd = take_fd(l, p);

	if (fd >= 0)
		stream_close(fd);
}

void link_reset(struct link *l, struct poller *p)
{
	int fd = take_fd(l, p);

	if (fd >= 0)
		stream_reset(fd);
}

bool link_local(const struct link *l, struct addr *ret)
{
	return stream_local(l->watch.fd, ret) == 0;
}

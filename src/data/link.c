#include "data/link.h"

#include "data/tls.h"
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
	if (l->tls && (edges & (POLLER_READ | POLLER_END | POLLER_ERROR)))
		tls_readable(l->tls, l->ended || l->failed);
}

bool link_watch(struct link *l, struct poller *p, bool writes)
{
	if (poller_is_watched(&l->watch) && (l->watches_writes || !writes))
		return true;
	l->watches_writes = writes;
	return poller_watch(p, &l->watch, writes);
}

/* From here on `readable` is about what OpenSSL may have, which reads ahead: that the socket was read empty before says
 * nothing of that, and what is read within the handshake's last step has no edge of its own. */
bool link_secure(struct link *l, struct worker *w, const struct tls_place *at, struct span first)
{
	l->tls = tls_new(w, at, l->watch.fd, first);
	l->readable = true;
	if (l->tls)
		tls_readable(l->tls, l->ended || l->failed);
	return l->tls != NULL;
}

enum link_state link_handshake(struct link *l, enum end_reason *ret_reason)
{
	switch (tls_handshake(l->tls, ret_reason)) {
	case TLS_DONE:
		return LINK_READY;
	case TLS_WANTS_READ:
		l->readable = false;
		return LINK_WAITS;
	case TLS_WANTS_WRITE:
		l->blocked = true;
		return LINK_WAITS;
	case TLS_FAILED:
		break;
	}
	return LINK_FAILED;
}

struct span link_alpn(const struct link *l)
{
	return l->tls ? tls_alpn(l->tls) : span_of(NULL, 0);
}

void link_unsecure(struct link *l)
{
	tls_free(l->tls);
	l->tls = NULL;
}

/* A short read tells as well as a failing one that there is no more, unless the end is near; but not in TLS, whose records
 * end where they like. */
ssize_t link_recv(struct link *l, void *buf, size_t n)
{
	ssize_t got = l->tls ? tls_recv(l->tls, buf, n) : stream_recv(l->watch.fd, buf, n);
	bool is_short = got > 0 && (size_t)got < n && !l->tls;

	if (got == -EAGAIN || (is_short && !l->ended && !l->failed))
		l->readable = false;
	return got;
}

ssize_t link_send(struct link *l, struct span bytes)
{
	ssize_t sent =
		l->tls ? tls_send(l->tls, bytes) : stream_send(l->watch.fd, bytes.p, bytes.n);

	if (sent == -EAGAIN || (sent >= 0 && (size_t)sent < bytes.n && !l->tls))
		l->blocked = true;
	return sent;
}

bool link_is_over(const struct link *l)
{
	return l->ended || l->failed || stream_is_over(l->watch.fd);
}

bool link_has_unread(const struct link *l)
{
	return stream_has_unread(l->watch.fd);
}

void link_end(struct link *l)
{
	if (!l->finished && l->tls)
		tls_end(l->tls);
	if (!l->finished)
		stream_end(l->watch.fd);
	l->finished = true;
}

static int take_fd(struct link *l, struct poller *p)
{
	int fd = l->watch.fd;

	poller_forget(p, &l->watch);
	l->watch.fd = -1;
	link_unsecure(l);
	return fd;
}

void link_close(struct link *l, struct poller *p)
{
	int fd;

	/* Who has closed already reads no good-bye: it would only be answered by a reset. */
	if (l->tls && !l->finished && !l->failed && !l->ended)
		tls_end(l->tls);
	fd = take_fd(l, p);

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

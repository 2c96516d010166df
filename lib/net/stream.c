#define _GNU_SOURCE

#include "net/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <unistd.h>

int stream_accept(int listener, struct addr *ret_peer)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	int fd = accept4(listener, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return -errno;
	*ret_peer = addr_from_sockaddr((struct sockaddr *)&sa);
	return fd;
}

static int begin(int fd, const struct addr *to)
{
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(to, &sa);
	int err;

	if (connect(fd, (struct sockaddr *)&sa, len) == 0 || errno == EINPROGRESS)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* The same option that has a listener wait for the client's first bytes has a client keep the
 * acknowledgement of the server's SYN for its own; and a socket that is connected again still has it. */
static void acknowledge_with_first_bytes(int fd)
{
	int seconds = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds));
}

int stream_connect(const struct addr *to, unsigned fd_end)
{
	int fd = socket(to->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if ((unsigned)fd >= fd_end) {
		close(fd);
		return -EMFILE;
	}
	acknowledge_with_first_bytes(fd);
	return begin(fd, to);
}

/* A server that writes its answer in two small pieces with Nagle's algorithm on would otherwise wait
 * 40 ms between them for our acknowledgement. */
void stream_settle(int fd)
{
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

bool stream_is_spare(int fd)
{
	int unacknowledged;

	return ioctl(fd, SIOCOUTQ, &unacknowledged) == 0 && unacknowledged == 0;
}

int stream_reconnect(int fd, const struct addr *to)
{
	const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
	int err;

	if (connect(fd, &nobody, sizeof(nobody)) == 0)
		return begin(fd, to);
	err = -errno;
	close(fd);
	return err;
}

unsigned stream_next_number(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (copy < 0)
		return UINT_MAX;
	close(copy);
	return (unsigned)copy;
}

ssize_t stream_recv(int fd, void *buf, size_t n)
{
	ssize_t got = recv(fd, buf, n, 0);

	return got < 0 ? -errno : got;
}

ssize_t stream_send(int fd, const void *buf, size_t n)
{
	ssize_t sent = send(fd, buf, n, MSG_NOSIGNAL);

	return sent < 0 ? -errno : sent;
}

ssize_t stream_send_first(int fd, const void *buf, size_t n)
{
	ssize_t sent = send(fd, buf, n, MSG_NOSIGNAL | MSG_MORE);

	return sent < 0 ? -errno : sent;
}

bool stream_is_over(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return n == 0 || (n < 0 && errno != EAGAIN);
}

bool stream_has_unread(int fd)
{
	int n = 0;

	return ioctl(fd, FIONREAD, &n) == 0 && n > 0;
}

int stream_local(int fd, struct addr *ret)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);

	if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
		return -errno;
	*ret = addr_from_sockaddr((struct sockaddr *)&sa);
	return 0;
}

int stream_peer(int fd, struct addr *ret)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);

	if (getpeername(fd, (struct sockaddr *)&sa, &len) < 0)
		return -errno;
	*ret = addr_from_sockaddr((struct sockaddr *)&sa);
	return 0;
}

void stream_set_nodelay(int fd)
{
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void stream_set_keepalive(int fd)
{
	int on = 1;

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

void stream_end(int fd)
{
	shutdown(fd, SHUT_WR); /* fails where the peer has reset: the next read will say so */
}

void stream_close(int fd)
{
	close(fd);
}

void stream_reset(int fd)
{
	const struct linger now = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

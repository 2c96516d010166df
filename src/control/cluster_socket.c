#include "config-build.h"

#include "control/cluster_socket.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	BATCH = 32,
	BATCHES = 4, /* a turn of the loop: well below a millisecond, forged ones included */
	ROOM = 1536, /* a byte more than the longest datagram would do: longer ones are refused as such */
	BUFFER = 4 << 20,
	BACKLOG = 128,
};

struct cluster_socket {
	int fd;
	struct mmsghdr messages[BATCH];
	struct iovec pieces[BATCH];
	struct sockaddr_storage from[BATCH];
	uint8_t room[BATCH][ROOM];
};

/* --- opening --- */

static bool set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

static int failed(int fd, const char *what, const char **ret_what)
{
	int error = errno;

	*ret_what = what;
	if (fd >= 0)
		close(fd);
	errno = error;
	return -1;
}

/* Small, and of no use when late: ahead of the data in the queues of this machine and of the network's. Never in
 * fragments, whatever the path's own limit is said to be (that could be forged). */
static void set_quality(int fd, int family)
{
	if (family == AF_INET) {
		set(fd, IPPROTO_IP, IP_TOS, IPTOS_CLASS_CS6);
		set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
	} else {
		set(fd, IPPROTO_IPV6, IPV6_TCLASS, IPTOS_CLASS_CS6);
		set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
	}
	set(fd, SOL_SOCKET, SO_PRIORITY, 6);
}

/* Room for a second of a flood; without the right to ask for that much, for as much as there is. */
static void set_buffer(int fd)
{
	if (!set(fd, SOL_SOCKET, SO_RCVBUFFORCE, BUFFER))
		set(fd, SOL_SOCKET, SO_RCVBUF, BUFFER);
}

int cluster_socket_udp(const struct addr *at, const char **ret_what)
{
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(at, &sa);
	int fd = socket(at->family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return failed(fd, "socket", ret_what);
	set_buffer(fd);
	set_quality(fd, at->family);
	if (bind(fd, (struct sockaddr *)&sa, len) < 0)
		return failed(fd, "bind", ret_what);
	return fd;
}

int cluster_socket_tcp(const struct addr *at, const char **ret_what)
{
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(at, &sa);
	int fd = socket(at->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return failed(fd, "socket", ret_what);
	if (!set(fd, SOL_SOCKET, SO_REUSEADDR, 1))
		return failed(fd, "SO_REUSEADDR", ret_what);
	if (bind(fd, (struct sockaddr *)&sa, len) < 0)
		return failed(fd, "bind", ret_what);
	if (listen(fd, BACKLOG) < 0)
		return failed(fd, "listen", ret_what);
	return fd;
}

/* --- life --- */

struct cluster_socket *cluster_socket_new(int fd)
{
	struct cluster_socket *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->fd = fd;
	for (unsigned i = 0; i < BATCH; i++) {
		s->pieces[i] = (struct iovec){s->room[i], ROOM};
		s->messages[i].msg_hdr.msg_iov = &s->pieces[i];
		s->messages[i].msg_hdr.msg_iovlen = 1;
		s->messages[i].msg_hdr.msg_name = &s->from[i];
	}
	return s;
}

void cluster_socket_free(struct cluster_socket *s)
{
	if (!s)
		return;
	close(s->fd);
	free(s);
}

int cluster_socket_fd(const struct cluster_socket *s)
{
	return s->fd;
}

/* --- datagrams --- */

/* How many came; fewer than BATCH: there are no more. An error of a datagram that was sent earlier (ICMP) is taken off
 * the socket by the call that reports it. */
static unsigned receive_batch(struct cluster_socket *s)
{
	int n;

	for (unsigned i = 0; i < BATCH; i++)
		s->messages[i].msg_hdr.msg_namelen = sizeof(s->from[i]);
	do
		n = recvmmsg(s->fd, s->messages, BATCH, MSG_DONTWAIT, NULL);
	while (n < 0 && errno == EINTR);
	return n > 0 ? (unsigned)n : 0;
}

void cluster_socket_receive(struct cluster_socket *s, cluster_socket_cb *cb, void *arg)
{
	unsigned n = BATCH;

	for (unsigned batch = 0; batch < BATCHES && n == BATCH; batch++) {
		n = receive_batch(s);
		for (unsigned i = 0; i < n; i++) {
			struct addr from = addr_from_sockaddr((struct sockaddr *)&s->from[i]);

			cb(arg, &from, span_of(s->room[i], s->messages[i].msg_len));
		}
	}
}

bool cluster_socket_send(
	struct cluster_socket *s, const struct addr *to, struct span datagram, bool reached)
{
	int flags = MSG_DONTWAIT | MSG_NOSIGNAL | (reached ? MSG_CONFIRM : 0);
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(to, &sa);

	return sendto(s->fd, datagram.p, datagram.n, flags, (struct sockaddr *)&sa, len) ==
	       (ssize_t)datagram.n;
}

uint64_t cluster_socket_dropped(const struct cluster_socket *s)
{
	uint32_t memory[SK_MEMINFO_VARS] = {0};
	socklen_t n = sizeof(memory);

	if (getsockopt(s->fd, SOL_SOCKET, SO_MEMINFO, memory, &n) < 0)
		return 0;
	return memory[SK_MEMINFO_DROPS];
}

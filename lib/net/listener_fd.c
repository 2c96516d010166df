#include "net/listener_fd.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <unistd.h>

struct option {
	int level, name, value;
	const char *text;
};

static bool failed(const char *what, struct listener_fd_error *ret_error)
{
	*ret_error = (struct listener_fd_error){what, errno};
	return false;
}

static bool set_options(
	int fd, const struct option *options, size_t n, struct listener_fd_error *ret_error)
{
	for (size_t i = 0; i < n; i++) {
		const struct option *o = &options[i];

		if (setsockopt(fd, o->level, o->name, &o->value, sizeof(o->value)) < 0)
			return failed(o->text, ret_error);
	}
	return true;
}

static bool set_up(int fd, const struct addr *addr, struct listener_fd_error *ret_error)
{
	static const struct option any_family[] = {
		{SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR"},
		{SOL_SOCKET, SO_KEEPALIVE, 1, "SO_KEEPALIVE"},
		{IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY"},
		{IPPROTO_TCP, TCP_DEFER_ACCEPT, LISTENER_FD_DEFER_S, "TCP_DEFER_ACCEPT"},
		{IPPROTO_IP, IP_FREEBIND, 1, "IP_FREEBIND"},
	};
	const struct option v6only = {IPPROTO_IPV6, IPV6_V6ONLY, !addr_is_any(addr), "IPV6_V6ONLY"};

	return set_options(fd, any_family, sizeof(any_family) / sizeof(*any_family), ret_error) &&
	       (addr->family != AF_INET6 || set_options(fd, &v6only, 1, ret_error));
}

static bool bind_and_listen(
	int fd, const struct addr *addr, bool first, struct listener_fd_error *ret_error)
{
	const struct option reuseport = {SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT"};
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(addr, &sa);

	/* The first socket of a group binds without SO_REUSEPORT, so that it fails where another
	 * program (or we ourselves, started twice) has the port; it joins the group before it
	 * listens. */
	if (!first && !set_options(fd, &reuseport, 1, ret_error))
		return false;
	if (bind(fd, (struct sockaddr *)&sa, len) < 0)
		return failed("bind", ret_error);
	if (first && !set_options(fd, &reuseport, 1, ret_error))
		return false;
	return listen(fd, LISTENER_FD_BACKLOG) == 0 || failed("listen", ret_error);
}

/* -1: failed. */
static int open_one(const struct addr *addr, bool first, struct listener_fd_error *ret_error)
{
	int fd = socket(addr->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		failed("socket", ret_error);
		return -1;
	}
	if (!set_up(fd, addr, ret_error) || !bind_and_listen(fd, addr, first, ret_error)) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool has_ipv6(void)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno != EAFNOSUPPORT;
	close(fd);
	return true;
}

bool listener_fd_open(
	const struct addr *addr, int *fds, size_t n, struct listener_fd_error *ret_error)
{
	struct addr a = *addr;

	if (a.family == AF_INET6 && addr_is_any(&a) && !has_ipv6())
		a = (struct addr){.family = AF_INET, .port = addr->port};
	for (size_t i = 0; i < n; i++) {
		fds[i] = open_one(&a, i == 0, ret_error);
		if (fds[i] < 0) {
			while (i > 0)
				close(fds[--i]);
			return false;
		}
	}
	return true;
}

/* The filter sees a segment from its TCP header on; a SYN without ACK begins a connection. */
void listener_fd_retire(int fd)
{
	static struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, TH_SYN | TH_ACK),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TH_SYN, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	const struct sock_fprog filter = {sizeof(program) / sizeof(*program), program};
	int at_once = 0;

	setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter));
	setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &at_once, sizeof(at_once));
}

void listener_fd_revive(int fd)
{
	int defer_s = LISTENER_FD_DEFER_S, none = 0;

	setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof(none));
	setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &defer_s, sizeof(defer_s));
}

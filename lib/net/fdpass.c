#include "net/fdpass.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
	struct cmsghdr align;
	char room[CMSG_SPACE(sizeof(int) * FDPASS_FDS_MAX)];
};

int fdpass_pair(int ret[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) < 0 ? -errno : 0;
}

int fdpass_send(int fd, const void *bytes, size_t n_bytes, const int *fds, size_t n_fds)
{
	struct iovec piece = {(void *)(uintptr_t)bytes, n_bytes};
	struct msghdr m = {.msg_iov = &piece, .msg_iovlen = 1};
	union control control = {0};

	if (n_fds > FDPASS_FDS_MAX || n_bytes > FDPASS_BYTES_MAX)
		return -EMSGSIZE;
	if (n_fds > 0) {
		struct cmsghdr *c = &control.align;

		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
	}
	while (sendmsg(fd, &m, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

static void take_fds(struct msghdr *m, struct fdpass_message *ret)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		memcpy(ret->fds + ret->n_fds, CMSG_DATA(c), n * sizeof(int));
		ret->n_fds += n;
	}
}

static int wait_for(int fd, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int n = poll(&p, 1, timeout_ms);

	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	return n == 0 ? -EAGAIN : 0;
}

int fdpass_receive(int fd, struct fdpass_message *ret, int timeout_ms)
{
	struct iovec piece = {ret->bytes, FDPASS_BYTES_MAX};
	union control control;
	struct msghdr m = {.msg_iov = &piece,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	int err = wait_for(fd, timeout_ms);
	ssize_t n;

	ret->n_bytes = ret->n_fds = 0;
	if (err < 0)
		return err;
	n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	take_fds(&m, ret);
	if (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		fdpass_close(ret);
		return -EMSGSIZE;
	}
	if (n == 0)
		return -EPIPE;
	ret->n_bytes = (size_t)n;
	ret->bytes[n] = '\0';
	return 0;
}

void fdpass_close(struct fdpass_message *m)
{
	for (size_t i = 0; i < m->n_fds; i++)
		if (m->fds[i] >= 0)
			close(m->fds[i]);
	m->n_fds = 0;
}

#include "net/handshakes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum {
	ANSWER_BYTES = 16384,
	ANSWER_MS = 1000,
	NEW_SYN_RECV = 12, /* as kernels of today call most of them */
};

struct question {
	struct nlmsghdr header;
	struct inet_diag_req_v2 request;
};

static int ask(int fd, int family)
{
	const struct question q = {
		.header = {.nlmsg_len = sizeof(q),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.request = {.sdiag_family = (uint8_t)family,
			.sdiag_protocol = IPPROTO_TCP,
			.idiag_states = 1u << TCP_SYN_RECV | 1u << NEW_SYN_RECV},
	};

	return send(fd, &q, sizeof(q), 0) == (ssize_t)sizeof(q) ? 0 : -errno;
}

static bool is_among(uint16_t port, const uint16_t *ports, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ports[i] == port)
			return true;
	return false;
}

/* Adds what one datagram of the answer tells. 1: there is more to come; 0: that was all. */
static int count_in(
	const struct nlmsghdr *m, size_t len, const uint16_t *ports, size_t n, int *count)
{
	for (; NLMSG_OK(m, len); m = NLMSG_NEXT(m, len)) {
		const struct inet_diag_msg *found = NLMSG_DATA(m);
		const struct nlmsgerr *error = NLMSG_DATA(m);

		if (m->nlmsg_type == NLMSG_DONE)
			return 0;
		if (m->nlmsg_type == NLMSG_ERROR)
			return error->error < 0 ? error->error : -EPROTO;
		if (m->nlmsg_len >= NLMSG_LENGTH(sizeof(*found)) &&
			is_among(ntohs(found->id.idiag_sport), ports, n))
			(*count)++;
	}
	return 1;
}

static int count_family(int fd, int family, const uint16_t *ports, size_t n, int *count)
{
	_Alignas(struct nlmsghdr) char answer[ANSWER_BYTES];
	int more = ask(fd, family);

	if (more < 0)
		return more;
	do {
		ssize_t got = recv(fd, answer, sizeof(answer), 0);

		if (got < 0)
			return -errno;
		more = count_in((const void *)answer, (size_t)got, ports, n, count);
	} while (more > 0);
	return more;
}

int handshakes_count(const uint16_t *ports, size_t n)
{
	const struct timeval patience = {.tv_sec = ANSWER_MS / 1000};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	int count = 0, err;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	err = count_family(fd, AF_INET, ports, n, &count);
	if (err == 0)
		err = count_family(fd, AF_INET6, ports, n, &count);
	close(fd);
	return err < 0 ? err : count;
}

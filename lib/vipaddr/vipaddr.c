#define _GNU_SOURCE
#include "vipaddr/vipaddr.h"

#include "vipaddr/inside.h"
#include "vipaddr/news.h"
#include "vipaddr/packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <net/ethernet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	MONITOR_BYTES = 1 << 20, /* news the kernel keeps for us while we are busy */
	PACKETS_AT_ONCE = 64,	 /* that say nothing: then the caller's loop has its turn */
	ND_HOPS = 255,		 /* who is not on the link cannot send it (RFC 4861 7.1) */
};

/* --- opening --- */

static struct mnl_socket *open_netlink(unsigned groups)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (nl && mnl_socket_bind(nl, groups, MNL_SOCKET_AUTOPID) < 0) {
		int err = errno;

		mnl_socket_close(nl);
		errno = err;
		return NULL;
	}
	return nl;
}

/* Lets through replies, and requests whose sender asks for himself; a busy network has many others. */
static bool filter_arp(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6), /* the operation */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_ARP_REPLY, 5, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 14), /* the sender's address */
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 24), /* the target's */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, PACKET_ARP_BYTES),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0;
}

/* Nothing arrives before the filter is there: the socket is of no protocol until it is bound. */
static int open_arp(void)
{
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_ll all = {.sll_family = AF_PACKET, .sll_protocol = htons(ETHERTYPE_ARP)};

	if (fd < 0)
		return -1;
	if (!filter_arp(fd) || bind(fd, (struct sockaddr *)&all, sizeof(all)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int open_nd(void)
{
	int fd = socket(AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMPV6);
	int hops = ND_HOPS, on = 1, off = 0;
	struct icmp6_filter filter;

	if (fd < 0)
		return -1;
	ICMP6_FILTER_SETBLOCKALL(&filter);
	ICMP6_FILTER_SETPASS(ND_NEIGHBOR_ADVERT, &filter);
	if (setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter)) < 0 ||
		setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof(hops)) < 0 ||
		setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, &off, sizeof(off)) < 0 ||
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on)) < 0 ||
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on, sizeof(on)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool watch(struct vipaddr *v, int fd)
{
	struct epoll_event e = {.events = EPOLLIN};

	return fd < 0 || epoll_ctl(v->epoll, EPOLL_CTL_ADD, fd, &e) == 0;
}

/* Returns what was refused; NULL if nothing. */
static const char *open_all(struct vipaddr *v)
{
	int bytes = MONITOR_BYTES;

	v->request = open_netlink(0);
	v->monitor = open_netlink(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR);
	if (!v->request || !v->monitor)
		return "a netlink socket";
	/* Without CAP_NET_ADMIN the usual size has to do. */
	setsockopt(
		mnl_socket_get_fd(v->monitor), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	v->arp = open_arp();
	if (v->arp < 0)
		return "a raw socket for ARP (CAP_NET_RAW)";
	v->nd = open_nd();
	if (v->nd < 0 && errno != EAFNOSUPPORT)
		return "a raw socket for neighbour discovery (CAP_NET_RAW)";
	v->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (v->epoll < 0 || !watch(v, mnl_socket_get_fd(v->monitor)) || !watch(v, v->arp) ||
		!watch(v, v->nd))
		return "an epoll descriptor";
	return NULL;
}

struct vipaddr *vipaddr_open(const char **ret_what)
{
	struct vipaddr *v = calloc(1, sizeof(*v));
	const char *refused;
	int err;

	if (!v) {
		*ret_what = "memory";
		return NULL;
	}
	v->arp = v->nd = v->epoll = -1;
	refused = open_all(v);
	if (!refused)
		return v;
	err = errno;
	vipaddr_close(v);
	errno = err;
	*ret_what = refused;
	return NULL;
}

void vipaddr_close(struct vipaddr *v)
{
	if (!v)
		return;
	if (v->request)
		mnl_socket_close(v->request);
	if (v->monitor)
		mnl_socket_close(v->monitor);
	if (v->arp >= 0)
		close(v->arp);
	if (v->nd >= 0)
		close(v->nd);
	if (v->epoll >= 0)
		close(v->epoll);
	free(v);
}

/* --- speaking to neighbours --- */

static bool is_own_mac(const struct vipaddr *v, const uint8_t mac[VIPADDR_MAC_BYTES])
{
	for (size_t i = 0; i < v->n_own_macs && i < VIPADDR_OWN_MACS; i++)
		if (memcmp(v->own_macs[i], mac, VIPADDR_MAC_BYTES) == 0)
			return true;
	return false;
}

/* The oldest makes room. */
static void remember_mac(struct vipaddr *v, const uint8_t mac[VIPADDR_MAC_BYTES])
{
	if (is_own_mac(v, mac))
		return;
	memcpy(v->own_macs[v->n_own_macs % VIPADDR_OWN_MACS], mac, VIPADDR_MAC_BYTES);
	v->n_own_macs++;
}

static int send_arp(struct vipaddr *v, uint32_t ifindex, const uint8_t packet[PACKET_ARP_BYTES])
{
	struct sockaddr_ll all = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETHERTYPE_ARP),
		.sll_ifindex = (int)ifindex,
		.sll_halen = VIPADDR_MAC_BYTES,
		.sll_addr = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	};

	return sendto(v->arp, packet, PACKET_ARP_BYTES, 0, (struct sockaddr *)&all, sizeof(all)) < 0
		       ? -errno
		       : 0;
}

static int send_nd(struct vipaddr *v, uint32_t ifindex, const uint8_t packet[PACKET_ND_BYTES],
	const struct in6_addr *to)
{
	struct sockaddr_in6 group = {
		.sin6_family = AF_INET6, .sin6_addr = *to, .sin6_scope_id = ifindex};

	if (v->nd < 0)
		return -EAFNOSUPPORT;
	return sendto(v->nd, packet, PACKET_ND_BYTES, 0, (struct sockaddr *)&group, sizeof(group)) <
			       0
		       ? -errno
		       : 0;
}

static int announce_arp(
	struct vipaddr *v, const struct vipaddr_ip *ip, const struct vipaddr_link *link)
{
	static const uint16_t forms[] = {PACKET_ARP_REQUEST, PACKET_ARP_REPLY};
	uint8_t packet[PACKET_ARP_BYTES];
	int first = 0;

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		int err;

		packet_arp_announcement(packet, forms[i], ip, link->mac);
		err = send_arp(v, link->ifindex, packet);
		first = first ? first : err;
	}
	return first;
}

int vipaddr_announce(
	struct vipaddr *v, const struct vipaddr_ip *ip, const struct vipaddr_link *link)
{
	static const struct in6_addr all_nodes = {{{0xff, 0x02, [15] = 1}}};
	uint8_t packet[PACKET_ND_BYTES];

	if (!link->ethernet)
		return 0; /* a link without neighbours that could ask */
	remember_mac(v, link->mac);
	if (vipaddr_ip_is_v4(ip))
		return announce_arp(v, ip, link);
	packet_nd_announcement(packet, ip, link->mac);
	return send_nd(v, link->ifindex, packet, &all_nodes);
}

static int ask_arp(struct vipaddr *v, const struct vipaddr_ip *ip, const struct vipaddr_link *link)
{
	struct vipaddr_ip source = {{[10] = 0xff, [11] = 0xff}};
	uint8_t packet[PACKET_ARP_BYTES];

	vipaddr_source(v, ip, link->ifindex, &source);
	packet_arp_question(packet, ip, &source, link->mac);
	return send_arp(v, link->ifindex, packet);
}

int vipaddr_ask(struct vipaddr *v, const struct vipaddr_ip *ip, const struct vipaddr_link *link)
{
	struct in6_addr group = {{{0xff, 0x02, [11] = 1, [12] = 0xff}}};
	uint8_t packet[PACKET_ND_BYTES];

	if (!link->ethernet)
		return -EOPNOTSUPP;
	remember_mac(v, link->mac);
	if (vipaddr_ip_is_v4(ip))
		return ask_arp(v, ip, link);
	memcpy(group.s6_addr + 13, ip->bytes + 13, 3);
	packet_nd_question(packet, ip, link->mac);
	return send_nd(v, link->ifindex, packet, &group);
}

/* --- hearing --- */

int vipaddr_fd(const struct vipaddr *v)
{
	return v->epoll;
}

static bool heard(const struct vipaddr *v, const struct packet_claim *claim, uint32_t ifindex,
	struct vipaddr_event *ret)
{
	if (is_own_mac(v, claim->mac))
		return false;
	*ret = (struct vipaddr_event){
		.kind = VIPADDR_HEARD, .ip = claim->ip, .ifindex = ifindex, .to_us = claim->answer};
	memcpy(ret->mac, claim->mac, sizeof(ret->mac));
	return true;
}

static bool hear_arp(struct vipaddr *v, struct vipaddr_event *ret)
{
	uint8_t packet[PACKET_ARP_BYTES];
	struct sockaddr_ll from = {0};
	socklen_t from_size = sizeof(from);
	struct packet_claim claim;
	ssize_t n;

	for (int i = 0; i < PACKETS_AT_ONCE; i++) {
		n = recvfrom(
			v->arp, packet, sizeof(packet), 0, (struct sockaddr *)&from, &from_size);
		if (n < 0)
			return false;
		from_size = sizeof(from);
		if (!packet_read_arp(span_of(packet, (size_t)n), &claim))
			continue;
		claim.answer = claim.answer && from.sll_pkttype == PACKET_HOST;
		if (heard(v, &claim, (uint32_t)from.sll_ifindex, ret))
			return true;
	}
	return false;
}

/* False: it came from beyond the link, or the kernel does not say where. */
static bool came_over_link(struct msghdr *message, uint32_t *ret_ifindex)
{
	bool hops_right = false, known = false;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		struct in6_pktinfo info;
		int hops;

		if (c->cmsg_level != IPPROTO_IPV6)
			continue;
		if (c->cmsg_type == IPV6_HOPLIMIT) {
			memcpy(&hops, CMSG_DATA(c), sizeof(hops));
			hops_right = hops == ND_HOPS;
		} else if (c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&info, CMSG_DATA(c), sizeof(info));
			*ret_ifindex = info.ipi6_ifindex;
			known = true;
		}
	}
	return hops_right && known;
}

static bool hear_nd(struct vipaddr *v, struct vipaddr_event *ret)
{
	uint8_t packet[256];
	_Alignas(struct cmsghdr) uint8_t control[256];
	struct iovec bytes = {packet, sizeof(packet)};
	struct packet_claim claim;
	ssize_t n;

	for (int i = 0; i < PACKETS_AT_ONCE && v->nd >= 0; i++) {
		struct msghdr message = {.msg_iov = &bytes,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control)};
		uint32_t ifindex = 0;

		n = recvmsg(v->nd, &message, 0);
		if (n < 0)
			return false;
		if (!(message.msg_flags & MSG_TRUNC) && came_over_link(&message, &ifindex) &&
			packet_read_nd(span_of(packet, (size_t)n), &claim) &&
			heard(v, &claim, ifindex, ret))
			return true;
	}
	return false;
}

/* The next message of what was received that says something. */
static bool next_news(struct vipaddr *v, struct vipaddr_event *ret)
{
	while (v->news_at < v->news_bytes) {
		const struct nlmsghdr *message = (const void *)(v->news + v->news_at);
		size_t left = v->news_bytes - v->news_at;

		if (!news_is_whole(message, left)) {
			v->news_at = v->news_bytes;
			return false;
		}
		v->news_at += ((size_t)message->nlmsg_len + 3) & ~(size_t)3;
		if (news_event(message, left, ret))
			return true;
	}
	return false;
}

static bool hear_kernel(struct vipaddr *v, struct vipaddr_event *ret)
{
	for (;;) {
		ssize_t n;

		if (next_news(v, ret))
			return true;
		n = mnl_socket_recvfrom(v->monitor, v->news, sizeof(v->news));
		if (n >= 0) {
			v->news_bytes = (size_t)n;
			v->news_at = 0;
		} else if (errno == ENOBUFS || errno == ENOSPC) {
			*ret = (struct vipaddr_event){.kind = VIPADDR_MISSED};
			return true;
		} else if (errno != EINTR) {
			return false;
		}
	}
}

bool vipaddr_event(struct vipaddr *v, struct vipaddr_event *ret)
{
	if (hear_kernel(v, ret))
		return true;
	/* In turn: a flood of the one must not drown the other. */
	v->arp_was_first = !v->arp_was_first;
	return v->arp_was_first ? hear_arp(v, ret) || hear_nd(v, ret)
				: hear_nd(v, ret) || hear_arp(v, ret);
}

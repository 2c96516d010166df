/* Questions and orders to the kernel by netlink. It answers within the call that sends, so nothing is waited for. */
#include "vipaddr/inside.h"
#include "vipaddr/news.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
	ADDRESS_PROTOCOL = 11, /* IFA_PROTO, which older headers of the kernel lack */
	REQUEST_BYTES = 512,
	TRIES = 3,	    /* of a list that changed while it was read */
	PIECES_MAX = 65536, /* of a list: far more than any has */
};

/* Of an answer that was given up half-way. */
static bool is_stale(const void *buf, ssize_t n, unsigned sequence)
{
	return n >= (ssize_t)sizeof(struct nlmsghdr) &&
	       ((const struct nlmsghdr *)buf)->nlmsg_seq != sequence;
}

int vipaddr_exchange(
	struct mnl_socket *nl, unsigned sequence, struct nlmsghdr *request, mnl_cb_t cb, void *arg)
{
	_Alignas(struct nlmsghdr) uint8_t buf[VIPADDR_BUFFER];
	int more = 1;

	request->nlmsg_seq = sequence;
	if (mnl_socket_sendto(nl, request, request->nlmsg_len) < 0)
		return -errno;
	while (more > 0) {
		ssize_t n = mnl_socket_recvfrom(nl, buf, sizeof(buf));

		if (n < 0)
			return -errno;
		if (!is_stale(buf, n, sequence))
			more = mnl_cb_run(
				buf, (size_t)n, sequence, mnl_socket_get_portid(nl), cb, arg);
	}
	return more < 0 ? -errno : 0;
}

static struct nlmsghdr *start_request(uint8_t buf[REQUEST_BYTES], uint16_t type, uint16_t flags)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buf);

	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST | flags;
	return request;
}

static uint8_t family_of(const struct vipaddr_ip *ip)
{
	return vipaddr_ip_is_v4(ip) ? AF_INET : AF_INET6;
}

static void put_ip(struct nlmsghdr *request, uint16_t type, const struct vipaddr_ip *ip)
{
	if (vipaddr_ip_is_v4(ip))
		mnl_attr_put(request, type, 4, ip->bytes + 12);
	else
		mnl_attr_put(request, type, 16, ip->bytes);
}

/* --- addresses --- */

static struct nlmsghdr *start_address(
	uint8_t buf[REQUEST_BYTES], uint16_t type, const struct vipaddr_ip *ip, uint32_t ifindex)
{
	uint16_t flags = NLM_F_ACK | (type == RTM_NEWADDR ? NLM_F_CREATE | NLM_F_REPLACE : 0);
	struct nlmsghdr *request = start_request(buf, type, flags);
	struct ifaddrmsg *head = mnl_nlmsg_put_extra_header(request, sizeof(*head));

	head->ifa_family = family_of(ip);
	head->ifa_prefixlen = vipaddr_ip_is_v4(ip) ? 32 : 128;
	head->ifa_index = ifindex;
	put_ip(request, IFA_LOCAL, ip);
	put_ip(request, IFA_ADDRESS, ip);
	return request;
}

int vipaddr_add(
	struct vipaddr *v, const struct vipaddr_ip *ip, uint32_t ifindex, uint32_t valid_sec)
{
	uint8_t buf[REQUEST_BYTES];
	struct nlmsghdr *request = start_address(buf, RTM_NEWADDR, ip, ifindex);
	struct ifa_cacheinfo lifetime = {.ifa_valid = valid_sec};
	int err;

	/* No waiting whether somebody else has it: that it moves here is decided, and now. */
	mnl_attr_put_u32(request, IFA_FLAGS, IFA_F_NODAD | IFA_F_NOPREFIXROUTE);
	mnl_attr_put(request, IFA_CACHEINFO, sizeof(lifetime), &lifetime);
	mnl_attr_put_u8(request, ADDRESS_PROTOCOL, VIPADDR_PROTOCOL);
	err = vipaddr_exchange(v->request, ++v->sequence, request, NULL, NULL);
	return err == -EEXIST ? 0 : err;
}

int vipaddr_delete(struct vipaddr *v, const struct vipaddr_ip *ip, uint32_t ifindex)
{
	uint8_t buf[REQUEST_BYTES];
	struct nlmsghdr *request = start_address(buf, RTM_DELADDR, ip, ifindex);
	int err = vipaddr_exchange(v->request, ++v->sequence, request, NULL, NULL);

	return err == -EADDRNOTAVAIL || err == -ENODEV ? 0 : err;
}

struct listing {
	struct vipaddr_entry *entries;
	size_t n, max;
};

static int list_one(const struct nlmsghdr *message, void *arg)
{
	struct listing *list = arg;

	if (message->nlmsg_type == RTM_NEWADDR && list->n < list->max &&
		news_address(message, &list->entries[list->n]))
		list->n++;
	return MNL_CB_OK;
}

/* While the kernel has more of a list to tell it begins no other. */
static void hear_out(struct mnl_socket *nl)
{
	_Alignas(struct nlmsghdr) uint8_t buf[VIPADDR_BUFFER];

	for (int i = 0; i < PIECES_MAX; i++)
		if (mnl_socket_recvfrom(nl, buf, sizeof(buf)) < 0 && errno != EINTR &&
			errno != ENOBUFS)
			return;
}

int vipaddr_list(struct vipaddr *v, struct vipaddr_entry *entries, size_t max)
{
	struct listing list = {0};
	int err = -EINTR;

	for (int try = 0; try < TRIES && (err == -EINTR || err == -EBUSY); try++) {
		uint8_t buf[REQUEST_BYTES];
		struct nlmsghdr *request = start_request(buf, RTM_GETADDR, NLM_F_DUMP);

		mnl_nlmsg_put_extra_header(request, sizeof(struct ifaddrmsg));
		list = (struct listing){entries, 0, max};
		err = vipaddr_exchange(v->request, ++v->sequence, request, list_one, &list);
		if (err < 0)
			hear_out(v->request);
	}
	return err == 0 ? (int)list.n : err;
}

static bool is_among(const struct vipaddr_ip *ip, const struct vipaddr_ip *ips, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (vipaddr_ip_eq(ip, &ips[i]))
			return true;
	return false;
}

/* As vipaddr_add leaves one on a kernel that keeps no mark. */
static bool looks_like_ours(const struct vipaddr_entry *e)
{
	return e->prefix == (vipaddr_ip_is_v4(&e->ip) ? 32 : 128) && e->valid_sec != UINT32_MAX;
}

int vipaddr_sweep(struct vipaddr *v, const struct vipaddr_ip *ips, size_t n_ips,
	const struct vipaddr_ip *keep, size_t n_keep)
{
	static const size_t max = VIPADDR_LIST_MAX;
	struct vipaddr_entry *entries = calloc(max, sizeof(*entries));
	int n = entries ? vipaddr_list(v, entries, max) : -ENOMEM, deleted = 0;

	for (int i = 0; i < n; i++) {
		const struct vipaddr_entry *e = &entries[i];

		if (is_among(&e->ip, keep, n_keep) ||
			(!e->ours && !(looks_like_ours(e) && is_among(&e->ip, ips, n_ips))))
			continue;
		if (vipaddr_delete(v, &e->ip, e->ifindex) == 0)
			deleted++;
	}
	free(entries);
	return n < 0 ? n : deleted;
}

/* --- interfaces --- */

struct link_answer {
	struct vipaddr_link *link;
	bool found;
};

static int take_link(const struct nlmsghdr *message, void *arg)
{
	struct link_answer *answer = arg;

	if (message->nlmsg_type == RTM_NEWLINK && news_link(message, answer->link))
		answer->found = true;
	return MNL_CB_OK;
}

static int ask_link(struct vipaddr *v, uint32_t ifindex, const char *name, struct vipaddr_link *ret)
{
	uint8_t buf[REQUEST_BYTES];
	struct nlmsghdr *request = start_request(buf, RTM_GETLINK, NLM_F_ACK);
	struct ifinfomsg *head = mnl_nlmsg_put_extra_header(request, sizeof(*head));
	struct link_answer answer = {ret, false};
	int err;

	head->ifi_index = (int)ifindex;
	if (name)
		mnl_attr_put_strz(request, IFLA_IFNAME, name);
	mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	err = vipaddr_exchange(v->request, ++v->sequence, request, take_link, &answer);
	return err == 0 && !answer.found ? -ENODEV : err;
}

int vipaddr_link_by_name(struct vipaddr *v, const char *name, struct vipaddr_link *ret)
{
	return strlen(name) < VIPADDR_NAME_SIZE ? ask_link(v, 0, name, ret) : -ENODEV;
}

int vipaddr_link_by_index(struct vipaddr *v, uint32_t ifindex, struct vipaddr_link *ret)
{
	return ifindex > 0 && ifindex <= INT32_MAX ? ask_link(v, ifindex, NULL, ret) : -ENODEV;
}

/* --- routes --- */

static int take_source(const struct nlmsghdr *message, void *arg)
{
	struct news_route *route = arg;

	if (message->nlmsg_type == RTM_NEWROUTE)
		news_route(message, 0, route);
	return MNL_CB_OK;
}

bool vipaddr_source(
	struct vipaddr *v, const struct vipaddr_ip *to, uint32_t ifindex, struct vipaddr_ip *ret)
{
	uint8_t buf[REQUEST_BYTES];
	struct nlmsghdr *request = start_request(buf, RTM_GETROUTE, NLM_F_ACK);
	struct rtmsg *head = mnl_nlmsg_put_extra_header(request, sizeof(*head));
	struct news_route route = {0};

	head->rtm_family = family_of(to);
	head->rtm_dst_len = vipaddr_ip_is_v4(to) ? 32 : 128;
	put_ip(request, RTA_DST, to);
	mnl_attr_put_u32(request, RTA_OIF, ifindex);
	if (vipaddr_exchange(v->request, ++v->sequence, request, take_source, &route) < 0 ||
		!route.has_source)
		return false;
	*ret = route.source;
	return true;
}

struct best_route {
	uint32_t ifindex; /* 0: any */
	bool found;
	struct news_route route;
};

/* IPv4 routes come in the order of their prefixes, so that the first one of another network ends the search: a machine may
 * have a million of them. IPv6 routes come in no order that helps before a default one was found. */
static int take_default(const struct nlmsghdr *message, void *arg)
{
	struct best_route *best = arg;
	struct news_route route;

	if (message->nlmsg_type != RTM_NEWROUTE || !news_route(message, best->ifindex, &route))
		return MNL_CB_OK;
	if (!route.is_default)
		return best->found || route.is_beyond_default ? MNL_CB_STOP : MNL_CB_OK;
	if (!route.has_gateway || (best->ifindex != 0 && route.ifindex != best->ifindex))
		return MNL_CB_OK;
	if (!best->found || route.metric < best->route.metric)
		best->route = route;
	best->found = true;
	return MNL_CB_OK;
}

static int find_default(bool v6, struct best_route *best)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	uint8_t buf[REQUEST_BYTES];
	struct nlmsghdr *request = start_request(buf, RTM_GETROUTE, NLM_F_DUMP);
	struct rtmsg *head = mnl_nlmsg_put_extra_header(request, sizeof(*head));
	int on = 1, err;

	if (!nl)
		return -errno;
	head->rtm_family = v6 ? AF_INET6 : AF_INET;
	head->rtm_table = RT_TABLE_MAIN;
	/* Lists the one table alone; kernels that do not know it list all, which take_default sorts out. */
	mnl_socket_setsockopt(nl, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	err = mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0
		      ? -errno
		      : vipaddr_exchange(nl, 1, request, take_default, best);
	mnl_socket_close(nl);
	return err;
}

int vipaddr_gateway(bool v6, uint32_t ifindex, struct vipaddr_ip *ret_ip, uint32_t *ret_ifindex)
{
	struct best_route best = {0};
	int err = -EINTR;

	for (int try = 0; try < TRIES && err == -EINTR; try++) {
		best = (struct best_route){.ifindex = ifindex};
		err = find_default(v6, &best);
	}
	if (err < 0 || !best.found)
		return err < 0 ? err : -ENOENT;
	*ret_ip = best.route.gateway;
	*ret_ifindex = best.route.ifindex;
	return 0;
}

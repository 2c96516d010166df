#include "vipaddr/news.h"

#include "base/span.h"

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* IFA_PROTO, which older headers of the kernel lack. */
enum { ADDRESS_PROTOCOL = 11 };

enum { MOST_ATTRIBUTES = 64 }; /* numbers above are none of ours */

static bool read_ip(const struct nlattr *attr, unsigned family, struct vipaddr_ip *ret)
{
	struct vipaddr_ip ip = {{0}};

	if (!attr || mnl_attr_get_payload_len(attr) != (family == AF_INET ? 4 : 16))
		return false;
	if (family == AF_INET)
		ip.bytes[10] = ip.bytes[11] = 0xff;
	memcpy(ip.bytes + (family == AF_INET ? 12 : 0), mnl_attr_get_payload(attr),
		family == AF_INET ? 4 : 16);
	*ret = ip;
	return true;
}

static bool read_u32(const struct nlattr *attr, uint32_t *ret)
{
	if (!attr || mnl_attr_get_payload_len(attr) != sizeof(*ret))
		return false;
	memcpy(ret, mnl_attr_get_payload(attr), sizeof(*ret));
	return true;
}

static size_t padded(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

/* Takes the next attribute off; NULL where there is no whole one left. */
static const struct nlattr *next_attr(struct span *rest)
{
	const struct nlattr *attr = (const void *)rest->p;
	size_t step;

	if (!attr || rest->n > INT32_MAX || !mnl_attr_ok(attr, (int)rest->n))
		return NULL;
	step = padded(attr->nla_len);
	*rest = step < rest->n ? span_of(rest->p + step, rest->n - step) : span_of(NULL, 0);
	return attr;
}

/* The attributes by number; those behind a header of `header` bytes. False: the message is too short for that. */
static bool collect(
	const struct nlmsghdr *message, size_t header, const struct nlattr *attrs[MOST_ATTRIBUTES])
{
	size_t n = mnl_nlmsg_get_payload_len(message), skip = padded(header);
	const uint8_t *payload = mnl_nlmsg_get_payload(message);
	struct span rest = n > skip ? span_of(payload + skip, n - skip) : span_of(NULL, 0);
	const struct nlattr *attr;

	memset(attrs, 0, MOST_ATTRIBUTES * sizeof(*attrs));
	while ((attr = next_attr(&rest)))
		if (mnl_attr_get_type(attr) < MOST_ATTRIBUTES)
			attrs[mnl_attr_get_type(attr)] = attr;
	return n >= header;
}

/* --- addresses --- */

static uint32_t valid_sec(const struct nlattr *attr)
{
	struct ifa_cacheinfo info;

	if (!attr || mnl_attr_get_payload_len(attr) < sizeof(info))
		return UINT32_MAX;
	memcpy(&info, mnl_attr_get_payload(attr), sizeof(info));
	return info.ifa_valid;
}

bool news_address(const struct nlmsghdr *message, struct vipaddr_entry *ret)
{
	const struct nlattr *attrs[MOST_ATTRIBUTES];
	struct ifaddrmsg head;
	const struct nlattr *mark;

	if (!collect(message, sizeof(head), attrs))
		return false;
	memcpy(&head, mnl_nlmsg_get_payload(message), sizeof(head));
	if (head.ifa_family != AF_INET && head.ifa_family != AF_INET6)
		return false;
	/* Of a point-to-point link IFA_ADDRESS is the other end. */
	if (!read_ip(attrs[IFA_LOCAL], head.ifa_family, &ret->ip) &&
		!read_ip(attrs[IFA_ADDRESS], head.ifa_family, &ret->ip))
		return false;
	mark = attrs[ADDRESS_PROTOCOL];
	ret->ifindex = head.ifa_index;
	ret->prefix = head.ifa_prefixlen;
	ret->ours = mark && mnl_attr_get_payload_len(mark) == 1 &&
		    mnl_attr_get_u8(mark) == VIPADDR_PROTOCOL;
	ret->valid_sec = valid_sec(attrs[IFA_CACHEINFO]);
	return true;
}

/* --- interfaces --- */

bool news_link(const struct nlmsghdr *message, struct vipaddr_link *ret)
{
	const struct nlattr *attrs[MOST_ATTRIBUTES];
	struct ifinfomsg head;
	struct vipaddr_link link = {0};
	uint16_t n;

	if (!collect(message, sizeof(head), attrs))
		return false;
	memcpy(&head, mnl_nlmsg_get_payload(message), sizeof(head));
	/* A bridge speaks of its ports in messages of the same type, and of another family. */
	if (head.ifi_family != AF_UNSPEC || head.ifi_index <= 0 || !attrs[IFLA_IFNAME])
		return false;
	n = mnl_attr_get_payload_len(attrs[IFLA_IFNAME]);
	if (n == 0 || n > sizeof(link.name))
		return false;
	memcpy(link.name, mnl_attr_get_payload(attrs[IFLA_IFNAME]), n);
	link.name[sizeof(link.name) - 1] = '\0';
	link.ifindex = (uint32_t)head.ifi_index;
	link.up = (head.ifi_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
	link.ethernet = head.ifi_type == ARPHRD_ETHER && attrs[IFLA_ADDRESS] &&
			mnl_attr_get_payload_len(attrs[IFLA_ADDRESS]) == VIPADDR_MAC_BYTES;
	if (link.ethernet)
		memcpy(link.mac, mnl_attr_get_payload(attrs[IFLA_ADDRESS]), VIPADDR_MAC_BYTES);
	*ret = link;
	return true;
}

/* --- routes --- */

/* An IPv4 route may go through an IPv6 neighbour. */
static bool read_via(const struct nlattr *attr, struct vipaddr_ip *ret)
{
	uint16_t family;

	if (!attr || mnl_attr_get_payload_len(attr) != sizeof(family) + 16)
		return false;
	memcpy(&family, mnl_attr_get_payload(attr), sizeof(family));
	if (family != AF_INET6)
		return false;
	memcpy(ret->bytes, (const uint8_t *)mnl_attr_get_payload(attr) + sizeof(family), 16);
	return true;
}

/* One of several next hops: a header, then attributes of its own. */
static void read_hop(struct span hop, unsigned family, struct news_route *ret)
{
	struct span rest =
		span_of(hop.p + sizeof(struct rtnexthop), hop.n - sizeof(struct rtnexthop));
	const struct nlattr *attr;

	while ((attr = next_attr(&rest))) {
		if (mnl_attr_get_type(attr) == RTA_GATEWAY)
			ret->has_gateway = read_ip(attr, family, &ret->gateway);
		else if (mnl_attr_get_type(attr) == RTA_VIA)
			ret->has_gateway = read_via(attr, &ret->gateway);
	}
}

static void read_hops(
	const struct nlattr *attr, unsigned family, uint32_t ifindex, struct news_route *ret)
{
	const uint8_t *p = mnl_attr_get_payload(attr);
	size_t left = mnl_attr_get_payload_len(attr);
	struct rtnexthop hop;

	while (left >= sizeof(hop) && !ret->has_gateway) {
		memcpy(&hop, p, sizeof(hop));
		if (hop.rtnh_len < sizeof(hop) || hop.rtnh_len > left)
			return;
		if (ifindex == 0 || (uint32_t)hop.rtnh_ifindex == ifindex) {
			ret->ifindex = (uint32_t)hop.rtnh_ifindex;
			read_hop(span_of(p, hop.rtnh_len), family, ret);
		}
		if (padded(hop.rtnh_len) >= left)
			return;
		p += padded(hop.rtnh_len);
		left -= padded(hop.rtnh_len);
	}
}

bool news_route(const struct nlmsghdr *message, uint32_t ifindex, struct news_route *ret)
{
	const struct nlattr *attrs[MOST_ATTRIBUTES];
	struct news_route route = {0};
	struct rtmsg head;
	uint32_t table, to = 0;

	if (!collect(message, sizeof(head), attrs))
		return false;
	memcpy(&head, mnl_nlmsg_get_payload(message), sizeof(head));
	if (head.rtm_family != AF_INET && head.rtm_family != AF_INET6)
		return false;
	table = head.rtm_table;
	read_u32(attrs[RTA_TABLE], &table);
	route.is_default =
		head.rtm_dst_len == 0 && table == RT_TABLE_MAIN && head.rtm_type == RTN_UNICAST;
	route.is_beyond_default = head.rtm_family == AF_INET && table == RT_TABLE_MAIN &&
				  read_u32(attrs[RTA_DST], &to) && to != 0;
	route.has_source = read_ip(attrs[RTA_PREFSRC], head.rtm_family, &route.source);
	route.has_gateway = read_ip(attrs[RTA_GATEWAY], head.rtm_family, &route.gateway) ||
			    read_via(attrs[RTA_VIA], &route.gateway);
	read_u32(attrs[RTA_OIF], &route.ifindex);
	read_u32(attrs[RTA_PRIORITY], &route.metric);
	if (attrs[RTA_MULTIPATH])
		read_hops(attrs[RTA_MULTIPATH], head.rtm_family, ifindex, &route);
	*ret = route;
	return true;
}

/* --- events --- */

bool news_event(const struct nlmsghdr *message, size_t left, struct vipaddr_event *ret)
{
	struct vipaddr_event e = {0};

	if (!news_is_whole(message, left))
		return false;
	switch (message->nlmsg_type) {
	case RTM_NEWADDR:
	case RTM_DELADDR:
		e.kind = message->nlmsg_type == RTM_NEWADDR ? VIPADDR_ADDED : VIPADDR_REMOVED;
		if (!news_address(message, &e.entry))
			return false;
		break;
	case RTM_NEWLINK:
	case RTM_DELLINK:
		e.kind = message->nlmsg_type == RTM_NEWLINK ? VIPADDR_LINK : VIPADDR_LINK_GONE;
		if (!news_link(message, &e.link))
			return false;
		break;
	default:
		return false;
	}
	*ret = e;
	return true;
}

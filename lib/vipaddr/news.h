/* What the kernel says by netlink (rtnetlink(7)), one message at a time, as the structs of vipaddr.h. Pure; libmnl walks
 * the attributes. */
#ifndef VIPADDR_NEWS_H
#define VIPADDR_NEWS_H

#include "vipaddr/vipaddr.h"

#include <linux/netlink.h>

/* Whether the message stands whole in the `left` bytes from its beginning. (mnl_nlmsg_ok takes a length above 2^31
 * for a negative one, and so for a short one.) */
static inline bool news_is_whole(const struct nlmsghdr *message, size_t left)
{
	return left >= sizeof(*message) && message->nlmsg_len >= sizeof(*message) &&
	       message->nlmsg_len <= left;
}

/* A message of which `left` bytes are there, as an event. False: one that says nothing we ask for, or does not fit. */
bool news_event(const struct nlmsghdr *message, size_t left, struct vipaddr_event *ret);

bool news_address(const struct nlmsghdr *message, struct vipaddr_entry *ret);
bool news_link(const struct nlmsghdr *message, struct vipaddr_link *ret);

struct news_route {
	struct vipaddr_ip gateway, source;
	bool has_gateway, has_source;
	bool is_default; /* of the main table, to all addresses */
	bool is_beyond_default; /* of the main table, IPv4, to a network above 0.0.0.0: behind all default routes */
	uint32_t ifindex, metric;
};

/* Of several next hops the first on interface `ifindex` (0: any). */
bool news_route(const struct nlmsghdr *message, uint32_t ifindex, struct news_route *ret);

#endif

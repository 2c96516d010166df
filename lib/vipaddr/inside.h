/* What the parts of vipaddr share. */
#ifndef VIPADDR_INSIDE_H
#define VIPADDR_INSIDE_H

#include "vipaddr/vipaddr.h"

#include <libmnl/libmnl.h>

enum {
	VIPADDR_BUFFER = 32768, /* the kernel's messages are cut to what fits */
	VIPADDR_OWN_MACS = 16,
};

struct vipaddr {
	struct mnl_socket *request; /* questions to the kernel, each answered within its call */
	struct mnl_socket *monitor; /* its news */
	int arp, nd;		    /* raw sockets; nd is -1 where the kernel has no IPv6 */
	int epoll;		    /* all that can have events */
	bool arp_was_first;	    /* of the two raw sockets, at the last event */
	unsigned sequence;
	size_t news_bytes, news_at; /* what of `news` was received, and read */
	_Alignas(struct nlmsghdr) uint8_t news[VIPADDR_BUFFER];
	uint8_t own_macs[VIPADDR_OWN_MACS][VIPADDR_MAC_BYTES]; /* what we announced with */
	size_t n_own_macs;
};

/* Sends a request and reads its answers to their end, each message given to `cb` (NULL: there are none but the
 * acknowledgement). 0 or a negative errno value. */
int vipaddr_exchange(
	struct mnl_socket *nl, unsigned sequence, struct nlmsghdr *request, mnl_cb_t cb, void *arg);

/* The address that this machine would ask from; false: none. */
bool vipaddr_source(
	struct vipaddr *v, const struct vipaddr_ip *to, uint32_t ifindex, struct vipaddr_ip *ret);

#endif

/* lib/vipaddr: what neighbours send and what the kernel says is read within its bounds, whatever it
 * is; and what is accepted is honest: an address and a station of its own.
 *
 * Input: the first byte says what the rest is: ARP (0), neighbour discovery (1), or netlink. */
#include "base/bug.h"
#include "vipaddr/news.h"
#include "vipaddr/packet.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_claim(const struct packet_claim *claim, bool v4)
{
	static const uint8_t nobody[VIPADDR_MAC_BYTES];

	BUG_ON(vipaddr_ip_is_v4(&claim->ip) != v4);
	BUG_ON(claim->mac[0] & 1);
	BUG_ON(memcmp(claim->mac, nobody, sizeof(nobody)) == 0);
	BUG_ON(v4 ? claim->ip.bytes[12] == 0 || claim->ip.bytes[12] >= 224
		  : claim->ip.bytes[0] == 0xff);
}

static void check_arp(struct span bytes)
{
	struct packet_claim claim, again;
	uint8_t packet[PACKET_ARP_BYTES];

	if (!packet_read_arp(bytes, &claim))
		return;
	check_claim(&claim, true);
	packet_arp_announcement(packet, PACKET_ARP_REQUEST, &claim.ip, claim.mac);
	BUG_ON(!packet_read_arp(span_of(packet, sizeof(packet)), &again));
	BUG_ON(!vipaddr_ip_eq(&again.ip, &claim.ip));
}

static void check_nd(struct span bytes)
{
	struct packet_claim claim, again;
	uint8_t packet[PACKET_ND_BYTES];

	if (!packet_read_nd(bytes, &claim))
		return;
	check_claim(&claim, false);
	packet_nd_announcement(packet, &claim.ip, claim.mac);
	BUG_ON(!packet_read_nd(span_of(packet, sizeof(packet)), &again));
	BUG_ON(!vipaddr_ip_eq(&again.ip, &claim.ip));
}

static void check_netlink(struct span bytes)
{
	struct nlmsghdr *message =
		malloc(bytes.n > 0 ? bytes.n : 1); /* aligned, and of that size */
	struct vipaddr_event e;
	struct news_route route;

	BUG_ON(!message);
	memcpy(message, bytes.p, bytes.n);
	if (news_event(message, bytes.n, &e)) {
		BUG_ON(e.kind > VIPADDR_LINK_GONE);
		BUG_ON(memchr(e.link.name, '\0', sizeof(e.link.name)) == NULL);
	}
	if (news_is_whole(message, bytes.n))
		news_route(message, 2, &route);
	free(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = span_of(data + 1, size - 1);

	if (size == 0)
		return 0;
	if (data[0] == 0)
		check_arp(rest);
	else if (data[0] == 1)
		check_nd(rest);
	else
		check_netlink(rest);
	return 0;
}

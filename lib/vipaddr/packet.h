/* The four packets by which neighbours speak of addresses: ARP requests and replies (RFC 826, RFC 5227), neighbour
 * solicitations and advertisements (RFC 4861 4.3, 4.4). ARP begins behind the Ethernet header, the others behind the
 * IPv6 header; their checksums are the kernel's. Pure. */
#ifndef VIPADDR_PACKET_H
#define VIPADDR_PACKET_H

#include "base/span.h"
#include "vipaddr/vipaddr.h"

enum {
	PACKET_ARP_BYTES = 28,
	PACKET_ND_BYTES = 32, /* one with its one option */
	PACKET_ARP_REQUEST = 1,
	PACKET_ARP_REPLY = 2,
};

/* Every writer returns the packet's length. */

/* "ip is at mac", said to all, in the form of that operation. */
size_t packet_arp_announcement(uint8_t ret[PACKET_ARP_BYTES], uint16_t operation,
	const struct vipaddr_ip *ip, const uint8_t mac[VIPADDR_MAC_BYTES]);

/* "Who has ip? Tell source at mac"; a source of 0.0.0.0 claims nothing. */
size_t packet_arp_question(uint8_t ret[PACKET_ARP_BYTES], const struct vipaddr_ip *ip,
	const struct vipaddr_ip *source, const uint8_t mac[VIPADDR_MAC_BYTES]);

size_t packet_nd_announcement(uint8_t ret[PACKET_ND_BYTES], const struct vipaddr_ip *ip,
	const uint8_t mac[VIPADDR_MAC_BYTES]);
size_t packet_nd_question(uint8_t ret[PACKET_ND_BYTES], const struct vipaddr_ip *ip,
	const uint8_t mac[VIPADDR_MAC_BYTES]);

/* What somebody says about himself. */
struct packet_claim {
	struct vipaddr_ip ip;
	uint8_t mac[VIPADDR_MAC_BYTES];
	bool answer; /* to a question; not an announcement of his own accord */
};

/* False: not such a packet, or one that nobody could honestly send (a group's address as its own, a bad length). */
bool packet_read_arp(struct span bytes, struct packet_claim *ret);
bool packet_read_nd(struct span bytes, struct packet_claim *ret);

#endif

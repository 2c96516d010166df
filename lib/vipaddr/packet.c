#include "vipaddr/packet.h"

#include "base/wire.h"

enum {
	ETHERNET = 1,
	IPV4 = 0x0800,
	SOLICITATION = 135,
	ADVERTISEMENT = 136,
	FLAG_SOLICITED = 0x40,
	FLAG_OVERRIDE = 0x20,
	SOURCE_LINK_ADDRESS = 1,
	TARGET_LINK_ADDRESS = 2,
	OPTION_UNIT = 8,
};

static const uint8_t everybody[VIPADDR_MAC_BYTES] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t nobody[VIPADDR_MAC_BYTES];

static struct span v4_of(const struct vipaddr_ip *ip)
{
	return span_of(ip->bytes + 12, 4);
}

static struct vipaddr_ip mapped(struct span v4)
{
	struct vipaddr_ip ip = {{[10] = 0xff, [11] = 0xff}};

	memcpy(ip.bytes + 12, v4.p, 4);
	return ip;
}

/* --- writing --- */

static size_t put_arp(uint8_t ret[PACKET_ARP_BYTES], uint16_t operation,
	const struct packet_claim *sender, const uint8_t *target_mac,
	const struct vipaddr_ip *target)
{
	struct wire_writer w = wire_write(ret, PACKET_ARP_BYTES);

	wire_put_u16(&w, ETHERNET);
	wire_put_u16(&w, IPV4);
	wire_put_u8(&w, VIPADDR_MAC_BYTES);
	wire_put_u8(&w, 4);
	wire_put_u16(&w, operation);
	wire_put_bytes(&w, span_of(sender->mac, VIPADDR_MAC_BYTES));
	wire_put_bytes(&w, v4_of(&sender->ip));
	wire_put_bytes(&w, span_of(target_mac, VIPADDR_MAC_BYTES));
	wire_put_bytes(&w, v4_of(target));
	return wire_written(&w);
}

static struct packet_claim claim(const struct vipaddr_ip *ip, const uint8_t *mac)
{
	struct packet_claim c = {.ip = *ip};

	memcpy(c.mac, mac, sizeof(c.mac));
	return c;
}

size_t packet_arp_announcement(uint8_t ret[PACKET_ARP_BYTES], uint16_t operation,
	const struct vipaddr_ip *ip, const uint8_t mac[VIPADDR_MAC_BYTES])
{
	struct packet_claim sender = claim(ip, mac);

	return put_arp(
		ret, operation, &sender, operation == PACKET_ARP_REPLY ? everybody : nobody, ip);
}

size_t packet_arp_question(uint8_t ret[PACKET_ARP_BYTES], const struct vipaddr_ip *ip,
	const struct vipaddr_ip *source, const uint8_t mac[VIPADDR_MAC_BYTES])
{
	struct packet_claim sender = claim(source, mac);

	return put_arp(ret, PACKET_ARP_REQUEST, &sender, nobody, ip);
}

static size_t put_nd(
	uint8_t ret[PACKET_ND_BYTES], uint8_t type, const struct packet_claim *c, uint8_t option)
{
	struct wire_writer w = wire_write(ret, PACKET_ND_BYTES);

	wire_put_u8(&w, type);
	wire_put_u8(&w, 0);
	wire_put_u16(&w, 0); /* the kernel's checksum */
	wire_put_u8(&w, type == ADVERTISEMENT ? FLAG_OVERRIDE : 0);
	wire_put_u8(&w, 0);
	wire_put_u16(&w, 0);
	wire_put_bytes(&w, span_of(c->ip.bytes, sizeof(c->ip.bytes)));
	wire_put_u8(&w, option);
	wire_put_u8(&w, 1);
	wire_put_bytes(&w, span_of(c->mac, sizeof(c->mac)));
	return wire_written(&w);
}

size_t packet_nd_announcement(uint8_t ret[PACKET_ND_BYTES], const struct vipaddr_ip *ip,
	const uint8_t mac[VIPADDR_MAC_BYTES])
{
	struct packet_claim c = claim(ip, mac);

	return put_nd(ret, ADVERTISEMENT, &c, TARGET_LINK_ADDRESS);
}

size_t packet_nd_question(uint8_t ret[PACKET_ND_BYTES], const struct vipaddr_ip *ip,
	const uint8_t mac[VIPADDR_MAC_BYTES])
{
	struct packet_claim c = claim(ip, mac);

	return put_nd(ret, SOLICITATION, &c, SOURCE_LINK_ADDRESS);
}

/* --- reading --- */

/* A station's own address: not a group's, not none. */
static bool read_mac(struct span mac, uint8_t ret[VIPADDR_MAC_BYTES])
{
	if (mac.n != VIPADDR_MAC_BYTES || mac.p[0] & 1 ||
		memcmp(mac.p, nobody, VIPADDR_MAC_BYTES) == 0)
		return false;
	memcpy(ret, mac.p, VIPADDR_MAC_BYTES);
	return true;
}

static bool is_host_v4(struct span ip)
{
	return ip.n == 4 && ip.p[0] != 0 && ip.p[0] != 127 && ip.p[0] < 224;
}

/* Longer is fine: Ethernet pads. */
bool packet_read_arp(struct span bytes, struct packet_claim *ret)
{
	struct wire_reader r = wire_read(bytes);
	bool ethernet = wire_u16(&r) == ETHERNET;
	bool ipv4 = wire_u16(&r) == IPV4;
	bool lengths = wire_u8(&r) == VIPADDR_MAC_BYTES && wire_u8(&r) == 4;
	uint16_t operation = wire_u16(&r);
	struct span sender_mac = wire_bytes(&r, VIPADDR_MAC_BYTES), sender = wire_bytes(&r, 4);
	struct span target;
	struct packet_claim c;

	wire_bytes(&r, VIPADDR_MAC_BYTES);
	target = wire_bytes(&r, 4);
	if (r.failed || !ethernet || !ipv4 || !lengths || !is_host_v4(sender))
		return false;
	if (operation != PACKET_ARP_REPLY &&
		(operation != PACKET_ARP_REQUEST || !span_eq(sender, target)))
		return false; /* a question says nothing sure about who asks */
	if (!read_mac(sender_mac, c.mac))
		return false;
	c.ip = mapped(sender);
	c.answer = operation == PACKET_ARP_REPLY && !span_eq(sender, target);
	*ret = c;
	return true;
}

/* The target's link address among the options; every option must fit. */
static bool read_options(struct wire_reader *r, uint8_t ret_mac[VIPADDR_MAC_BYTES])
{
	bool found = false;

	while (wire_left(r) > 0 && !r->failed) {
		uint8_t type = wire_u8(r), units = wire_u8(r);
		struct span rest;

		if (units == 0)
			return false;
		rest = wire_bytes(r, (size_t)units * OPTION_UNIT - 2);
		if (type == TARGET_LINK_ADDRESS && units == 1)
			found = read_mac(rest, ret_mac);
	}
	return found && !r->failed;
}

bool packet_read_nd(struct span bytes, struct packet_claim *ret)
{
	struct wire_reader r = wire_read(bytes);
	uint8_t type = wire_u8(&r), code = wire_u8(&r), flags;
	struct span target;
	struct packet_claim c;

	wire_u16(&r); /* the kernel has checked the checksum */
	flags = wire_u8(&r);
	wire_bytes(&r, 3);
	target = wire_bytes(&r, 16);
	if (r.failed || type != ADVERTISEMENT || code != 0 || target.p[0] == 0xff)
		return false;
	memcpy(c.ip.bytes, target.p, 16);
	if (vipaddr_ip_is_v4(&c.ip) || !read_options(&r, c.mac))
		return false;
	c.answer = flags & FLAG_SOLICITED;
	*ret = c;
	return true;
}

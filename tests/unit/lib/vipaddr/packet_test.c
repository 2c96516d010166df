#include "vipaddr/packet.h"

#include <criterion/criterion.h>

static const struct vipaddr_ip vip = {{[10] = 0xff, [11] = 0xff, 10, 10, 10, 100}};
static const struct vipaddr_ip own = {{[10] = 0xff, [11] = 0xff, 10, 10, 10, 10}};
static const struct vipaddr_ip vip6 = {{0x20, 0x01, 0x0d, 0xb8, [15] = 0x64}};
static const uint8_t mac[VIPADDR_MAC_BYTES] = {0x02, 0, 0, 0, 0, 0x2a};

static struct packet_claim claim;

TestSuite(packet);

/* What tcpdump calls "Request who-has 10.10.10.100 tell 10.10.10.100". */
Test(packet, a_gratuitous_request_is_the_one_of_rfc_5227)
{
	static const uint8_t expected[PACKET_ARP_BYTES] = {0, 1, 8, 0, 6, 4, 0, 1, 0x02, 0, 0, 0, 0,
		0x2a, 10, 10, 10, 100, 0, 0, 0, 0, 0, 0, 10, 10, 10, 100};
	uint8_t packet[PACKET_ARP_BYTES];

	cr_assert_eq(
		packet_arp_announcement(packet, PACKET_ARP_REQUEST, &vip, mac), PACKET_ARP_BYTES);
	cr_assert_arr_eq(packet, expected, PACKET_ARP_BYTES);
}

Test(packet, a_gratuitous_reply_is_said_to_everybody)
{
	static const uint8_t expected[PACKET_ARP_BYTES] = {0, 1, 8, 0, 6, 4, 0, 2, 0x02, 0, 0, 0, 0,
		0x2a, 10, 10, 10, 100, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 10, 10, 10, 100};
	uint8_t packet[PACKET_ARP_BYTES];

	packet_arp_announcement(packet, PACKET_ARP_REPLY, &vip, mac);
	cr_assert_arr_eq(packet, expected, PACKET_ARP_BYTES);
}

Test(packet, an_announcement_overrides_what_neighbours_know)
{
	static const uint8_t expected[PACKET_ND_BYTES] = {136, 0, 0, 0, 0x20, 0, 0, 0, 0x20, 0x01,
		0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x64, 2, 1, 0x02, 0, 0, 0, 0, 0x2a};
	uint8_t packet[PACKET_ND_BYTES];

	cr_assert_eq(packet_nd_announcement(packet, &vip6, mac), PACKET_ND_BYTES);
	cr_assert_arr_eq(packet, expected, PACKET_ND_BYTES);
}

Test(packet, announcements_are_read_as_what_they_say)
{
	uint8_t arp[PACKET_ARP_BYTES], nd[PACKET_ND_BYTES];

	packet_arp_announcement(arp, PACKET_ARP_REQUEST, &vip, mac);
	cr_assert(packet_read_arp(span_of(arp, sizeof(arp)), &claim));
	cr_assert(vipaddr_ip_eq(&claim.ip, &vip));
	cr_assert_arr_eq(claim.mac, mac, VIPADDR_MAC_BYTES);
	cr_assert_not(claim.answer);
	packet_arp_announcement(arp, PACKET_ARP_REPLY, &vip, mac);
	cr_assert(packet_read_arp(span_of(arp, sizeof(arp)), &claim));
	cr_assert_not(claim.answer);
	packet_nd_announcement(nd, &vip6, mac);
	cr_assert(packet_read_nd(span_of(nd, sizeof(nd)), &claim));
	cr_assert(vipaddr_ip_eq(&claim.ip, &vip6));
	cr_assert_not(claim.answer);
}

Test(packet, an_answer_is_told_from_an_announcement)
{
	uint8_t arp[PACKET_ARP_BYTES], nd[PACKET_ND_BYTES];

	packet_arp_question(arp, &own, &vip, mac);
	arp[7] = PACKET_ARP_REPLY; /* vip at mac, to own */
	cr_assert(packet_read_arp(span_of(arp, sizeof(arp)), &claim));
	cr_assert(claim.answer);
	packet_nd_announcement(nd, &vip6, mac);
	nd[4] |= 0x40;
	cr_assert(packet_read_nd(span_of(nd, sizeof(nd)), &claim));
	cr_assert(claim.answer);
}

Test(packet, a_question_is_no_claim)
{
	uint8_t arp[PACKET_ARP_BYTES], nd[PACKET_ND_BYTES];

	packet_arp_question(arp, &vip, &own, mac);
	cr_assert_not(packet_read_arp(span_of(arp, sizeof(arp)), &claim));
	packet_nd_question(nd, &vip6, mac);
	cr_assert_not(packet_read_nd(span_of(nd, sizeof(nd)), &claim));
}

Test(packet, what_is_cut_short_is_refused)
{
	uint8_t arp[PACKET_ARP_BYTES], nd[PACKET_ND_BYTES];

	packet_arp_announcement(arp, PACKET_ARP_REPLY, &vip, mac);
	packet_nd_announcement(nd, &vip6, mac);
	for (size_t n = 0; n < sizeof(arp); n++)
		cr_assert_not(packet_read_arp(span_of(arp, n), &claim));
	for (size_t n = 0; n < sizeof(nd); n++)
		cr_assert_not(packet_read_nd(span_of(nd, n), &claim));
}

Test(packet, nobody_can_be_a_group_or_nobody)
{
	uint8_t arp[PACKET_ARP_BYTES], nd[PACKET_ND_BYTES];

	packet_arp_announcement(arp, PACKET_ARP_REPLY, &vip, mac);
	arp[8] |= 1; /* a group's hardware address */
	cr_assert_not(packet_read_arp(span_of(arp, sizeof(arp)), &claim));
	packet_arp_announcement(arp, PACKET_ARP_REPLY, &vip, mac);
	arp[14] = arp[24] = 224;
	cr_assert_not(packet_read_arp(span_of(arp, sizeof(arp)), &claim));
	arp[14] = arp[24] = 0;
	cr_assert_not(packet_read_arp(span_of(arp, sizeof(arp)), &claim));
	packet_nd_announcement(nd, &vip6, mac);
	nd[8] = 0xff;
	cr_assert_not(packet_read_nd(span_of(nd, sizeof(nd)), &claim));
}

Test(packet, an_option_of_length_zero_is_not_read_for_ever)
{
	uint8_t nd[PACKET_ND_BYTES];

	packet_nd_announcement(nd, &vip6, mac);
	nd[25] = 0;
	cr_assert_not(packet_read_nd(span_of(nd, sizeof(nd)), &claim));
}

Test(packet, other_options_are_skipped)
{
	uint8_t nd[PACKET_ND_BYTES + 16];

	packet_nd_announcement(nd, &vip6, mac);
	memmove(nd + 40, nd + 24, 8);
	memset(nd + 24, 0, 16);
	nd[24] = 14; /* nonce */
	nd[25] = 2;
	cr_assert(packet_read_nd(span_of(nd, sizeof(nd)), &claim));
	cr_assert_arr_eq(claim.mac, mac, VIPADDR_MAC_BYTES);
}

#include "proxyproto/proxyproto.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

static struct proxyproto_addr addr(const char *text, uint16_t port)
{
	struct proxyproto_addr a = {.port = port};

	a.family = strchr(text, ':') ? PROXYPROTO_INET6 : PROXYPROTO_INET;
	cr_assert_eq(
		inet_pton(a.family == PROXYPROTO_INET6 ? AF_INET6 : AF_INET, text, a.bytes), 1);
	return a;
}

static void expect_addr(const struct proxyproto_addr *a, const char *text, uint16_t port)
{
	struct proxyproto_addr expected = addr(text, port);

	cr_assert_eq(a->family, expected.family);
	cr_assert_eq(a->port, port);
	cr_assert_arr_eq(a->bytes, expected.bytes, sizeof(a->bytes));
}

static void expect_malformed(struct span bytes)
{
	struct proxyproto p;

	cr_assert_eq(proxyproto_parse(bytes, &p), PROXYPROTO_MALFORMED, "%.*s", (int)bytes.n,
		(const char *)bytes.p);
	cr_assert_not_null(p.error);
}

static void expect_malformed_line(const char *line)
{
	expect_malformed(span_str(line));
}

/* A version 2 header; returns its length. */
static size_t v2(uint8_t *out, uint8_t command, uint8_t family, struct span body)
{
	memcpy(out, SIGNATURE, 12);
	out[12] = command;
	out[13] = family;
	out[14] = (uint8_t)(body.n >> 8);
	out[15] = (uint8_t)body.n;
	memcpy(out + 16, body.p, body.n);
	return 16 + body.n;
}

static enum proxyproto_status parse_v2(
	uint8_t command, uint8_t family, struct span body, struct proxyproto *p)
{
	static uint8_t header[70000];

	return proxyproto_parse(span_of(header, v2(header, command, family, body)), p);
}

static const char tcp4[] = "\xc0\0\2\1\xc6\x33\x64\2\xdc\4\1\xbb";

Test(proxyproto, v1_line_of_ipv4_gives_both_ends)
{
	struct proxyproto p;

	cr_assert_eq(proxyproto_parse(
			     span_str("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nGET /"), &p),
		PROXYPROTO_DONE);
	expect_addr(&p.source, "192.0.2.1", 56324);
	expect_addr(&p.destination, "198.51.100.2", 443);
	cr_assert_eq(p.version, 1);
	cr_assert_eq(p.consumed, 45);
	cr_assert_not(p.local);
}

Test(proxyproto, v1_line_of_ipv6_gives_both_ends)
{
	struct proxyproto p;

	cr_assert_eq(proxyproto_parse(span_str("PROXY TCP6 2001:db8::1 ::1 0 65535\r\n"), &p),
		PROXYPROTO_DONE);
	expect_addr(&p.source, "2001:db8::1", 0);
	expect_addr(&p.destination, "::1", 65535);
}

Test(proxyproto, v1_unknown_has_no_addresses_whatever_follows)
{
	struct proxyproto p;

	cr_assert_eq(proxyproto_parse(span_str("PROXY UNKNOWN\r\n"), &p), PROXYPROTO_DONE);
	cr_assert_eq(p.source.family, PROXYPROTO_UNSPEC);
	cr_assert_eq(p.consumed, 15);
	cr_assert_eq(
		proxyproto_parse(span_str("PROXY UNKNOWN ::1 ::1 1 x\r\n"), &p), PROXYPROTO_DONE);
	cr_assert_eq(p.source.family, PROXYPROTO_UNSPEC);
}

Test(proxyproto, v1_spelling_other_than_the_specified_is_malformed)
{
	expect_malformed_line("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\n");
	expect_malformed_line("PROXY  TCP4 192.0.2.1 198.51.100.2 56324 443\r\n");
	expect_malformed_line("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443 \r\n");
	expect_malformed_line("PROXY TCP4 192.0.2.1 198.51.100.2 56324\r\n");
	expect_malformed_line("PROXY TCP4 192.0.2.1  198.51.100.2 56324 443\r\n");
	expect_malformed_line("PROXY tcp4 192.0.2.1 198.51.100.2 56324 443\r\n");
	expect_malformed_line("PROXY TCP5 192.0.2.1 198.51.100.2 56324 443\r\n");
	expect_malformed_line("PROXY \r\n");
	expect_malformed_line("PROXY UNKNOWNX\r\n");
}

Test(proxyproto, v1_address_of_the_wrong_form_is_malformed)
{
	expect_malformed_line("PROXY TCP4 ::1 198.51.100.2 56324 443\r\n");
	expect_malformed_line("PROXY TCP6 192.0.2.1 198.51.100.2 56324 443\r\n");
	expect_malformed_line("PROXY TCP4 192.0.2 198.51.100.2 56324 443\r\n");
	expect_malformed_line("PROXY TCP4 192.0.2.256 198.51.100.2 56324 443\r\n");
	expect_malformed_line("PROXY TCP4 192.0.2.01 198.51.100.2 56324 443\r\n");
}

Test(proxyproto, v1_line_with_nul_is_malformed)
{
	static const char line[] = "PROXY TCP4 192.0.2.1\0.5 198.51.100.2 56324 443\r\n";

	expect_malformed(span_of(line, sizeof(line) - 1));
}

Test(proxyproto, v1_ports_may_have_any_digit)
{
	struct proxyproto p;

	cr_assert_eq(
		proxyproto_parse(span_str("PROXY TCP4 192.0.2.1 198.51.100.2 9 10289\r\n"), &p),
		PROXYPROTO_DONE);
	cr_assert_eq(p.source.port, 9);
	cr_assert_eq(p.destination.port, 10289);
}

Test(proxyproto, v1_port_of_the_wrong_form_is_malformed)
{
	expect_malformed_line("PROXY TCP4 192.0.2.1 198.51.100.2 65536 443\r\n");
	expect_malformed_line("PROXY TCP4 192.0.2.1 198.51.100.2 080 443\r\n");
	expect_malformed_line("PROXY TCP4 192.0.2.1 198.51.100.2 +80 443\r\n");
	expect_malformed_line("PROXY TCP4 192.0.2.1 198.51.100.2 -1 443\r\n");
	expect_malformed_line("PROXY TCP4 192.0.2.1 198.51.100.2 99999999999 443\r\n");
}

Test(proxyproto, v1_line_of_107_bytes_is_taken_and_a_longer_one_malformed)
{
	char line[200] = "PROXY UNKNOWN ";
	struct proxyproto p;

	memset(line + 14, 'x', sizeof(line) - 14);
	memcpy(line + 105, "\r\n", 2);
	cr_assert_eq(proxyproto_parse(span_of(line, 107), &p), PROXYPROTO_DONE);
	memcpy(line + 105, "x\r\n", 3);
	expect_malformed(span_of(line, 108));
	expect_malformed(span_of(line, 107));
}

Test(proxyproto, v1_line_asks_for_more_until_it_ends)
{
	static const char line[] = "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n";
	struct proxyproto p;

	for (size_t n = 0; n < sizeof(line) - 1; n++) {
		cr_assert_eq(proxyproto_parse(span_of(line, n), &p), PROXYPROTO_MORE, "%zu", n);
		cr_assert_gt(p.need, n);
		cr_assert_leq(p.need, sizeof(line) - 1);
	}
}

Test(proxyproto, nothing_yet_may_become_a_header)
{
	struct proxyproto p;

	cr_assert_eq(proxyproto_parse(span_of(NULL, 0), &p), PROXYPROTO_MORE);
	cr_assert_eq(p.need, 1);
}

Test(proxyproto, other_first_bytes_are_no_header)
{
	struct proxyproto p;

	cr_assert_eq(proxyproto_parse(span_str("GET / HTTP/1.1\r\n"), &p), PROXYPROTO_NONE);
	cr_assert_eq(proxyproto_parse(span_str("PUT"), &p), PROXYPROTO_NONE);
	cr_assert_eq(proxyproto_parse(span_str("PROXZ"), &p), PROXYPROTO_NONE);
	cr_assert_eq(proxyproto_parse(span_str("\x16"), &p), PROXYPROTO_NONE);
	cr_assert_eq(proxyproto_parse(span_str("\r\n\r\nQ"), &p), PROXYPROTO_NONE);
}

Test(proxyproto, v2_header_gives_both_ends_and_the_text_of_its_tlvs)
{
	uint8_t body[12 + 5 + 16];
	struct proxyproto p;

	memcpy(body, tcp4, 12);
	memcpy(body + 12, "\1\0\2h2", 5);
	memcpy(body + 17,
		"\2\0\x0d"
		"aegisagent.ai",
		16);
	cr_assert_eq(parse_v2(0x21, 0x11, span_of(body, sizeof(body)), &p), PROXYPROTO_DONE);
	expect_addr(&p.source, "192.0.2.1", 56324);
	expect_addr(&p.destination, "198.51.100.2", 443);
	cr_assert_eq(p.version, 2);
	cr_assert_eq(p.consumed, 16 + sizeof(body));
	cr_assert(span_eq(p.alpn, span_str("h2")));
	cr_assert(span_eq(p.authority, span_str("aegisagent.ai")));
}

Test(proxyproto, v2_header_of_ipv6_gives_both_ends)
{
	uint8_t body[36] = {0x20, 1, 0x0d, 0xb8, [15] = 1, [31] = 1, [32] = 1, 2, 3, 4};
	struct proxyproto p;

	cr_assert_eq(parse_v2(0x21, 0x21, span_of(body, sizeof(body)), &p), PROXYPROTO_DONE);
	expect_addr(&p.source, "2001:db8::1", 0x0102);
	expect_addr(&p.destination, "::1", 0x0304);
}

Test(proxyproto, v2_local_is_taken_whatever_it_holds)
{
	struct proxyproto p;

	cr_assert_eq(parse_v2(0x20, 0x00, span_of("", 0), &p), PROXYPROTO_DONE);
	cr_assert(p.local);
	cr_assert_eq(parse_v2(0x20, 0x11, span_of("abc", 3), &p), PROXYPROTO_DONE);
	cr_assert(p.local);
	cr_assert_eq(p.source.family, PROXYPROTO_UNSPEC);
	cr_assert_eq(p.consumed, 19);
}

Test(proxyproto, v2_of_other_sockets_has_no_addresses)
{
	uint8_t body[216 + 5] = "/tmp/a.sock";
	struct proxyproto p;

	memcpy(body + 216, "\1\0\2h2", 5);
	cr_assert_eq(parse_v2(0x21, 0x31, span_of(body, sizeof(body)), &p), PROXYPROTO_DONE);
	cr_assert_eq(p.source.family, PROXYPROTO_UNSPEC);
	cr_assert(span_eq(p.alpn, span_str("h2")));
	cr_assert_eq(parse_v2(0x21, 0x12, span_of(tcp4, 12), &p), PROXYPROTO_DONE);
	cr_assert_eq(p.source.family, PROXYPROTO_UNSPEC);
	cr_assert_eq(parse_v2(0x21, 0x00, span_of("", 0), &p), PROXYPROTO_DONE);
	cr_assert_eq(p.source.family, PROXYPROTO_UNSPEC);
	cr_assert_not(p.local);
}

Test(proxyproto, v2_of_unassigned_codes_is_malformed)
{
	uint8_t header[16 + 12];

	expect_malformed(span_of(header, v2(header, 0x11, 0x11, span_of(tcp4, 12))));
	expect_malformed(span_of(header, v2(header, 0x22, 0x11, span_of(tcp4, 12))));
	expect_malformed(span_of(header, v2(header, 0x21, 0x41, span_of(tcp4, 12))));
	expect_malformed(span_of(header, v2(header, 0x21, 0x13, span_of(tcp4, 12))));
}

Test(proxyproto, v2_too_short_for_its_addresses_or_tlvs_is_malformed)
{
	uint8_t header[16 + 20], body[20];

	expect_malformed(span_of(header, v2(header, 0x21, 0x11, span_of(tcp4, 11))));
	expect_malformed(span_of(header, v2(header, 0x21, 0x21, span_of(tcp4, 12))));
	expect_malformed(span_of(header, v2(header, 0x21, 0x31, span_of(tcp4, 12))));
	memcpy(body, tcp4, 12);
	memcpy(body + 12, "\1\0\3h2", 5);
	expect_malformed(span_of(header, v2(header, 0x21, 0x11, span_of(body, 17))));
	expect_malformed(span_of(header, v2(header, 0x21, 0x11, span_of(body, 14))));
}

Test(proxyproto, v2_unknown_tlvs_are_skipped)
{
	uint8_t body[12 + 4 + 3 + 5];
	struct proxyproto p;

	memcpy(body, tcp4, 12);
	memcpy(body + 12, "\xe0\0\1x", 4);
	memcpy(body + 16, "\4\0\0", 3);
	memcpy(body + 19, "\1\0\2h2", 5);
	cr_assert_eq(parse_v2(0x21, 0x11, span_of(body, sizeof(body)), &p), PROXYPROTO_DONE);
	cr_assert(span_eq(p.alpn, span_str("h2")));
}

/* Sent by HAProxy 2.6.12 with `send-proxy-v2 proxy-v2-options crc32c,unique-id`: another TLV follows the sum. */
static const uint8_t haproxy_header[] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49,
	0x54, 0x0a, 0x21, 0x11, 0x00, 0x1a, 0x7f, 0x00, 0x00, 0x01, 0x7f, 0x00, 0x00, 0x01, 0x98,
	0x26, 0x48, 0x27, 0x03, 0x00, 0x04, 0x92, 0x12, 0xf7, 0x83, 0x05, 0x00, 0x04, 0x69, 0x64,
	0x2d, 0x31};

Test(proxyproto, v2_with_the_checksum_of_haproxy_is_taken)
{
	struct proxyproto p;

	cr_assert_eq(proxyproto_parse(span_of(haproxy_header, sizeof(haproxy_header)), &p),
		PROXYPROTO_DONE);
	expect_addr(&p.source, "127.0.0.1", 38950);
	expect_addr(&p.destination, "127.0.0.1", 18471);
}

Test(proxyproto, v2_with_a_changed_bit_fails_its_checksum)
{
	static const size_t places[] = {16, 20, 27, 31, 34, 38, sizeof(haproxy_header) - 1};
	uint8_t changed[sizeof(haproxy_header)];

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		memcpy(changed, haproxy_header, sizeof(changed));
		changed[places[i]] ^= 1;
		expect_malformed(span_of(changed, sizeof(changed)));
	}
}

Test(proxyproto, v2_checksum_of_the_wrong_size_is_malformed)
{
	uint8_t header[16 + 5];

	expect_malformed(span_of(header, v2(header, 0x21, 0, span_of("\3\0\2\0\0", 5))));
}

Test(proxyproto, v2_of_4096_bytes_is_taken_and_a_longer_one_malformed_from_its_length_on)
{
	static uint8_t body[PROXYPROTO_MAX], header[16];
	struct proxyproto p;

	memcpy(body, tcp4, 12);
	body[12] = 0xe0;
	body[13] = (PROXYPROTO_MAX - 16 - 15) >> 8;
	body[14] = (PROXYPROTO_MAX - 16 - 15) & 0xff;
	cr_assert_eq(parse_v2(0x21, 0x11, span_of(body, PROXYPROTO_MAX - 16), &p), PROXYPROTO_DONE);
	v2(header, 0x21, 0x11, span_of(body, 0));
	header[14] = (PROXYPROTO_MAX - 15) >> 8;
	header[15] = (PROXYPROTO_MAX - 15) & 0xff;
	expect_malformed(span_of(header, sizeof(header)));
}

Test(proxyproto, v2_asks_for_its_header_then_for_its_length)
{
	uint8_t header[16 + 12];
	struct proxyproto p;
	size_t n = v2(header, 0x21, 0x11, span_of(tcp4, 12));

	cr_assert_eq(proxyproto_parse(span_of(header, 12), &p), PROXYPROTO_MORE);
	cr_assert_eq(p.need, 16);
	cr_assert_eq(proxyproto_parse(span_of(header, 16), &p), PROXYPROTO_MORE);
	cr_assert_eq(p.need, n);
	cr_assert_eq(proxyproto_parse(span_of(header, n), &p), PROXYPROTO_DONE);
}

Test(proxyproto, v1_is_written_as_specified)
{
	struct proxyproto_addr from = addr("192.0.2.1", 56324), to = addr("198.51.100.2", 443);
	char buf[PROXYPROTO_WRITE_MAX + 1] = "";

	cr_assert_eq(proxyproto_write_v1(buf, PROXYPROTO_WRITE_MAX, &from, &to), 45);
	cr_assert_str_eq(buf, "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n");
	from = addr("2001:db8::1", 1);
	to = addr("::1", 2);
	buf[proxyproto_write_v1(buf, PROXYPROTO_WRITE_MAX, &from, &to)] = '\0';
	cr_assert_str_eq(buf, "PROXY TCP6 2001:db8::1 ::1 1 2\r\n");
	to = addr("10.0.0.1", 2);
	buf[proxyproto_write_v1(buf, PROXYPROTO_WRITE_MAX, &from, &to)] = '\0';
	cr_assert_str_eq(buf, "PROXY UNKNOWN\r\n");
	buf[proxyproto_write_v1_unknown(buf, PROXYPROTO_WRITE_MAX)] = '\0';
	cr_assert_str_eq(buf, "PROXY UNKNOWN\r\n");
}

Test(proxyproto, v2_is_written_as_specified)
{
	static const char expected[] =
		SIGNATURE "\x21\x11\0\x21\xc0\0\2\1\xc6\x33\x64\2\xdc\4\1\xbb"
			  "\1\0\2h2\2\0\x0d"
			  "aegisagent.ai";
	struct proxyproto_addr from = addr("192.0.2.1", 56324), to = addr("198.51.100.2", 443);
	struct proxyproto_tlvs tlvs = {
		.alpn = span_str("h2"), .authority = span_str("aegisagent.ai")};
	uint8_t buf[PROXYPROTO_WRITE_MAX];
	size_t n = proxyproto_write_v2(buf, sizeof(buf), &from, &to, &tlvs);

	cr_assert(span_eq(span_of(buf, n), span_of(expected, sizeof(expected) - 1)));
}

Test(proxyproto, v2_without_addresses_or_tlvs_is_sixteen_bytes)
{
	struct proxyproto_addr none = {.family = PROXYPROTO_UNSPEC};
	struct proxyproto_tlvs tlvs = {.alpn = {NULL, 0}};
	uint8_t buf[PROXYPROTO_WRITE_MAX];

	cr_assert_eq(proxyproto_write_v2(buf, sizeof(buf), &none, &none, &tlvs), 16);
	cr_assert_arr_eq(buf, SIGNATURE "\x21\0\0\0", 16);
	cr_assert_eq(proxyproto_write_v2_local(buf, sizeof(buf)), 16);
	cr_assert_arr_eq(buf, SIGNATURE "\x20\0\0\0", 16);
}

Test(proxyproto, longest_header_fits_the_stated_size)
{
	static const uint8_t text[PROXYPROTO_TEXT_MAX + 1];
	struct proxyproto_addr end = addr("2001:db8::1", 1);
	struct proxyproto_tlvs tlvs = {.alpn = span_of(text, PROXYPROTO_TEXT_MAX),
		.authority = span_of(text, PROXYPROTO_TEXT_MAX)};
	uint8_t buf[PROXYPROTO_WRITE_MAX];

	cr_assert_eq(
		proxyproto_write_v2(buf, sizeof(buf), &end, &end, &tlvs), PROXYPROTO_WRITE_MAX);
	tlvs.authority.n++;
	cr_assert_eq(proxyproto_write_v2(buf, sizeof(buf), &end, &end, &tlvs),
		PROXYPROTO_WRITE_MAX - 258);
}

Test(proxyproto, header_that_does_not_fit_is_not_written)
{
	struct proxyproto_addr end = addr("2001:db8::1", 1);
	struct proxyproto_tlvs tlvs = {.alpn = span_str("h2")};
	uint8_t buf[PROXYPROTO_WRITE_MAX];

	cr_assert_eq(proxyproto_write_v1(buf, 37, &end, &end), 0);
	cr_assert_eq(proxyproto_write_v1_unknown(buf, 14), 0);
	cr_assert_eq(proxyproto_write_v2(buf, 56, &end, &end, &tlvs), 0);
	cr_assert_eq(proxyproto_write_v2(buf, 57, &end, &end, &tlvs), 57);
	cr_assert_eq(proxyproto_write_v2_local(buf, 15), 0);
}

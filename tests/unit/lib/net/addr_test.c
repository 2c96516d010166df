#include "net/addr.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>

static struct addr parsed(const char *text)
{
	struct addr a;

	cr_assert(addr_parse(text, true, &a), "%s", text);
	return a;
}

static void expect_text(const char *text, const char *expected)
{
	struct addr a = parsed(text);
	char buf[ADDR_TEXT_MAX];

	cr_expect_str_eq(addr_format(&a, buf), expected);
}

Test(addr, what_is_parsed_is_printed)
{
	expect_text("10.0.0.1:443", "10.0.0.1:443");
	expect_text("255.255.255.255:65535", "255.255.255.255:65535");
	expect_text("[2001:DB8:0::1]:1", "[2001:db8::1]:1");
	expect_text("[::]:443", "[::]:443");
}

Test(addr, a_mapped_address_is_ipv4)
{
	struct addr a = parsed("[::ffff:10.0.0.1]:443"), b = parsed("10.0.0.1:443");

	cr_expect(addr_eq(&a, &b));
	expect_text("[::ffff:10.0.0.1]:443", "10.0.0.1:443");
}

Test(addr, a_star_is_both_families_where_it_is_allowed)
{
	struct addr a = parsed("*:443");

	cr_expect_eq(a.family, AF_INET6);
	cr_expect(addr_is_any(&a));
	cr_expect_eq(a.port, 443);
	cr_expect_not(addr_parse("*:443", false, &a));
}

Test(addr, nothing_else_is_an_address_and_a_port)
{
	static const char *const texts[] = {"", ":", ":443", "10.0.0.1", "10.0.0.1:", "10.0.0.1:0",
		"10.0.0.1:65536", "10.0.0.1:-1", "10.0.0.1: 1", "10.0.0.1:1x", "10.0.0:1",
		"10.0.0.256:1", "::1:443", "[::1]", "[::1]443", "[::1:443", "::1]:443",
		"[10.0.0.1]:443", "[]:443", "[*]:443", "localhost:443", "10.0.0.1:000001",
		"[fe80::1%no-such-interface]:443",
		"[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001]:443"};
	struct addr a;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		cr_expect_not(addr_parse(texts[i], true, &a), "%s", texts[i]);
}

Test(addr, a_link_local_address_keeps_its_interface)
{
	struct addr a = parsed("[fe80::1%lo]:443");
	char buf[ADDR_TEXT_MAX];

	cr_expect_neq(a.scope, 0);
	cr_expect_str_eq(addr_format(&a, buf), "[fe80::1%lo]:443");
}

static struct addr_prefix prefix(const char *text)
{
	struct addr_prefix p;

	cr_assert(addr_parse_prefix(text, &p), "%s", text);
	return p;
}

static bool within(const char *ip, const char *network)
{
	struct addr_prefix p = prefix(network);
	struct addr a;

	cr_assert(addr_parse_ip(ip, &a), "%s", ip);
	return addr_in_prefix(&a, &p);
}

Test(addr, a_prefix_holds_what_begins_like_it)
{
	cr_expect(within("100.127.255.255", "100.64.0.0/10"));
	cr_expect_not(within("100.128.0.0", "100.64.0.0/10"));
	cr_expect_not(within("100.63.255.255", "100.64.0.0/10"));
	cr_expect(within("10.10.10.10", "10.10.10.10"));
	cr_expect_not(within("10.10.10.11", "10.10.10.10/32"));
	cr_expect(within("1.2.3.4", "0.0.0.0/0"));
	cr_expect(within("2001:db8:ffff::1", "2001:db8::/32"));
	cr_expect_not(within("2001:db9::1", "2001:db8::/32"));
	cr_expect(within("::ffff:10.1.2.3", "10.0.0.0/8"));
}

Test(addr, a_prefix_holds_its_own_family_only)
{
	cr_expect_not(within("::1", "0.0.0.0/0"));
	cr_expect_not(within("0.0.0.0", "::/0"));
}

Test(addr, a_prefix_with_bits_beyond_its_length_is_refused)
{
	struct addr_prefix p;

	cr_expect_not(addr_parse_prefix("10.0.0.1/8", &p));
	cr_expect_not(addr_parse_prefix("100.96.0.0/10", &p));
	cr_expect_not(addr_parse_prefix("2001:db8::1/64", &p));
	cr_expect_not(addr_parse_prefix("10.0.0.0/33", &p));
	cr_expect_not(addr_parse_prefix("::/129", &p));
	cr_expect_not(addr_parse_prefix("10.0.0.0/", &p));
	cr_expect_not(addr_parse_prefix("10.0.0.0/8/8", &p));
	cr_expect_not(addr_parse_prefix("/8", &p));
}

Test(addr, any_of_several_prefixes_will_do)
{
	struct addr_prefix ps[] = {prefix("127.0.0.0/8"), prefix("100.64.0.0/10")};
	struct addr a = parsed("100.64.0.1:1"), b = parsed("10.0.0.1:1");

	cr_expect(addr_in_any(&a, ps, 2));
	cr_expect_not(addr_in_any(&b, ps, 2));
	cr_expect_not(addr_in_any(&a, ps, 0));
}

static void expect_round_trip(const char *text)
{
	struct addr a = parsed(text), back;
	struct sockaddr_storage ss;
	socklen_t n = addr_to_sockaddr(&a, &ss);

	cr_expect_eq(
		n, a.family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
	back = addr_from_sockaddr((struct sockaddr *)&ss);
	cr_expect(addr_eq(&a, &back), "%s", text);
}

Test(addr, it_goes_into_a_sockaddr_and_back)
{
	expect_round_trip("10.0.0.1:443");
	expect_round_trip("[2001:db8::1]:65535");
	expect_round_trip("[fe80::1%lo]:1");
}

Test(addr, a_sockaddr_of_another_family_is_no_address)
{
	struct sockaddr sa = {.sa_family = AF_UNIX};
	struct addr a = addr_from_sockaddr(&sa);
	char buf[ADDR_TEXT_MAX];

	cr_expect_eq(a.family, AF_UNSPEC);
	cr_expect_str_eq(addr_format_ip(&a, buf), "-");
}

static bool same_source(const char *x, const char *y)
{
	struct addr a = parsed(x), b = parsed(y);
	uint8_t key_a[ADDR_SOURCE_BYTES], key_b[ADDR_SOURCE_BYTES];

	addr_source_key(&a, key_a);
	addr_source_key(&b, key_b);
	return memcmp(key_a, key_b, ADDR_SOURCE_BYTES) == 0;
}

Test(addr, a_source_is_an_ipv4_address_or_an_ipv6_64)
{
	cr_expect(same_source("10.0.0.1:1", "10.0.0.1:2"));
	cr_expect_not(same_source("10.0.0.1:1", "10.0.0.2:1"));
	cr_expect(same_source("[2001:db8::1]:1", "[2001:db8::ffff:1]:1"));
	cr_expect_not(same_source("[2001:db8::1]:1", "[2001:db8:0:1::1]:1"));
	cr_expect_not(same_source("0.0.0.0:1", "[::]:1"));
}

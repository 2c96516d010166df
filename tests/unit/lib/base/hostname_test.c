#include "base/hostname.h"

#include <criterion/criterion.h>

static void expect(const char *in, const char *expected)
{
	char out[HOSTNAME_SIZE];
	int n = hostname_normalize(span_str(in), out);

	cr_assert_eq(n, (int)strlen(expected), "\"%s\" gave %d", in, n);
	cr_assert_str_eq(out, expected);
}

static void expect_error(const char *in, enum hostname_status expected)
{
	char out[HOSTNAME_SIZE];

	cr_assert_eq(hostname_normalize(span_str(in), out), (int)expected, "\"%s\"", in);
}

/* A name of n bytes in labels of 63. */
static void fill_name(char *name, size_t n)
{
	for (size_t i = 0; i < n; i++)
		name[i] = i % 64 == 63 ? '.' : 'a';
	name[n] = '\0';
}

Test(hostname, case_does_not_count)
{
	expect("API.Notebooks.AegisAgent.ai", "api.notebooks.aegisagent.ai");
	expect("AZ-az_09", "az-az_09");
}

Test(hostname, one_trailing_dot_does_not_count)
{
	expect("aegisagent.ai.", "aegisagent.ai");
	expect_error("aegisagent.ai..", HOSTNAME_BAD_LABEL);
}

Test(hostname, port_does_not_count)
{
	expect("aegisagent.ai:443", "aegisagent.ai");
	expect("aegisagent.ai.:65535", "aegisagent.ai");
	expect("aegisagent.ai:", "aegisagent.ai");
}

Test(hostname, colon_without_a_port_is_refused)
{
	expect_error("aegisagent.ai:44x", HOSTNAME_BAD_BYTE);
	expect_error("aegisagent.ai:123456", HOSTNAME_BAD_BYTE);
	expect_error("a:1:2", HOSTNAME_BAD_BYTE);
}

Test(hostname, empty_name_is_told_apart)
{
	expect_error("", HOSTNAME_EMPTY);
	expect_error(":443", HOSTNAME_EMPTY);
	cr_assert_eq(
		hostname_normalize(span_of(NULL, 0), (char[HOSTNAME_SIZE]){0}), HOSTNAME_EMPTY);
}

Test(hostname, empty_label_is_refused)
{
	expect_error(".", HOSTNAME_BAD_LABEL);
	expect_error(".ai", HOSTNAME_BAD_LABEL);
	expect_error("a..ai", HOSTNAME_BAD_LABEL);
}

Test(hostname, other_bytes_are_refused)
{
	expect_error("a b", HOSTNAME_BAD_BYTE);
	expect_error("*.aegisagent.ai", HOSTNAME_BAD_BYTE);
	expect_error("caf\xc3\xa9.fr", HOSTNAME_BAD_BYTE);
	expect_error("a@b", HOSTNAME_BAD_BYTE);
	expect_error("a[b", HOSTNAME_BAD_BYTE);
	expect_error("a`b", HOSTNAME_BAD_BYTE);
	expect_error("a{b", HOSTNAME_BAD_BYTE);
	expect_error("[::1]", HOSTNAME_BAD_BYTE);
}

Test(hostname, nul_inside_is_refused)
{
	char out[HOSTNAME_SIZE];

	cr_assert_eq(hostname_normalize(span_of("good.ai\0.evil.ai", 16), out), HOSTNAME_BAD_BYTE);
}

Test(hostname, label_of_63_bytes_is_taken_and_of_64_refused)
{
	char name[80];

	memset(name, 'a', 64);
	memcpy(name + 63, ".ai", 4);
	expect(name, name);
	memset(name, 'a', 64);
	memcpy(name + 64, ".ai", 4);
	expect_error(name, HOSTNAME_BAD_LABEL);
	memset(name, 'a', 64);
	name[64] = '\0';
	expect_error(name, HOSTNAME_BAD_LABEL);
	memset(name, 'a', 67);
	name[2] = '.';
	name[67] = '\0';
	expect_error(name, HOSTNAME_BAD_LABEL);
}

Test(hostname, name_of_253_bytes_is_taken_and_of_254_refused)
{
	char name[300];

	fill_name(name, 253);
	expect(name, name);
	fill_name(name, 254);
	expect_error(name, HOSTNAME_TOO_LONG);
	fill_name(name, 255);
	expect_error(name, HOSTNAME_TOO_LONG);
	fill_name(name, 299);
	expect_error(name, HOSTNAME_TOO_LONG);
}

Test(hostname, trailing_dot_does_not_count_for_the_length)
{
	char name[300], expected[300];

	fill_name(expected, 253);
	fill_name(name, 253);
	memcpy(name + 253, ".", 2);
	expect(name, expected);
}

Test(hostname, normalized_name_stays_as_it_is)
{
	char once[HOSTNAME_SIZE];

	hostname_normalize(span_str("WWW.Example.ORG.:80"), once);
	expect(once, once);
}

Test(hostname, number_as_last_label_is_an_address)
{
	cr_assert(hostname_is_address(span_str("10.10.10.103")));
	cr_assert(hostname_is_address(span_str("127.1")));
	cr_assert(hostname_is_address(span_str("2130706433")));
	cr_assert_not(hostname_is_address(span_str("1.2.3.4.in-addr.arpa")));
	cr_assert_not(hostname_is_address(span_str("host1")));
	cr_assert_not(hostname_is_address(span_str("")));
	cr_assert_not(hostname_is_address(span_str("10.10.10.1o3")));
}

#include "prefixset/prefixset.h"

#include "base/prng.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct prefixset_prefix prefix(const char *text, uint8_t bits)
{
	struct prefixset_prefix p = {.bits = bits};

	if (inet_pton(AF_INET6, text, p.ip) != 1) {
		p.ip[10] = p.ip[11] = 0xff;
		cr_assert_eq(inet_pton(AF_INET, text, p.ip + 12), 1, "%s", text);
		p.bits = (uint8_t)(bits + 96);
	}
	return p;
}

static bool has(const struct prefixset *s, const char *text)
{
	struct prefixset_prefix p = prefix(text, 0);

	return prefixset_has(s, p.ip);
}

Test(prefixset, nothing_is_in_the_empty_set)
{
	struct prefixset *s = prefixset_new(NULL, 0);

	cr_assert(!has(s, "10.0.0.1"));
	cr_assert(!has(NULL, "::1"));
	prefixset_free(s);
}

Test(prefixset, a_prefix_holds_its_addresses_and_no_neighbour)
{
	struct prefixset_prefix p[] = {
		prefix("10.1.2.0", 24), prefix("192.0.2.7", 32), prefix("2001:db8:1::", 48)};
	struct prefixset *s = prefixset_new(p, 3);

	cr_assert(has(s, "10.1.2.0") && has(s, "10.1.2.255"));
	cr_assert(!has(s, "10.1.1.255") && !has(s, "10.1.3.0"));
	cr_assert(has(s, "192.0.2.7"));
	cr_assert(!has(s, "192.0.2.6") && !has(s, "192.0.2.8"));
	cr_assert(has(s, "2001:db8:1::") && has(s, "2001:db8:1:ffff:ffff:ffff:ffff:ffff"));
	cr_assert(!has(s, "2001:db8:2::") && !has(s, "2001:db8:0:ffff:ffff:ffff:ffff:ffff"));
	cr_assert(!has(s, "::10.1.2.3"), "an IPv6 address that only ends like it");
	prefixset_free(s);
}

Test(prefixset, prefixes_within_others_and_beside_others_become_one_range)
{
	struct prefixset_prefix p[] = {prefix("10.0.0.0", 9), prefix("10.128.0.0", 9),
		prefix("10.5.0.0", 16), prefix("10.0.0.0", 8), prefix("11.0.0.1", 32)};
	struct prefixset *s = prefixset_new(p, 5);

	cr_assert_eq(prefixset_ranges(s), 2);
	cr_assert(has(s, "10.0.0.0") && has(s, "10.255.255.255") && has(s, "11.0.0.1"));
	cr_assert(!has(s, "11.0.0.0") && !has(s, "9.255.255.255"));
	prefixset_free(s);
}

Test(prefixset, the_ends_of_the_number_line_are_addresses_like_others)
{
	struct prefixset_prefix p[] = {prefix("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 128),
		prefix("::", 128), prefix("ffff:ffff:ffff:ffff:ffff:ffff:ffff:0", 112)};
	struct prefixset *s = prefixset_new(p, 3);

	cr_assert_eq(prefixset_ranges(s), 2);
	cr_assert(has(s, "::") && has(s, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
	cr_assert(!has(s, "::1"));
	prefixset_free(s);
}

Test(prefixset, bits_beyond_the_prefix_do_not_matter)
{
	struct prefixset_prefix p[] = {prefix("10.1.2.77", 24), prefix("2001:db8::ffff", 32)};
	struct prefixset *s = prefixset_new(p, 2);

	cr_assert(has(s, "10.1.2.1") && has(s, "2001:db8:5::"));
	prefixset_free(s);
}

static bool in_prefix(const uint8_t ip[16], const struct prefixset_prefix *p)
{
	for (unsigned bit = 0; bit < p->bits; bit++)
		if ((ip[bit / 8] ^ p->ip[bit / 8]) >> (7 - bit % 8) & 1)
			return false;
	return true;
}

/* Few distinct bytes, so that prefixes overlap and addresses hit. */
static void random_ip(struct prng *r, uint8_t ip[16])
{
	memset(ip, 0, 16);
	for (unsigned i = 0; i < 16; i++)
		ip[i] = prng_below(r, 2) ? 0 : (uint8_t)(0x80 | prng_below(r, 2));
}

Test(prefixset, it_answers_as_asking_each_prefix_would)
{
	struct prng r;

	prng_init(&r, 7);
	for (unsigned round = 0; round < 200; round++) {
		struct prefixset_prefix p[32];
		size_t n = prng_below(&r, 33);
		struct prefixset *s;

		for (size_t i = 0; i < n; i++) {
			random_ip(&r, p[i].ip);
			p[i].bits = (uint8_t)prng_below(&r, 129);
		}
		s = prefixset_new(p, n);
		for (unsigned q = 0; q < 200; q++) {
			uint8_t ip[16];
			bool wanted = false;

			random_ip(&r, ip);
			for (size_t i = 0; i < n; i++)
				wanted |= in_prefix(ip, &p[i]);
			cr_assert_eq(prefixset_has(s, ip), wanted, "round %u", round);
		}
		prefixset_free(s);
	}
}

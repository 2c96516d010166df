#include "base/siphash.h"

#include <criterion/criterion.h>

/* Of the vectors of the reference implementation: key 00 … 0f, input 00 01 02 …, by its length. */
Test(siphash, hashes_are_those_of_the_reference)
{
	static const struct {
		size_t n;
		uint64_t hash;
	} expected[] = {
		{0, 0x726fdb47dd0e0e31},
		{1, 0x74f839c593dc67fd},
		{2, 0x0d6c8009d9a94f5a},
		{7, 0xab0200f58b01d137},
		{8, 0x93f5f5799a932462},
		{15, 0xa129ca6149be45e5},
		{63, 0x958a324ceb064572},
	};
	const struct siphash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
	uint8_t input[64];

	for (size_t i = 0; i < sizeof input; i++)
		input[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
		cr_assert_eq(siphash(&key, span_of(input, expected[i].n)), expected[i].hash,
			"of %zu bytes", expected[i].n);
}

Test(siphash, another_key_gives_another_hash)
{
	const struct siphash_key a = {1, 2}, b = {1, 3};

	cr_assert_neq(siphash(&a, span_str("name")), siphash(&b, span_str("name")));
}

#include "control/cluster_node.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct cluster_node full = {
	.has_digest = true,
	.digest = 0x0123456789abcdef,
	.priority = 77,
	.active = 0xfeedbeef,
	.n_keys = SEAL_KEYS_MAX,
	.keys = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0xfeedbeef},
};

Test(cluster_node, what_is_said_is_what_is_heard)
{
	uint8_t body[CLUSTER_NODE_BYTES_MAX];
	struct cluster_node got;
	size_t n = cluster_node_encode(&full, body);

	cr_assert(cluster_node_decode(span_of(body, n), &got));
	cr_expect(got.has_digest);
	cr_expect_eq(got.digest, full.digest);
	cr_expect_eq(got.priority, 77);
	cr_expect_eq(got.active, 0xfeedbeef);
	cr_assert_eq(got.n_keys, SEAL_KEYS_MAX);
	cr_expect_arr_eq(got.keys, full.keys, sizeof(full.keys));
	cr_expect(cluster_node_holds(&got, 0xfeedbeef));
	cr_expect_not(cluster_node_holds(&got, 99));
}

Test(cluster_node, a_node_that_has_no_digest_yet_says_none)
{
	const struct cluster_node node = {.n_keys = 1, .keys = {5}, .active = 5};
	uint8_t body[CLUSTER_NODE_BYTES_MAX];
	struct cluster_node got;
	size_t n = cluster_node_encode(&node, body);

	cr_assert(cluster_node_decode(span_of(body, n), &got));
	cr_expect_not(got.has_digest);
}

Test(cluster_node, a_field_of_a_later_version_is_skipped)
{
	static const uint8_t later[] = {99, 3, 'a', 'b', 'c'};
	uint8_t body[CLUSTER_NODE_BYTES_MAX + sizeof(later)];
	struct cluster_node got;
	size_t n;

	memcpy(body, later, sizeof(later));
	n = cluster_node_encode(&full, body + sizeof(later));
	cr_assert(cluster_node_decode(span_of(body, n + sizeof(later)), &got));
	cr_expect_eq(got.digest, full.digest);
}

Test(cluster_node, what_is_cut_is_malformed_or_says_less)
{
	uint8_t body[CLUSTER_NODE_BYTES_MAX];
	size_t n = cluster_node_encode(&full, body);
	unsigned whole = 0;

	for (size_t cut = 0; cut < n; cut++) {
		struct cluster_node got;

		whole += cluster_node_decode(span_of(body, cut), &got);
	}
	cr_expect_eq(whole, 4, "only where a field ends it is whole: %u", whole);
}

Test(cluster_node, keys_beyond_all_bounds_are_malformed)
{
	uint8_t many[2 + 4 * (SEAL_KEYS_MAX + 1)] = {4, 4 * (SEAL_KEYS_MAX + 1)};
	static const uint8_t odd[] = {4, 3, 0, 0, 0};
	struct cluster_node got;

	cr_expect_not(cluster_node_decode(span_of(many, sizeof(many)), &got));
	cr_expect_not(cluster_node_decode(span_of(odd, sizeof(odd)), &got));
}

#include "gossip/items.h"

#include "../../fault.h"
#include "base/prng.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	A = 101, /* ids of nodes */
	B = 102,
	KIND = 2,
};

#define NOW UINT64_C(1800000000000)

static const struct mono now = {5000000};

static struct items *table(uint64_t self, size_t live_max, size_t tombstones_max)
{
	struct items *s = items_new(self, &(struct items_limits){live_max, tombstones_max});

	cr_assert_not_null(s);
	return s;
}

static enum items_status set(
	struct items *s, uint64_t wall_ms, const char *key, const char *value, struct item *ret)
{
	struct item write = {.kind = KIND, .key = span_str(key), .value = span_str(value)};

	return items_set(s, wall_ms, &write, ret);
}

static void has(const struct items *s, const char *key, const char *value)
{
	struct item item = {0};
	bool found = items_find(s, KIND, span_str(key), &item);

	if (!value)
		cr_assert_not(found, "%s is there", key);
	else
		cr_assert(found && span_eq(item.value, span_str(value)), "%s is \"%.*s\"", key,
			(int)item.value.n, (const char *)item.value.p);
}

/* Everything of `from` that `to` lacks, as two nodes would do it; returns the items sent. */
static size_t repair(const struct items *from, struct items *to)
{
	size_t sent = 0;

	for (unsigned int b = 0; b < ITEMS_BUCKETS; b++) {
		struct items_piece piece = {.to = items_place(b) - 1};
		uint64_t hashes[3];

		if (items_bucket_hash(from, b) == items_bucket_hash(to, b))
			continue;
		do {
			size_t i = 0;
			struct item item;

			items_list(to, piece.to + 1, hashes, 3, &piece);
			while (items_unlisted(from, &piece, &i, &item)) {
				items_merge(to, NOW, &item);
				sent++;
			}
		} while (piece.to != items_place(b) + (items_place(1) - 1));
	}
	return sent;
}

Test(items, last_writer_wins_on_both_sides)
{
	struct items *a = table(A, 100, 100), *b = table(B, 100, 100);
	struct item first, second;

	cr_assert_eq(set(a, NOW, "web/1", "drain", &first), ITEMS_TAKEN);
	cr_assert_eq(set(b, NOW + 1, "web/1", "ready", &second), ITEMS_TAKEN);
	cr_assert_eq(items_merge(b, NOW, &first), ITEMS_KNOWN);
	cr_assert_eq(items_merge(a, NOW, &second), ITEMS_TAKEN);
	has(a, "web/1", "ready");
	has(b, "web/1", "ready");
	cr_assert_eq(items_hash(a), items_hash(b));
	items_free(a);
	items_free(b);
}

Test(items, command_given_where_the_clock_is_behind_still_wins_over_what_is_seen_there)
{
	struct items *a = table(A, 100, 100);
	struct item item;

	set(a, NOW, "k", "one", &item);
	set(a, NOW - 86400000, "k", "two", &item);
	cr_assert_eq(item.stamp, NOW + 1);
	has(a, "k", "two");
	items_free(a);
}

Test(items, equal_stamps_are_decided_by_node_then_by_deletion_then_by_value)
{
	struct items *a = table(A, 100, 100);
	struct item item = {.kind = KIND, .key = span_str("k"), .stamp = NOW, .node = A};

	item.value = span_str("m");
	cr_assert_eq(items_merge(a, NOW, &item), ITEMS_TAKEN);
	item.value = span_str("b");
	cr_assert_eq(items_merge(a, NOW, &item), ITEMS_KNOWN);
	item.value = span_str("z");
	cr_assert_eq(items_merge(a, NOW, &item), ITEMS_TAKEN);
	item.node = B;
	item.value = span_str("a");
	cr_assert_eq(items_merge(a, NOW, &item), ITEMS_TAKEN);
	has(a, "k", "a");
	item.value = span_str("");
	cr_assert_eq(items_merge(a, NOW, &item), ITEMS_TAKEN);
	item.value = span_str("z");
	cr_assert_eq(items_merge(a, NOW, &item), ITEMS_KNOWN);
	has(a, "k", "");
	items_free(a);
}

Test(items, stamp_more_than_a_year_ahead_is_refused)
{
	struct items *a = table(A, 100, 100);
	struct item item = {.kind = KIND, .key = span_str("k"), .value = span_str("v"), .node = B};

	item.stamp = NOW + ITEMS_AHEAD_MAX_MS + 1;
	cr_assert_eq(items_merge(a, NOW, &item), ITEMS_AHEAD);
	cr_assert_eq(items_count(a), 0);
	item.stamp--;
	cr_assert_eq(items_merge(a, NOW, &item), ITEMS_TAKEN);
	item.stamp = NOW * 2;
	cr_assert_eq(items_load(a, &item), ITEMS_TAKEN, "one's own disk is believed");
	items_free(a);
}

Test(items, deleted_item_does_not_come_back_from_a_node_that_missed_it)
{
	struct items *a = table(A, 100, 100), *b = table(B, 100, 100);
	struct item item;

	set(a, NOW, "k", "v", &item);
	repair(a, b);
	set(a, NOW, "k", "", &item);
	repair(b, a);
	has(a, "k", "");
	cr_assert_eq(items_live(a), 0);
	repair(a, b);
	has(b, "k", "");
	cr_assert_eq(items_hash(a), items_hash(b));
	items_free(a);
	items_free(b);
}

Test(items, deletion_of_what_is_unknown_here_reaches_those_who_know_it)
{
	struct items *a = table(A, 100, 100), *b = table(B, 100, 100);
	struct item item;

	set(a, NOW, "k", "v", &item);
	cr_assert_eq(set(b, NOW + 5, "k", "", &item), ITEMS_TAKEN);
	repair(b, a);
	has(a, "k", "");
	items_free(a);
	items_free(b);
}

Test(items, full_table_refuses_a_new_key_and_takes_what_it_has)
{
	struct items *a = table(A, 2, 100);
	struct item item;

	cr_assert_eq(set(a, NOW, "one", "1", &item), ITEMS_TAKEN);
	cr_assert_eq(set(a, NOW, "two", "2", &item), ITEMS_TAKEN);
	cr_assert_eq(set(a, NOW, "three", "3", &item), ITEMS_FULL);
	has(a, "three", NULL);
	cr_assert_eq(set(a, NOW, "one", "11", &item), ITEMS_TAKEN);
	cr_assert_eq(set(a, NOW, "two", "", &item), ITEMS_TAKEN);
	cr_assert_eq(set(a, NOW, "three", "3", &item), ITEMS_TAKEN);
	items_free(a);
}

Test(items, two_sides_of_a_split_that_filled_their_tables_still_agree)
{
	struct items *a = table(A, 2, 100), *b = table(B, 2, 100);
	struct item item = {.kind = KIND,
		.key = span_str("five"),
		.value = span_str("5"),
		.stamp = NOW,
		.node = B};

	set(a, NOW, "one", "1", &item);
	set(a, NOW, "two", "2", &item);
	set(b, NOW, "three", "3", &item);
	set(b, NOW, "four", "4", &item);
	repair(a, b);
	repair(b, a);
	cr_assert_eq(items_live(a), 4);
	cr_assert_eq(items_hash(a), items_hash(b));
	item = (struct item){KIND, span_str("five"), span_str("5"), NOW, B, {0}};
	cr_assert_eq(items_merge(a, NOW, &item), ITEMS_FULL);
	items_free(a);
	items_free(b);
}

Test(items, oldest_tombstones_go_first_whatever_order_they_came_in)
{
	struct items *a = table(A, 100, 3);
	struct item item = {.kind = KIND, .node = B};
	static const char *keys[] = {"0", "1", "2", "3", "4"};
	static const int order[] = {4, 0, 2, 1, 3};

	for (int i = 0; i < 5; i++) {
		item.key = span_str(keys[order[i]]);
		item.stamp = NOW + (uint64_t)order[i];
		items_merge(a, NOW, &item);
	}
	for (int i = 0; i < 5; i++)
		has(a, keys[i], i < 2 ? NULL : "");
	item.key = span_str("0");
	item.stamp = NOW;
	cr_assert_eq(items_merge(a, NOW, &item), ITEMS_KNOWN, "too old to keep");
	cr_assert_eq(items_count(a), 3);
	items_free(a);
}

Test(items, item_with_a_lifetime_ends_by_itself_everywhere)
{
	struct items *a = table(A, 10, 10), *b = table(B, 10, 10);
	struct item write = {.kind = KIND, .key = span_str("k"), .value = span_str("v")}, item;
	uint8_t wire[ITEM_BYTES_MAX];
	struct wire_writer w = wire_write(wire, sizeof wire);
	struct mono there = {77000000}; /* clocks of another machine */

	write.until = mono_add_ms(now, 1000);
	items_set(a, NOW, &write, &item);
	item_encode(&w, mono_add_ms(now, 300), &item);
	cr_assert(item_decode(span_of(wire, wire_written(&w)), there, &item));
	items_merge(b, NOW, &item);
	cr_assert_eq(items_hash(a), items_hash(b));
	cr_assert_eq(items_deadline(b).us, mono_add_ms(there, 700).us);
	cr_assert_not(items_expire(b, mono_add_ms(there, 699), &item));
	cr_assert(items_expire(b, mono_add_ms(there, 700), &item));
	cr_assert_eq(item.value.n, 0);
	cr_assert(span_eq(item.key, span_str("k")));
	cr_assert_not(items_expire(b, mono_add_ms(there, 700), &item));
	cr_assert_eq(items_deadline(b).us, MONO_NEVER.us);
	items_at(b, 0, &item);
	cr_assert_eq(items_merge(a, NOW, &item), ITEMS_TAKEN, "who ends it first is right");
	cr_assert_not(items_expire(a, mono_add_ms(now, 9000), &item));
	cr_assert_eq(items_hash(a), items_hash(b));
	items_free(a);
	items_free(b);
}

Test(items, items_end_in_their_order_and_a_new_write_changes_the_end)
{
	struct items *a = table(A, 100, 3);
	struct item item;
	char key[8];
	uint64_t last = 0;

	for (int i = 0; i < 50; i++) {
		struct item write = {.kind = KIND, .key = span_of(key, 0), .value = span_str("v")};

		write.key.n = (size_t)snprintf(key, sizeof key, "%d", i);
		write.until = mono_add_ms(now, 1 + (uint64_t)(i * 37 % 50));
		items_set(a, NOW + (uint64_t)i, &write, &item);
	}
	set(a, NOW + 99, "7", "for ever", &item);
	for (int i = 0; i < 49; i++) {
		uint64_t at = items_deadline(a).us;

		cr_assert_geq(at, last);
		cr_assert(items_expire(a, (struct mono){at}, &item));
		last = at;
	}
	cr_assert_not(items_expire(a, mono_add_ms(now, 9999), &item));
	cr_assert_eq(items_live(a), 1);
	cr_assert_eq(items_count(a), 4, "of 49 tombstones three are kept");
	has(a, "7", "for ever");
	has(a, "49", "");
	items_free(a);
}

Test(items, too_long_or_empty_keys_are_refused)
{
	struct items *a = table(A, 100, 100);
	static const uint8_t bytes[ITEMS_BYTES_MAX];
	struct item write = {.kind = KIND}, item;

	cr_assert_eq(items_set(a, NOW, &write, &item), ITEMS_TOO_LONG);
	write.key = span_of(bytes, ITEMS_KEY_MAX + 1);
	cr_assert_eq(items_set(a, NOW, &write, &item), ITEMS_TOO_LONG);
	write.key.n = ITEMS_KEY_MAX;
	write.value = span_of(bytes, ITEMS_BYTES_MAX - ITEMS_KEY_MAX + 1);
	cr_assert_eq(items_set(a, NOW, &write, &item), ITEMS_TOO_LONG);
	write.value.n--;
	cr_assert_eq(items_set(a, NOW, &write, &item), ITEMS_TAKEN);
	items_free(a);
}

Test(items, longest_item_fits_512_bytes_with_its_head)
{
	static const uint8_t bytes[ITEMS_BYTES_MAX];
	struct item item = {KIND, span_of(bytes, ITEMS_KEY_MAX),
		span_of(bytes, ITEMS_BYTES_MAX - ITEMS_KEY_MAX), NOW, A, {0}};
	struct item decoded;
	uint8_t wire[512 - 3];
	struct wire_writer w = wire_write(wire, sizeof wire);

	item_encode(&w, now, &item);
	cr_assert_not(w.failed);
	cr_assert(item_decode(span_of(wire, wire_written(&w)), now, &decoded));
	cr_assert_eq(decoded.stamp, NOW);
	cr_assert_eq(decoded.node, A);
	cr_assert(span_eq(decoded.key, item.key));
	cr_assert(span_eq(decoded.value, item.value));
}

Test(items, malformed_bodies_are_refused)
{
	struct item item = {KIND, span_str("key"), span_str(""), NOW, A, {0}}, decoded;
	uint8_t wire[ITEM_BYTES_MAX + 1] = {0};
	struct wire_writer w = wire_write(wire, sizeof wire);
	size_t n;

	item_encode(&w, now, &item);
	n = wire_written(&w);
	cr_assert(item_decode(span_of(wire, n), now, &decoded));
	for (size_t i = 0; i < n; i++)
		cr_assert_not(item_decode(span_of(wire, i), now, &decoded), "%zu bytes", i);
	cr_assert_not(item_decode(span_of(wire, sizeof wire), now, &decoded), "too long");
	wire[25] = 0;
	cr_assert_not(item_decode(span_of(wire, n), now, &decoded), "empty key");
	wire[25] = 3;
	memset(wire + 8, 0, 8);
	cr_assert_not(item_decode(span_of(wire, n), now, &decoded), "no node");
}

Test(items, repair_sends_what_differs_and_nothing_else)
{
	struct items *a = table(A, 5000, 5000), *b = table(B, 5000, 5000);
	struct item item;
	char key[16];
	size_t count = 0;

	for (int i = 0; i < 4000; i++) {
		snprintf(key, sizeof key, "%d", i);
		set(a, NOW, key, "v", &item);
		items_merge(b, NOW, &item);
	}
	cr_assert_eq(items_hash(a), items_hash(b));
	set(a, NOW, "17", "w", &item);
	set(a, NOW, "new", "n", &item);
	cr_assert_neq(items_hash(a), items_hash(b));
	cr_assert_eq(repair(a, b), 2);
	cr_assert_eq(items_hash(a), items_hash(b));
	for (unsigned int i = 0; i < ITEMS_BUCKETS; i++)
		count += items_bucket(a, i + 1) - items_bucket(a, i);
	cr_assert_eq(count, items_count(a), "every item is in one bucket");
	items_free(a);
	items_free(b);
}

Test(items, side_that_lacks_something_sees_it_in_the_list)
{
	struct items *a = table(A, 10, 10), *b = table(B, 10, 10);
	struct items_piece piece;
	uint64_t hashes[8];
	struct item item;
	unsigned int bucket = 0;

	set(a, NOW, "k", "v", &item);
	while (items_bucket_hash(a, bucket) == 0)
		bucket++;
	items_list(a, items_place(bucket), hashes, 8, &piece);
	cr_assert_eq(piece.n, 1);
	cr_assert_not(items_hold(b, &piece));
	items_merge(b, NOW, &item);
	cr_assert(items_hold(b, &piece));
	items_free(a);
	items_free(b);
}

Test(items, out_of_memory_changes_nothing)
{
	for (unsigned int n = 1; fault_next(n); n++) {
		struct items *a = items_new(A, &(struct items_limits){10, 10});
		struct item item;
		bool is_whole = a && set(a, NOW, "k", "v", &item) == ITEMS_TAKEN &&
				set(a, NOW, "k", "w", &item) == ITEMS_TAKEN;

		if (!fault_struck())
			cr_assert(is_whole);
		else if (a)
			cr_assert(items_count(a) == 0 || items_hash(a) != 0);
		items_free(a);
	}
}

enum { NODES = 3, KEYS = 40, WRITES = 60 };

/* What a table should hold, without its cleverness: the winner of every key. */
struct winner {
	uint64_t stamp, node;
	int value; /* -1: nothing, 0: deleted */
};

static struct item item_of(struct prng *g, char key[8], char value[8])
{
	uint64_t v = prng_below(g, 6);

	snprintf(key, 8, "%d", (int)prng_below(g, KEYS));
	snprintf(value, 8, "%d", (int)v);
	return (struct item){KIND, span_str(key), v ? span_str(value) : span_str(""),
		NOW + prng_below(g, 50), A + prng_below(g, 3), {0}};
}

/* Of equal stamps: the deletion, then the higher one. */
static bool wins(int value, int held)
{
	return held != 0 && (value == 0 || value > held);
}

static void remember(struct winner *w, const struct item *item)
{
	int value = item->value.n > 0 ? item->value.p[0] - '0' : 0;

	if (item->stamp > w->stamp || (item->stamp == w->stamp && item->node > w->node) ||
		(item->stamp == w->stamp && item->node == w->node && wins(value, w->value)))
		*w = (struct winner){item->stamp, item->node, value};
}

static void check_winners(const struct items *s, const struct winner winners[KEYS], uint64_t seed)
{
	for (int k = 0; k < KEYS; k++) {
		struct item item;
		char key[12];
		int value = -1;

		snprintf(key, sizeof key, "%d", k);
		if (items_find(s, KIND, span_str(key), &item))
			value = item.value.n > 0 ? item.value.p[0] - '0' : 0;
		cr_assert_eq(value, winners[k].value, "seed %lu: %s is %d, expected %d",
			(unsigned long)seed, key, value, winners[k].value);
	}
}

/* The same writes in another order on each node, some of them lost and then repaired. */
static size_t merge_in_any_order(uint64_t seed)
{
	struct items *s[NODES];
	struct winner winners[KEYS] = {0};
	struct item writes[WRITES];
	char keys[WRITES][8], values[WRITES][8];
	struct prng g;

	prng_init(&g, seed);
	for (int k = 0; k < KEYS; k++)
		winners[k].value = -1;
	for (int i = 0; i < NODES; i++)
		s[i] = table(A + (uint64_t)i, KEYS, KEYS);
	for (int i = 0; i < WRITES; i++) {
		writes[i] = item_of(&g, keys[i], values[i]);
		remember(&winners[atoi(keys[i])], &writes[i]);
	}
	for (int i = 0; i < NODES; i++) {
		for (int w = 0; w < WRITES; w++) {
			size_t swap = (size_t)w + prng_below(&g, (uint64_t)(WRITES - w));
			struct item item = writes[swap];

			writes[swap] = writes[w];
			writes[w] = item;
			if ((size_t)i != item.stamp % NODES && prng_below(&g, 5) == 0)
				continue; /* lost; but each write reaches one node for certain */
			items_merge(s[i], NOW, &item);
		}
	}
	for (int i = 0; i < NODES * NODES; i++)
		repair(s[i % NODES], s[(i + 1) % NODES]);
	for (int i = 0; i < NODES; i++) {
		check_winners(s[i], winners, seed);
		cr_assert_eq(items_hash(s[i]), items_hash(s[0]), "seed %lu", (unsigned long)seed);
	}
	for (int i = 0; i < NODES; i++)
		items_free(s[i]);
	return (size_t)NODES * WRITES;
}

Test(items, a_million_merges_in_any_order_converge_and_nothing_deleted_comes_back)
{
	size_t merges = 0;

	for (uint64_t seed = 0; merges < 1000000; seed++)
		merges += merge_in_any_order(seed);
}

/* Small bounds, so that tombstones go: hashes stay what a table built afresh would have. */
Test(items, hashes_are_those_of_what_is_held)
{
	struct items *a = table(A, 10, 5);
	struct prng g;

	prng_init(&g, 1);
	for (int i = 0; i < 20000; i++) {
		char key[8], value[8];
		struct item item = item_of(&g, key, value);

		items_merge(a, NOW, &item);
		cr_assert_leq(items_live(a), 20);
		cr_assert_leq(items_count(a) - items_live(a), 5);
		if (i % 500 == 0) {
			struct items *b = table(B, 10, 5);
			uint64_t sum = 0;

			for (size_t k = 0; k < items_count(a); k++) {
				items_at(a, k, &item);
				items_load(b, &item);
			}
			for (unsigned int k = 0; k < ITEMS_BUCKETS; k++)
				sum += items_bucket_hash(a, k);
			cr_assert_eq(items_hash(a), items_hash(b));
			cr_assert_eq(items_hash(a), sum);
			items_free(b);
		}
	}
	items_free(a);
}

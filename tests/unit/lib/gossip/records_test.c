#include "gossip/records.h"

#include "../../fault.h"
#include "base/prng.h"

#include <criterion/criterion.h>
#include <stdio.h>

enum {
	A = 101, /* ids of nodes */
	B = 102,
	C = 103,
};

static struct told {
	unsigned int n;
	uint64_t origin;
	uint16_t key;
} told;

static void on_changed(void *arg, uint64_t origin, uint16_t key)
{
	struct told *t = arg;

	t->n++;
	t->origin = origin;
	t->key = key;
}

static struct records *node(uint64_t id, uint64_t epoch)
{
	struct records *r = records_new(id, epoch, on_changed, &told);

	cr_assert_not_null(r);
	return r;
}

/* Publishes and gives a copy whose value outlives the record. */
static struct record says(struct records *r, uint16_t key, const char *value)
{
	struct record record;

	cr_assert_eq(records_publish(r, key, span_str(value), &record), RECORDS_TAKEN);
	record.value = span_str(value);
	return record;
}

static void has(const struct records *r, uint64_t origin, uint16_t key, const char *value)
{
	struct span s = records_value(r, origin, key);

	cr_assert(span_eq(s, span_str(value)), "key %u of %lu is \"%.*s\"", key,
		(unsigned long)origin, (int)s.n, (const char *)s.p);
}

static void takes(struct records *r, struct record record, enum records_status expected)
{
	enum records_status status = records_merge(r, &record);

	cr_assert_eq(status, expected, "version %lu: %d", (unsigned long)record.version, status);
}

/* One round of repair: everything of which `to` is behind, up to n records of each origin. */
static void repair(struct records *from, struct records *to, size_t n)
{
	struct records_entry theirs[RECORDS_ORIGINS_MAX], ask;
	size_t count = records_digest(from, theirs, RECORDS_ORIGINS_MAX);
	struct record record, decoded;
	uint8_t wire[RECORD_BYTES_MAX];

	for (size_t i = 0; i < count; i++) {
		if (records_compare(to, &theirs[i], &ask) != RECORDS_BEHIND)
			continue;
		for (size_t k = 0; k < n && records_after(from, &ask, &record); k++) {
			struct wire_writer w = wire_write(wire, sizeof wire);

			record_encode(&w, &record);
			cr_assert(!w.failed);
			cr_assert(record_decode(span_of(wire, wire_written(&w)), &decoded));
			cr_assert_geq(records_merge(to, &decoded), 0);
			ask.version = record.version;
		}
	}
}

Test(records, pushed_record_is_read_and_told)
{
	struct records *a = node(A, 1), *b = node(B, 1);

	told.n = 0;
	takes(b, says(a, 7, "seven"), RECORDS_TAKEN);
	has(b, A, 7, "seven");
	cr_assert_eq(told.n, 1);
	cr_assert_eq(told.origin, A);
	cr_assert_eq(told.key, 7);
	records_free(a);
	records_free(b);
}

Test(records, same_value_again_is_no_new_version)
{
	struct records *a = node(A, 1);
	struct record record;
	uint64_t hash;

	says(a, 7, "seven");
	hash = records_hash(a);
	cr_assert_eq(records_publish(a, 7, span_str("seven"), &record), RECORDS_KNOWN);
	cr_assert_eq(records_publish(a, 8, span_str(""), &record), RECORDS_KNOWN);
	cr_assert_eq(records_hash(a), hash);
	records_free(a);
}

Test(records, record_that_overtook_others_is_used_and_its_gap_asked_for)
{
	struct records *a = node(A, 1), *b = node(B, 1);
	struct record first = says(a, 1, "one"), second = says(a, 2, "two");
	struct records_entry theirs = {A, 1, 2}, ask;

	takes(b, second, RECORDS_TAKEN);
	has(b, A, 2, "two");
	cr_assert_eq(records_compare(b, &theirs, &ask), RECORDS_BEHIND);
	cr_assert_eq(ask.version, 0);
	takes(b, first, RECORDS_TAKEN);
	cr_assert_eq(records_compare(b, &theirs, &ask), RECORDS_EQUAL);
	records_free(a);
	records_free(b);
}

Test(records, late_record_does_not_replace_the_newer_one)
{
	struct records *a = node(A, 1), *b = node(B, 1);
	struct record other = says(a, 1, "one"), old = says(a, 2, "old"), new = says(a, 2, "new");

	takes(b, new, RECORDS_TAKEN);
	told.n = 0;
	takes(b, other, RECORDS_TAKEN);
	takes(b, old, RECORDS_TAKEN);
	has(b, A, 2, "new");
	cr_assert_eq(told.n, 1, "the old one is no news");
	takes(b, old, RECORDS_KNOWN);
	records_free(a);
	records_free(b);
}

Test(records, superseded_records_leave_no_gap)
{
	struct records *a = node(A, 1), *b = node(B, 1);

	for (int i = 0; i < 10; i++)
		says(a, 1, i % 2 ? "odd" : "even");
	says(a, 2, "last");
	repair(a, b, 10);
	has(b, A, 1, "odd");
	has(b, A, 2, "last");
	repair(b, a, 10);
	cr_assert_eq(records_hash(a), records_hash(b));
	records_free(a);
	records_free(b);
}

Test(records, withdrawn_record_is_gone_everywhere)
{
	struct records *a = node(A, 1), *b = node(B, 1);
	struct record record;

	takes(b, says(a, 1, "one"), RECORDS_TAKEN);
	told.n = 0;
	takes(b, says(a, 1, ""), RECORDS_TAKEN);
	cr_assert_eq(told.n, 1);
	has(b, A, 1, "");
	cr_assert_not(records_next(b, A, 0, &record));
	records_free(a);
	records_free(b);
}

Test(records, higher_epoch_replaces_everything_whatever_its_versions)
{
	struct records *old = node(A, 5), *new = node(A, 6), *b = node(B, 1);
	struct record stale = says(old, 3, "stale");

	takes(b, says(old, 1, "old"), RECORDS_TAKEN);
	takes(b, says(old, 2, "old"), RECORDS_TAKEN);
	takes(b, says(new, 1, "new"), RECORDS_TAKEN);
	has(b, A, 1, "new");
	has(b, A, 2, "");
	takes(b, stale, RECORDS_KNOWN);
	has(b, A, 3, "");
	records_free(old);
	records_free(new);
	records_free(b);
}

Test(records, entry_of_a_higher_epoch_drops_the_older_ones_at_once)
{
	struct records *old = node(A, 5), *b = node(B, 1);
	struct records_entry newer = {A, 6, 0}, ask;

	takes(b, says(old, 1, "old"), RECORDS_TAKEN);
	told.n = 0;
	cr_assert_eq(records_compare(b, &newer, &ask), RECORDS_EQUAL, "it says nothing yet");
	has(b, A, 1, "");
	cr_assert_eq(told.n, 1);
	records_free(old);
	records_free(b);
}

Test(records, node_that_lost_its_state_learns_that_others_have_more)
{
	struct records *before = node(A, 5), *a = node(A, 4), *b = node(B, 1);
	struct record record = says(before, 1, "before");
	struct records_entry theirs = {A, 5, 1}, ask;

	takes(b, record, RECORDS_TAKEN);
	says(a, 1, "after");
	cr_assert_eq(records_compare(a, &theirs, &ask), RECORDS_SELF);
	takes(a, record, RECORDS_OWN_AHEAD);
	records_restart(a, 6);
	repair(a, b, 10);
	has(b, A, 1, "after");
	records_free(before);
	records_free(a);
	records_free(b);
}

Test(records, forgotten_origin_is_dropped_and_told_own_is_not)
{
	struct records *a = node(A, 1), *b = node(B, 1);
	uint64_t hash = records_hash(b);

	takes(b, says(a, 1, "one"), RECORDS_TAKEN);
	told.n = 0;
	records_forget(b, A);
	records_forget(b, B);
	records_forget(b, C);
	cr_assert_eq(told.n, 1);
	has(b, A, 1, "");
	cr_assert_eq(records_hash(b), hash);
	says(b, 1, "still here");
	records_free(a);
	records_free(b);
}

Test(records, limits_refuse_and_change_nothing)
{
	struct records *a = node(A, 1);
	uint8_t long_value[RECORDS_VALUE_MAX + 1] = {1};
	struct record record = {.origin = B, .epoch = 1, .version = 1};

	cr_assert_eq(records_publish(a, 1, span_of(long_value, sizeof long_value), &record),
		RECORDS_TOO_LONG);
	for (int key = 0; key < RECORDS_KEYS_MAX; key++)
		cr_assert_eq(
			records_publish(a, (uint16_t)key, span_str("x"), &record), RECORDS_TAKEN);
	cr_assert_eq(records_publish(a, 999, span_str("x"), &record), RECORDS_FULL);
	cr_assert_eq(records_publish(a, 9, span_str("y"), &record), RECORDS_TAKEN);
	record = (struct record){.epoch = 1, .version = 1, .value = span_str("x")};
	for (record.origin = 1000; record.origin < 1000 + RECORDS_ORIGINS_MAX - 1; record.origin++)
		takes(a, record, RECORDS_TAKEN);
	takes(a, record, RECORDS_FULL);
	for (record.version = 2; record.version < 3 * RECORDS_KEYS_MAX; record.version++) {
		record.origin = 1000;
		record.key = (uint16_t)record.version;
		record.after = record.version - 1;
		records_merge(a, &record);
	}
	takes(a, record, RECORDS_FULL);
	records_free(a);
}

Test(records, digest_gives_every_origin_its_turn)
{
	struct records *a = node(A, 1);
	struct record record = {.epoch = 1, .version = 1, .value = span_str("x")};
	struct records_entry entries[4];
	unsigned int seen[10] = {0};

	for (record.origin = 1; record.origin < 10; record.origin++)
		takes(a, record, RECORDS_TAKEN);
	for (int i = 0; i < 5; i++) {
		cr_assert_eq(records_digest(a, entries, 4), 4);
		for (int k = 0; k < 4; k++)
			seen[entries[k].origin == A ? 0 : entries[k].origin]++;
	}
	for (int i = 0; i < 10; i++)
		cr_assert_eq(seen[i], 2, "origin %d: %u", i, seen[i]);
	cr_assert_eq(records_digest(a, entries, 1), 1);
	records_free(a);
}

Test(records, expected_origin_is_asked_for_by_the_digest_and_counts_for_nothing)
{
	struct records *a = node(A, 1), *b = node(B, 1);
	struct records_entry entries[2], ask;
	uint64_t hash = records_hash(b);
	struct record said = says(a, 1, "one");

	records_expect(b, A);
	records_expect(b, B);
	cr_assert_eq(records_hash(b), hash);
	cr_assert_eq(records_digest(b, entries, 2), 2);
	cr_assert_eq(entries[0].origin, A);
	cr_assert_eq(records_compare(a, &entries[0], &ask), RECORDS_AHEAD);
	cr_assert(records_after(a, &ask, &said));
	takes(b, said, RECORDS_TAKEN);
	has(b, A, 1, "one");
	records_free(a);
	records_free(b);
}

Test(records, walk_in_keys_leaves_out_what_is_withdrawn)
{
	struct records *a = node(A, 1);
	struct record record;

	says(a, 3, "three");
	says(a, 1, "one");
	says(a, 2, "two");
	says(a, 2, "");
	cr_assert(records_next(a, A, 0, &record));
	cr_assert_eq(record.key, 1);
	cr_assert(records_next(a, A, record.key + 1, &record));
	cr_assert_eq(record.key, 3);
	cr_assert_not(records_next(a, A, record.key + 1, &record));
	cr_assert_not(records_next(a, C, 0, &record));
	records_free(a);
}

Test(records, longest_record_fits_512_bytes_with_its_head)
{
	uint8_t value[RECORDS_VALUE_MAX] = {1}, wire[512 - 3];
	struct record record = {A, 1, 2, 1, 7, span_of(value, sizeof value)}, decoded;
	struct wire_writer w = wire_write(wire, sizeof wire);

	record_encode(&w, &record);
	cr_assert_not(w.failed);
	cr_assert(record_decode(span_of(wire, wire_written(&w)), &decoded));
	cr_assert_eq(decoded.version, 2);
	cr_assert_eq(decoded.after, 1);
	cr_assert(span_eq(decoded.value, record.value));
}

Test(records, malformed_bodies_are_refused)
{
	uint8_t wire[RECORD_BYTES_MAX + 1] = {0};
	struct record good = {A, 1, 2, 1, 7, span_str("x")}, decoded;
	struct wire_writer w = wire_write(wire, sizeof wire);

	record_encode(&w, &good);
	for (size_t n = 0; n < RECORD_HEAD_BYTES; n++)
		cr_assert_not(record_decode(span_of(wire, n), &decoded), "%zu bytes", n);
	cr_assert_not(record_decode(span_of(wire, sizeof wire), &decoded), "too long");
	good.after = 2;
	w = wire_write(wire, sizeof wire);
	record_encode(&w, &good);
	cr_assert_not(record_decode(span_of(wire, wire_written(&w)), &decoded), "after itself");
	good = (struct record){0, 1, 2, 1, 7, span_str("x")};
	w = wire_write(wire, sizeof wire);
	record_encode(&w, &good);
	cr_assert_not(record_decode(span_of(wire, wire_written(&w)), &decoded), "no origin");
}

Test(records, out_of_memory_changes_nothing_and_is_mended_by_asking_again)
{
	for (unsigned int n = 1; fault_next(n); n++) {
		struct records *a = records_new(A, 1, on_changed, &told);
		struct records *b = a ? records_new(B, 1, on_changed, &told) : NULL;
		struct record record, other = {C, 1, 2, 1, 1, span_str("ahead")};
		bool is_whole = b &&
				records_publish(a, 1, span_str("x"), &record) == RECORDS_TAKEN &&
				records_merge(b, &record) == RECORDS_TAKEN &&
				records_merge(b, &other) == RECORDS_TAKEN;

		if (!fault_struck())
			cr_assert(is_whole);
		else if (b) {
			records_publish(a, 1, span_str("x"), &record);
			repair(a, b, 10);
			has(b, A, 1, "x");
		}
		records_free(a);
		records_free(b);
	}
}

enum { NODES = 4, KEYS = 6 };

/* Writes, pushes that get lost and overtake each other, pieces of repair, new epochs: whatever the order, after
 * enough repair all hold what the origins say. */
static void converge(uint64_t seed)
{
	struct records *r[NODES];
	struct prng g;
	uint64_t epoch[NODES];
	char value[24];

	prng_init(&g, seed);
	for (int i = 0; i < NODES; i++)
		r[i] = node(A + (uint64_t)i, epoch[i] = 1);
	for (int step = 0; step < 300; step++) {
		size_t i = prng_below(&g, NODES), k = prng_below(&g, NODES);
		struct record record;

		if (prng_below(&g, 50) == 0) {
			records_free(r[i]);
			r[i] = node(A + i, ++epoch[i]);
		} else if (prng_below(&g, 2)) {
			int n = snprintf(value, sizeof value, "%d", step);

			if (records_publish(r[i], (uint16_t)prng_below(&g, KEYS),
				    span_of(value, prng_below(&g, 4) ? (size_t)n : 0),
				    &record) != RECORDS_TAKEN)
				continue;
			for (int to = 0; to < NODES; to++) {
				if (prng_below(&g, 2))
					records_merge(r[to], &record);
			}
		} else if (i != k) {
			repair(r[i], r[k], 1 + prng_below(&g, 3));
		}
	}
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < NODES * NODES; i++)
			repair(r[i % NODES], r[i / NODES], 1000);
	}
	for (int i = 1; i < NODES; i++)
		cr_assert_eq(
			records_hash(r[i]), records_hash(r[0]), "seed %lu", (unsigned long)seed);
	for (int i = 0; i < NODES * NODES * KEYS; i++) {
		uint64_t origin = A + (uint64_t)(i % NODES);
		uint16_t key = (uint16_t)(i / NODES % KEYS);

		cr_assert(span_eq(records_value(r[i / NODES / KEYS], origin, key),
				  records_value(r[i % NODES], origin, key)),
			"seed %lu, key %u of %lu", (unsigned long)seed, key, (unsigned long)origin);
	}
	for (int i = 0; i < NODES; i++)
		records_free(r[i]);
}

Test(records, any_order_of_pushes_losses_and_restarts_converges)
{
	for (uint64_t seed = 0; seed < 2000; seed++)
		converge(seed);
}

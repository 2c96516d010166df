#include "balance/plan.h"

#include "base/bug.h"

#include <stdlib.h>

/* The smooth weighted sequence, by Tijdeman's solution of the chairman assignment problem (R.
 * Tijdeman, "The chairman assignment problem", Discrete Mathematics 32, 1980). With W slots, a
 * share s = w / W and d = 1 / (2n - 2), a server's turn k may come from time (k + d) / s on and is
 * due at (k + 1 - d) / s; each slot takes the earliest due of those that may come. Then after ANY
 * number t of slots each server was chosen t·s times, up or down less than one. (Sorting the ideal
 * middles of turns does not give that: one heavy server among many light ones gets long runs.)
 *
 * A server waits in the list of the slot from which its next turn may come, then in a heap ordered
 * by due time: O(W log n) in all. */

enum {
	SEQUENCE_MAX = 65536,
	NOBODY = UINT16_MAX,
	DUE_FRACTION_BITS = 12, /* orders turns that are due within one slot */
	ENTRY_BITS = 16,
};

struct builder {
	uint32_t n, slots;
	uint32_t *weight; /* by entry, divided or scaled; their sum is `slots` */
	uint32_t *turns;  /* by entry, taken so far */
	uint16_t *first;  /* first[slot]: the entries that may come from there on … */
	uint16_t *next;	  /* … linked by next[entry] */
	uint64_t *heap;	  /* due time and entry in one word */
	uint32_t heap_len;
};

/* Divides by the common divisor; where the sum is still too long, scales down, nobody below one
 * turn. */
static void reduce_weights(struct builder *b, const struct balance_plan *p)
{
	uint64_t divisor = 0, sum = 0;

	for (uint32_t i = 0; i < b->n; i++)
		divisor = balance_gcd(divisor, p->entries[i].weight);
	BUG_ON(divisor == 0);
	for (uint32_t i = 0; i < b->n; i++)
		sum += p->entries[i].weight / divisor;
	for (uint32_t i = 0; i < b->n; i++) {
		uint64_t w = p->entries[i].weight / divisor;

		if (sum > SEQUENCE_MAX)
			w = 1 + w * (SEQUENCE_MAX - b->n) / sum;
		b->weight[i] = (uint32_t)w;
		b->slots += b->weight[i];
	}
}

static void heap_push(struct builder *b, uint64_t key)
{
	uint32_t at = b->heap_len++;

	while (at > 0 && key < b->heap[(at - 1) / 2]) {
		b->heap[at] = b->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	b->heap[at] = key;
}

static uint64_t heap_pop(struct builder *b)
{
	uint64_t top = b->heap[0], last = b->heap[--b->heap_len];
	uint32_t at = 0, child;

	while ((child = 2 * at + 1) < b->heap_len) {
		if (child + 1 < b->heap_len && b->heap[child + 1] < b->heap[child])
			child++;
		if (last <= b->heap[child])
			break;
		b->heap[at] = b->heap[child];
		at = child;
	}
	b->heap[at] = last;
	return top;
}

/* Turn times are fractions over (2n - 2) · w, never zero: fill() is for two entries or more. */
static uint64_t turn_unit(const struct builder *b, uint32_t entry)
{
	uint64_t unit = (2 * (uint64_t)b->n - 2) * b->weight[entry];

	BUG_ON(unit == 0);
	return unit;
}

/* The largest product is 2^16 · 2^17 · 2^16 · 2^12 < 2^64. */
static uint64_t due_key(const struct builder *b, uint32_t entry)
{
	uint64_t d = 2 * (uint64_t)b->n - 2;
	uint64_t time = ((b->turns[entry] + 1) * d - 1) * b->slots;

	return ((time << DUE_FRACTION_BITS) / turn_unit(b, entry)) << ENTRY_BITS | entry;
}

static uint32_t first_slot(const struct builder *b, uint32_t entry)
{
	uint64_t d = 2 * (uint64_t)b->n - 2;
	uint64_t time = (b->turns[entry] * d + 1) * b->slots;

	/* rounded up, less one: slots count from 0 */
	return (uint32_t)((time - 1) / turn_unit(b, entry));
}

/* The next turn of an entry, no earlier than `slot`: into the heap where it may come at once, else
 * on a list. */
static void schedule(struct builder *b, uint32_t entry, uint32_t slot)
{
	uint32_t from = first_slot(b, entry);

	if (from <= slot) {
		heap_push(b, due_key(b, entry));
	} else {
		b->next[entry] = b->first[from];
		b->first[from] = (uint16_t)entry;
	}
}

static void fill(struct builder *b, uint16_t *sequence)
{
	for (uint32_t slot = 0; slot < b->slots; slot++)
		b->first[slot] = NOBODY;
	for (uint32_t i = 0; i < b->n; i++)
		schedule(b, i, 0);
	for (uint32_t slot = 0; slot < b->slots; slot++) {
		uint16_t chosen;

		for (uint16_t e = b->first[slot]; e != NOBODY; e = b->next[e])
			heap_push(b, due_key(b, e));
		BUG_ON(b->heap_len == 0);
		chosen = (uint16_t)heap_pop(b);
		sequence[slot] = chosen;
		if (++b->turns[chosen] < b->weight[chosen])
			schedule(b, chosen, slot + 1);
	}
}

bool balance_sequence_build(struct balance_plan *p)
{
	struct builder b = {.n = p->n};

	b.weight = calloc(p->n, sizeof(*b.weight));
	b.turns = calloc(p->n, sizeof(*b.turns));
	b.next = calloc(p->n, sizeof(*b.next));
	b.heap = calloc(p->n, sizeof(*b.heap));
	if (!b.weight || !b.turns || !b.next || !b.heap)
		goto out;
	reduce_weights(&b, p);
	b.first = calloc(b.slots, sizeof(*b.first));
	p->sequence = calloc(b.slots, sizeof(*p->sequence));
	if (!b.first || !p->sequence)
		goto out;
	p->sequence_len = b.slots;
	/* the sequence of a single entry is all zeros, as it stands */
	if (p->n > 1)
		fill(&b, p->sequence);
out:
	free(b.first);
	free(b.heap);
	free(b.next);
	free(b.turns);
	free(b.weight);
	return p->sequence_len > 0;
}

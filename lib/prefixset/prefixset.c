#include "prefixset/prefixset.h"

#include <stdlib.h>

/* An address as a number: the host's order compares as the network's does. */
struct number {
	uint64_t high, low;
};

struct range {
	struct number first, last;
};

struct prefixset {
	size_t n;
	struct range ranges[]; /* disjoint, in order, no two of them neighbours */
};

static struct number number_of(const uint8_t ip[16])
{
	struct number n = {0, 0};

	for (unsigned i = 0; i < 8; i++) {
		n.high = n.high << 8 | ip[i];
		n.low = n.low << 8 | ip[i + 8];
	}
	return n;
}

static bool is_less(struct number a, struct number b)
{
	return a.high != b.high ? a.high < b.high : a.low < b.low;
}

/* The low 64 - bits bits. */
static uint64_t host_mask(unsigned bits)
{
	return bits >= 64 ? 0 : UINT64_MAX >> bits;
}

static struct range range_of(const struct prefixset_prefix *p)
{
	uint64_t high = host_mask(p->bits), low = host_mask(p->bits > 64 ? p->bits - 64u : 0);
	struct number n = number_of(p->ip);

	return (struct range){
		.first = {n.high & ~high, n.low & ~low}, .last = {n.high | high, n.low | low}};
}

static int compare(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	if (is_less(x->first, y->first))
		return -1;
	return is_less(y->first, x->first);
}

static struct number after(struct number n)
{
	n.low++;
	n.high += n.low == 0;
	return n;
}

/* In order of their first addresses: b begins in a or right behind it. */
static bool touches(const struct range *a, const struct range *b)
{
	bool at_the_end = a->last.high == UINT64_MAX && a->last.low == UINT64_MAX;

	return at_the_end || !is_less(after(a->last), b->first);
}

static void merge(struct prefixset *s)
{
	size_t kept = 0;

	for (size_t i = 1; i < s->n; i++) {
		struct range *last = &s->ranges[kept], *next = &s->ranges[i];

		if (!touches(last, next))
			s->ranges[++kept] = *next;
		else if (is_less(last->last, next->last))
			last->last = next->last;
	}
	if (s->n > 0)
		s->n = kept + 1;
}

struct prefixset *prefixset_new(const struct prefixset_prefix *prefixes, size_t n)
{
	struct prefixset *s = malloc(sizeof(*s) + n * sizeof(s->ranges[0]));

	if (!s)
		return NULL;
	s->n = n;
	for (size_t i = 0; i < n; i++)
		s->ranges[i] = range_of(&prefixes[i]);
	if (n > 1)
		qsort(s->ranges, n, sizeof(s->ranges[0]), compare);
	merge(s);
	return s;
}

void prefixset_free(struct prefixset *s)
{
	free(s);
}

bool prefixset_has(const struct prefixset *s, const uint8_t ip[16])
{
	size_t low = 0, high = s ? s->n : 0;
	struct number wanted;

	if (high == 0)
		return false;
	wanted = number_of(ip);
	while (low < high) { /* the last range that begins at or before it is at low - 1 */
		size_t middle = low + (high - low) / 2;

		if (is_less(wanted, s->ranges[middle].first))
			high = middle;
		else
			low = middle + 1;
	}
	return low > 0 && !is_less(s->ranges[low - 1].last, wanted);
}

size_t prefixset_ranges(const struct prefixset *s)
{
	return s ? s->n : 0;
}

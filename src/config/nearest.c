#include "config/nearest.h"

#include <stddef.h>
#include <string.h>

/* A third of the word may be wrong: of "sni" one letter, of "intervall" three. */
static unsigned worth_saying(const char *word)
{
	return (unsigned)strlen(word) / 3;
}

struct nearest nearest_to(const char *word)
{
	return (struct nearest){.word = word, .distance = worth_saying(word) + 1};
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Optimal string alignment: insertions, deletions, replacements and swaps of neighbours each cost one. Three rows
 * of the matrix are enough: the one being filled, and the two above it. */
static unsigned distance(const char *a, size_t na, const char *b, size_t nb)
{
	unsigned rows[3][NEAREST_WORD_MAX + 1];
	unsigned *above = rows[0], *last = rows[1], *row = rows[2];

	for (size_t j = 0; j <= nb; j++)
		last[j] = (unsigned)j;
	for (size_t i = 1; i <= na; i++) {
		unsigned *free_row = above;

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= nb; j++) {
			row[j] = min3(
				last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
				above[j - 2] + 1 < row[j])
				row[j] = above[j - 2] + 1;
		}
		above = last;
		last = row;
		row = free_row;
	}
	return last[nb];
}

void nearest_try(struct nearest *n, const char *candidate)
{
	size_t na = strlen(n->word), nb = strlen(candidate);
	unsigned d;

	if (na > NEAREST_WORD_MAX || nb > NEAREST_WORD_MAX)
		return;
	d = distance(n->word, na, candidate, nb);
	if (d < n->distance && d < nb) {
		n->distance = d;
		n->best = candidate;
	}
}

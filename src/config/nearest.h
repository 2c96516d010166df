/* The word that someone probably meant: the nearest of a few known ones by edit distance. */
#ifndef CONFIG_NEAREST_H
#define CONFIG_NEAREST_H

/* Takes candidates one by one; `best` is NULL until one is near enough to be worth saying. Words longer than
 * NEAREST_WORD_MAX are near to nothing. Example:
 *
 *	struct nearest n = nearest_to("intervall");
 *	nearest_try(&n, "interval");
 *	if (n.best) …
 */
struct nearest {
	const char *word;
	const char *best; /* borrowed from nearest_try() */
	unsigned distance;
};

enum { NEAREST_WORD_MAX = 63 };

struct nearest nearest_to(const char *word);
void nearest_try(struct nearest *n, const char *candidate);

#endif

/* A table of host names, exact and with a leading "*.", that finds for a name the value of the best of
 * them: the exact one, else the longest wildcard, else the entry for any name. "*." stands for one or
 * more labels: "*.example.com" has a.example.com and a.b.example.com, but not example.com. Pure; build
 * it in one thread, then any number of threads may search it.
 *
 * A search costs one pass over the name and one probe a label, however many names the table holds.
 * The names are the operator's, so that the hash needs no secret: who asks cannot choose what is in
 * the table. */
#ifndef HOSTMATCH_HOSTMATCH_H
#define HOSTMATCH_HOSTMATCH_H

#include "base/arena.h"
#include "base/hostname.h"
#include "base/span.h"

enum { HOSTMATCH_NONE = -1 };

enum hostmatch_status {
	HOSTMATCH_ADDED = 0,
	HOSTMATCH_DUPLICATE = -1,
	HOSTMATCH_EMPTY = -2,
	HOSTMATCH_TOO_LONG = -3,
	HOSTMATCH_BAD_LABEL = -4,
	HOSTMATCH_BAD_BYTE = -5,
	/* "*" elsewhere than as the whole first label of a longer name. */
	HOSTMATCH_BAD_WILDCARD = -6,
};

struct hostmatch;

/* Owned by the arena, with everything it will hold. */
struct hostmatch *hostmatch_new(struct arena *a);

/* Adds a pattern (ASCII; case and a trailing dot do not count; no port) with a value of 0 or more.
 * On HOSTMATCH_DUPLICATE nothing changes and *ret_value is the value already there. */
enum hostmatch_status hostmatch_add(
	struct hostmatch *m, struct span pattern, int value, int *ret_value);
enum hostmatch_status hostmatch_add_any(struct hostmatch *m, int value, int *ret_value);

/* What is wrong with a refused pattern, to stand behind "found "…": ". */
const char *hostmatch_strerror(enum hostmatch_status status);

/* The form in which names are compared; see hostname_normalize(), of which it returns the length or
 * error. */
static inline int hostmatch_normalize(struct span name, char out[HOSTNAME_SIZE])
{
	return hostname_normalize(name, out);
}

/* `name` is normalized. An empty one finds the entry for any name only. HOSTMATCH_NONE: nothing
 * matches. */
int hostmatch_find(const struct hostmatch *m, struct span name);

#endif

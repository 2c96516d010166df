/* A set of address prefixes that never changes once made: is this address in any of them? Overlapping and neighbouring
 * prefixes become disjoint ranges, so that a question costs one binary search (14 steps for 10,000 prefixes) and,
 * where the set is empty, one comparison. Addresses are 16 bytes in network order, IPv4 as IPv4-mapped
 * (::ffff:a.b.c.d; its /24 is /120 here). Any number of threads may ask. */
#ifndef PREFIXSET_PREFIXSET_H
#define PREFIXSET_PREFIXSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct prefixset_prefix {
	uint8_t ip[16]; /* what lies beyond `bits` is not looked at */
	uint8_t bits;	/* 0 … 128 */
};

struct prefixset;

/* Copies what it needs. Returns owned; NULL: out of memory. */
struct prefixset *prefixset_new(const struct prefixset_prefix *prefixes, size_t n);
void prefixset_free(struct prefixset *s); /* NULL is allowed */

/* NULL is the empty set. */
bool prefixset_has(const struct prefixset *s, const uint8_t ip[16]);

/* How many ranges are searched. */
size_t prefixset_ranges(const struct prefixset *s);

#endif

/* SipHash-2-4 (Aumasson and Bernstein 2012): a 64-bit hash of short inputs that nobody steers who does
 * not know the key; with a known key it is still hard to find inputs that meet. */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include "base/span.h"

struct siphash_key {
	uint64_t k0, k1;
};

uint64_t siphash(const struct siphash_key *key, struct span bytes);

#endif

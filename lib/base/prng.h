/* A small seeded generator (xoshiro256**, Blackman and Vigna 2018) for choices that must be spread,
 * not secret: the same seed replays the same run. Not for keys. */
#ifndef BASE_PRNG_H
#define BASE_PRNG_H

#include <stdint.h>

struct prng {
	uint64_t s[4];
};

void prng_init(struct prng *g, uint64_t seed);
uint64_t prng_next(struct prng *g);

/* Evenly in 0 … bound-1 (bound > 0), by multiplication: the bias is below bound / 2^64. */
static inline uint64_t prng_below(struct prng *g, uint64_t bound)
{
	return (uint64_t)(((unsigned __int128)prng_next(g) * bound) >> 64);
}

#endif

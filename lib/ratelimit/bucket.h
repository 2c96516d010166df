/* A token bucket as one number: the generic cell rate algorithm (ITU-T I.371, virtual scheduling).
 * Instead of counting tokens it keeps the "theoretical arrival time" at which the bucket will be
 * full again; nothing has to be refilled, and a bucket at rest is just a time in the past. A bucket
 * has one owner; many sources shared by threads are in sources.h, with the same arithmetic. */
#ifndef RATELIMIT_BUCKET_H
#define RATELIMIT_BUCKET_H

#include "base/mono.h"

#include <stdbool.h>
#include <stdint.h>

/* `count` tokens per `per_us`; the bucket holds `burst`. count 0: no limit; burst 0: as large as
 * count. */
struct bucket_rate {
	uint32_t count;
	uint64_t per_us;
	uint32_t burst;
};

/* The core, in any unit of time: takes `cost` (the interval of one token, times tokens) from a
 * bucket that is `size` long and full at `full_at`. On success returns true and the new full_at. */
static inline bool gcra_take(
	uint64_t full_at, uint64_t now, uint64_t cost, uint64_t size, uint64_t *ret_full_at)
{
	uint64_t from = full_at > now ? full_at : now;

	if (from - now + cost > size)
		return false;
	*ret_full_at = from + cost;
	return true;
}

struct bucket {
	uint64_t full_at_ns; /* zeroed: full */
};

/* Takes n tokens or none. More than burst at once is never granted. */
bool bucket_take(struct bucket *b, struct mono now, const struct bucket_rate *r, uint32_t n);

/* Microseconds until n tokens (at most burst) are there; 0: now. For Retry-After and for pacing. */
uint64_t bucket_wait_us(
	const struct bucket *b, struct mono now, const struct bucket_rate *r, uint32_t n);

#endif

/* Monotonic time as a type of its own: microseconds since an arbitrary start. Wall time never mixes
 * with it. Pure code gets `now` as an argument; only loops call mono_now(), once a wake. */
#ifndef BASE_MONO_H
#define BASE_MONO_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct mono {
	uint64_t us;
};

#define MONO_NEVER ((struct mono){UINT64_MAX})

static inline struct mono mono_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (struct mono){(uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000};
}

static inline struct mono mono_add_ms(struct mono t, uint64_t ms)
{
	return (struct mono){t.us + ms * 1000};
}

static inline bool mono_reached(struct mono now, struct mono t)
{
	return now.us >= t.us;
}

/* Microseconds from `a` to `b`; 0 where b is not after a. */
static inline uint64_t mono_diff_us(struct mono a, struct mono b)
{
	return b.us > a.us ? b.us - a.us : 0;
}

#endif

/* A read-only view of bytes: pointer and length, never assumed to end with NUL. By value, owns
 * nothing; valid as long as the bytes it points at. */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const uint8_t *p;
	size_t n;
};

static inline struct span span_of(const void *p, size_t n)
{
	return (struct span){p, n};
}

static inline struct span span_str(const char *s)
{
	return (struct span){(const uint8_t *)s, strlen(s)};
}

/* One behind the last byte; NULL for the empty span of NULL, to which C lets nobody add 0. */
static inline const uint8_t *span_end(struct span s)
{
	return s.n > 0 ? s.p + s.n : s.p;
}

static inline bool span_eq(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

#endif

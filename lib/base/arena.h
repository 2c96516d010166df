/* Memory that lives and dies together: one config, one arena, one free. Not thread-safe while
 * allocating; what it handed out may be read anywhere. Running out of memory aborts: an arena is
 * used at start and reload only, for a few kilobytes. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *a); /* NULL is allowed */

/* Zeroed and aligned for any type; n = 0 gives a valid pointer. */
void *arena_alloc(struct arena *a, size_t n);
void *arena_array(struct arena *a, size_t count, size_t size);
char *arena_strdup(struct arena *a, const char *s);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif

/* Checks of our own invariants, always compiled in: never for input, never with side effects. */
#ifndef BASE_BUG_H
#define BASE_BUG_H

#include <stdio.h>
#include <stdlib.h>

/* Stops the process at once: what happened cannot happen, so nothing can be trusted. */
#define BUG_ON(cond)                                                                               \
	do {                                                                                       \
		if (__builtin_expect(!!(cond), 0))                                                 \
			bug_stop(__FILE__, __LINE__, #cond);                                       \
	} while (0)

_Noreturn static inline void bug_stop(const char *file, int line, const char *cond)
{
	fprintf(stderr, "aegislb: BUG at %s:%d: %s\n", file, line, cond);
	abort();
}

#endif

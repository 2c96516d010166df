#include "fault.h"

#include <stddef.h>

static unsigned countdown; /* 0: not armed, or struck */
static bool struck = true;

bool fault_next(unsigned n)
{
	bool more = n == 1 || struck;

	countdown = more ? n : 0;
	struck = false;
	return more;
}

bool fault_struck(void)
{
	countdown = 0;
	return struck;
}

static bool fails(void)
{
	if (countdown == 0 || --countdown > 0)
		return false;
	struck = true;
	return true;
}

/* The linker turns calls of malloc into __wrap_malloc, and __real_malloc into the C library's. */
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t align, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

void *__wrap_aligned_alloc(size_t align, size_t n)
{
	return fails() ? NULL : __real_aligned_alloc(align, n);
}

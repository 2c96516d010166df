#include "base/arena.h"

#include "base/bug.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

enum { ARENA_BLOCK_BYTES = 16384 };

struct block {
	struct block *next;
	size_t used, size;
	max_align_t data[];
};

struct arena {
	struct block *blocks;
};

struct arena *arena_new(void)
{
	struct arena *a = calloc(1, sizeof(*a));

	BUG_ON(!a);
	return a;
}

void arena_free(struct arena *a)
{
	if (!a)
		return;
	for (struct block *b = a->blocks, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	free(a);
}

static struct block *block_for(struct arena *a, size_t n)
{
	struct block *b = a->blocks;
	size_t size = n > ARENA_BLOCK_BYTES ? n : ARENA_BLOCK_BYTES;

	if (b && b->size - b->used >= n)
		return b;
	b = calloc(1, sizeof(*b) + size);
	BUG_ON(!b);
	b->size = size;
	b->next = a->blocks;
	a->blocks = b;
	return b;
}

void *arena_alloc(struct arena *a, size_t n)
{
	size_t align = sizeof(max_align_t);
	struct block *b;
	void *p;

	BUG_ON(n > SIZE_MAX / 2);
	n = (n + align - 1) / align * align;
	b = block_for(a, n);
	p = (char *)b->data + b->used;
	b->used += n;
	return p;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
	size_t n;

	BUG_ON(__builtin_mul_overflow(count, size, &n));
	return arena_alloc(a, n);
}

char *arena_strdup(struct arena *a, const char *s)
{
	size_t n = strlen(s) + 1;

	return memcpy(arena_alloc(a, n), s, n);
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap, again;
	char *s;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	BUG_ON(n < 0);
	s = arena_alloc(a, (size_t)n + 1);
	vsnprintf(s, (size_t)n + 1, fmt, again);
	va_end(again);
	va_end(ap);
	return s;
}

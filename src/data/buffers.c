#include "data/buffers.h"

#include "base/bug.h"

#include <stdbool.h>
#include <stdlib.h>

struct buffer_free {
	struct buffer_free *next;
};

/* A hello that is not whole; a usual hello; what a read left unsent; the largest hello. */
static const struct buffer_class {
	size_t size;
	unsigned reserve;
} classes[BUFFERS_CLASSES] = {
	{1024, 64},
	{4096, 32},
	{16384 + 64, 16},
	{34816, 2},
};

static unsigned class_of(size_t size)
{
	for (unsigned i = 0; i < BUFFERS_CLASSES; i++)
		if (size <= classes[i].size)
			return i;
	BUG_ON(true);
	return 0;
}

size_t buffers_size(size_t size)
{
	return classes[class_of(size)].size;
}

void *buffers_get(struct buffers *b, size_t size, size_t *ret_size)
{
	unsigned i = class_of(size);
	struct buffer_free *f = b->free[i];

	*ret_size = classes[i].size;
	if (!f)
		return malloc(classes[i].size);
	b->free[i] = f->next;
	b->n_free[i]--;
	return f;
}

void buffers_put(struct buffers *b, void *buffer, size_t size)
{
	unsigned i = class_of(size);
	struct buffer_free *f = buffer;

	if (b->n_free[i] >= classes[i].reserve) {
		free(buffer);
		return;
	}
	f->next = b->free[i];
	b->free[i] = f;
	b->n_free[i]++;
}

void buffers_release(struct buffers *b)
{
	for (unsigned i = 0; i < BUFFERS_CLASSES; i++)
		while (b->free[i]) {
			struct buffer_free *f = b->free[i];

			b->free[i] = f->next;
			free(f);
		}
	*b = (struct buffers){0};
}

#include "data/buffers.h"

#include "base/bug.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { PAGE = 4096, SLAB_BUFFERS = 32 };

/* A hello that is not whole; a usual hello; what a read left unsent; the largest hello; what a client of HTTP/2 may send of a
 * body before it knows our window. */
static const size_t sizes[BUFFERS_CLASSES] = {1024, PAGE, 5 * PAGE, 9 * PAGE, 17 * PAGE};

static unsigned class_of(size_t size)
{
	for (unsigned i = 0; i < BUFFERS_CLASSES; i++)
		if (size <= sizes[i])
			return i;
	BUG_ON(true);
	return 0;
}

size_t buffers_size(size_t size)
{
	return sizes[class_of(size)];
}

/* One more place in `slabs`, and one for each of the new buffers in `free`. */
static bool make_places(struct buffers_class *c)
{
	void **slabs = realloc(c->slabs, (c->n_slabs + 1) * sizeof(*slabs));
	void **places;

	if (!slabs)
		return false;
	c->slabs = slabs;
	places = realloc(c->free, (c->n_slabs + 1) * SLAB_BUFFERS * sizeof(*places));
	if (!places)
		return false;
	c->free = places;
	return true;
}

static bool map_slab(struct buffers_class *c, size_t size)
{
	char *slab;

	BUG_ON(c->n_free > 0);
	if (!make_places(c))
		return false;
	slab = mmap(NULL, size * SLAB_BUFFERS, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		-1, 0);
	if (slab == MAP_FAILED)
		return false;
	c->slabs[c->n_slabs++] = slab;
	for (unsigned i = 0; i < SLAB_BUFFERS; i++)
		c->free[i] = slab + i * size;
	c->n_free = c->n_cold = SLAB_BUFFERS;
	return true;
}

static unsigned at_most(unsigned n, unsigned max)
{
	return n < max ? n : max;
}

void *buffers_get(struct buffers *b, size_t size, size_t *ret_size)
{
	unsigned i = class_of(size);
	struct buffers_class *c = &b->classes[i];

	if (c->n_free == 0 && !map_slab(c, sizes[i]))
		return NULL;
	c->n_free--;
	c->n_cold = at_most(c->n_cold, c->n_free);
	c->n_idle = at_most(c->n_idle, c->n_free);
	*ret_size = sizes[i];
	return c->free[c->n_free];
}

void buffers_put(struct buffers *b, void *buffer, size_t size)
{
	struct buffers_class *c = &b->classes[class_of(size)];

	c->free[c->n_free++] = buffer;
}

/* Those at the bottom of the stack have waited longest. */
static void trim_class(struct buffers_class *c, size_t size)
{
	if (size % PAGE == 0)
		for (; c->n_cold < c->n_idle; c->n_cold++)
			madvise(c->free[c->n_cold], size, MADV_DONTNEED);
	c->n_idle = c->n_free;
}

void buffers_trim(struct buffers *b)
{
	for (unsigned i = 0; i < BUFFERS_CLASSES; i++)
		trim_class(&b->classes[i], sizes[i]);
}

void buffers_release(struct buffers *b)
{
	for (unsigned i = 0; i < BUFFERS_CLASSES; i++) {
		struct buffers_class *c = &b->classes[i];

		BUG_ON(c->n_free != c->n_slabs * SLAB_BUFFERS);
		while (c->n_slabs > 0)
			munmap(c->slabs[--c->n_slabs], sizes[i] * SLAB_BUFFERS);
		free(c->slabs);
		free(c->free);
	}
	*b = (struct buffers){0};
}

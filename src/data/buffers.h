/* Buffers of a few sizes, kept for the next user: in the steady state no connection costs an
 * allocation. They come from mappings of their own, so that what a burst left behind can be given
 * back to the system page by page, wherever it lies. owner: worker. */
#ifndef DATA_BUFFERS_H
#define DATA_BUFFERS_H

#include <stddef.h>

enum { BUFFERS_CLASSES = 5 };

struct buffers_class {
	void **free; /* a stack: what was used last is taken first */
	unsigned n_free;
	unsigned n_cold; /* of these, from the bottom, without pages of their own */
	unsigned n_idle; /* so many were free all the time since the last trim */
	void **slabs;
	unsigned n_slabs;
};

struct buffers {
	struct buffers_class classes[BUFFERS_CLASSES]; /* zeroed: empty */
};

/* At least `size` bytes, at most what the largest class has; *ret_size is what there is. The bytes
 * are whatever they were. NULL: out of memory. */
void *buffers_get(struct buffers *b, size_t size, size_t *ret_size);
void buffers_put(struct buffers *b, void *buffer, size_t size); /* size as given by buffers_get */

size_t buffers_size(size_t size); /* what buffers_get would give */

/* Gives pages back that were not needed since the last call. */
void buffers_trim(struct buffers *b);

void buffers_release(struct buffers *b); /* all were given back */

#endif

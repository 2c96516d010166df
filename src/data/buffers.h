/* Buffers of a few sizes, kept for the next user instead of being freed: in the steady state no
 * connection costs an allocation. What a burst left behind beyond a small reserve goes back to the
 * system. owner: worker. */
#ifndef DATA_BUFFERS_H
#define DATA_BUFFERS_H

#include <stddef.h>

enum { BUFFERS_CLASSES = 4 };

struct buffer_free; /* a buffer at rest holds the link to the next one */

struct buffers {
	struct buffer_free *free[BUFFERS_CLASSES];
	unsigned n_free[BUFFERS_CLASSES];
};

/* At least `size` bytes, at most what the largest class has; *ret_size is what there is. NULL: out
 * of memory. */
void *buffers_get(struct buffers *b, size_t size, size_t *ret_size);
size_t buffers_size(size_t size);				/* what buffers_get would give */
void buffers_put(struct buffers *b, void *buffer, size_t size); /* size as given by buffers_get */
void buffers_release(struct buffers *b);

#endif

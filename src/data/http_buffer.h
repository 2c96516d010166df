/* A run of bytes on its way through, in a pooled buffer: filled at the end, taken from the front. Held
 * only while there are bytes in it. owner: worker. */
#ifndef DATA_HTTP_BUFFER_H
#define DATA_HTTP_BUFFER_H

#include "base/span.h"
#include "data/buffers.h"

struct http_buffer {
	struct http_buffer *next; /* in http_buffers */
	uint32_t size;		  /* of the buffer that this lives in */
	uint32_t start, end;
	uint8_t bytes[];
};

/* Sees to it that *b is there and has room for `want` more bytes behind its end: moves what it holds
 * to the front, or into a larger buffer. False: out of memory, or beyond the largest; *b stays. */
bool http_buffer_reserve(struct buffers *pool, struct http_buffer **b, size_t want);

/* Gives it back; NULL is allowed, and what *b is afterwards. */
void http_buffer_drop(struct buffers *pool, struct http_buffer **b);

/* Takes n bytes off the front; the last one takes the buffer with it. */
void http_buffer_take(struct buffers *pool, struct http_buffer **b, size_t n);

void http_buffer_put(struct http_buffer *b, struct span bytes); /* there is room */

/* Puts bytes before what is held. False: out of memory. */
bool http_buffer_put_first(struct buffers *pool, struct http_buffer **b, struct span bytes);

static inline struct span http_buffer_held(const struct http_buffer *b)
{
	return b ? span_of(b->bytes + b->start, b->end - b->start) : span_of(NULL, 0);
}

static inline size_t http_buffer_room(const struct http_buffer *b)
{
	return b ? b->size - sizeof(*b) - b->end : 0;
}

/* Several, one behind the other, for more than one can hold. Begins as zeros. */
struct http_buffers {
	struct http_buffer *first, *last;
	size_t bytes;
};

/* At the end. False: out of memory, and none was put. */
bool http_buffers_put(struct buffers *pool, struct http_buffers *all, struct span bytes);

/* The first of them is the caller's now; NULL: there is none. */
struct http_buffer *http_buffers_pop(struct http_buffers *all);
void http_buffers_drop(struct buffers *pool, struct http_buffers *all);

#endif

#include "data/http_buffer.h"

#include "base/bug.h"

enum {
	LARGEST = 17 * 4096, /* the largest of buffers.c */
	ONE_OF_MANY = 16384,
};

static struct http_buffer *take_new(struct buffers *pool, size_t want)
{
	size_t size;
	struct http_buffer *b;

	if (sizeof(*b) + want > LARGEST)
		return NULL;
	b = buffers_get(pool, sizeof(*b) + want, &size);
	if (b)
		*b = (struct http_buffer){.size = (uint32_t)size};
	return b;
}

static void move_to_front(struct http_buffer *b)
{
	memmove(b->bytes, b->bytes + b->start, b->end - b->start);
	b->end -= b->start;
	b->start = 0;
}

bool http_buffer_reserve(struct buffers *pool, struct http_buffer **b, size_t want)
{
	struct http_buffer *bigger;

	if (!*b) {
		*b = take_new(pool, want);
		return *b != NULL;
	}
	if (http_buffer_room(*b) >= want)
		return true;
	if ((*b)->start > 0 && http_buffer_room(*b) + (*b)->start >= want) {
		move_to_front(*b);
		return true;
	}
	bigger = take_new(pool, http_buffer_held(*b).n + want);
	if (!bigger)
		return false;
	http_buffer_put(bigger, http_buffer_held(*b));
	http_buffer_drop(pool, b);
	*b = bigger;
	return true;
}

void http_buffer_drop(struct buffers *pool, struct http_buffer **b)
{
	if (*b)
		buffers_put(pool, *b, (*b)->size);
	*b = NULL;
}

void http_buffer_take(struct buffers *pool, struct http_buffer **b, size_t n)
{
	if (n == 0)
		return;
	BUG_ON(n > http_buffer_held(*b).n);
	(*b)->start += (uint32_t)n;
	if ((*b)->start == (*b)->end)
		http_buffer_drop(pool, b);
}

void http_buffer_put(struct http_buffer *b, struct span bytes)
{
	BUG_ON(bytes.n > http_buffer_room(b));
	if (bytes.n > 0)
		memcpy(b->bytes + b->end, bytes.p, bytes.n);
	b->end += (uint32_t)bytes.n;
}

bool http_buffers_put(struct buffers *pool, struct http_buffers *all, struct span bytes)
{
	size_t room = http_buffer_room(all->last), fits = bytes.n < room ? bytes.n : room;
	struct span rest = span_of(bytes.p + fits, bytes.n - fits);
	struct http_buffer *more = NULL;

	if (rest.n > 0) {
		more = take_new(pool, rest.n < ONE_OF_MANY ? ONE_OF_MANY : rest.n);
		if (!more)
			return false;
		http_buffer_put(more, rest);
	}
	if (fits > 0)
		http_buffer_put(all->last, span_of(bytes.p, fits));
	if (more && all->last)
		all->last->next = more;
	else if (more)
		all->first = more;
	if (more)
		all->last = more;
	all->bytes += bytes.n;
	return true;
}

struct http_buffer *http_buffers_pop(struct http_buffers *all)
{
	struct http_buffer *b = all->first;

	if (!b)
		return NULL;
	all->first = b->next;
	if (!all->first)
		all->last = NULL;
	b->next = NULL;
	all->bytes -= http_buffer_held(b).n;
	return b;
}

void http_buffers_drop(struct buffers *pool, struct http_buffers *all)
{
	struct http_buffer *b;

	while ((b = http_buffers_pop(all)) != NULL)
		http_buffer_drop(pool, &b);
}

bool http_buffer_put_first(struct buffers *pool, struct http_buffer **b, struct span bytes)
{
	uint32_t held;

	if (!http_buffer_reserve(pool, b, bytes.n))
		return false;
	held = (*b)->end - (*b)->start;
	memmove((*b)->bytes + (*b)->start + bytes.n, (*b)->bytes + (*b)->start, held);
	memcpy((*b)->bytes + (*b)->start, bytes.p, bytes.n);
	(*b)->end += (uint32_t)bytes.n;
	return true;
}

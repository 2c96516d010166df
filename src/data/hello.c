#include "data/hello.h"

#include "base/bug.h"

static size_t whole_size(size_t want)
{
	return sizeof(struct hello) + HELLO_ROOM + want;
}

struct hello *hello_new(struct buffers *b, struct conn *conn, size_t want)
{
	size_t size;
	struct hello *h = buffers_get(b, whole_size(want), &size);

	if (!h)
		return NULL;
	*h = (struct hello){.conn = conn, .size = (uint32_t)size};
	list_init(&h->waiting);
	return h;
}

void hello_free(struct buffers *b, struct hello *h)
{
	list_del(&h->waiting);
	buffers_put(b, h, h->size);
}

struct hello *hello_resize(struct buffers *b, struct hello *h, size_t want)
{
	size_t size;
	struct hello *bigger;

	BUG_ON(!list_is_empty(&h->waiting) || want < h->len);
	if (buffers_size(whole_size(want)) == h->size)
		return h;
	bigger = buffers_get(b, whole_size(want), &size);
	if (!bigger)
		return NULL;
	memcpy(bigger, h, whole_size(h->len));
	bigger->size = (uint32_t)size;
	list_init(&bigger->waiting);
	buffers_put(b, h, h->size);
	return bigger;
}

void hello_cut(struct hello *h, size_t n)
{
	BUG_ON(n > h->len);
	memmove(hello_bytes(h), hello_bytes(h) + n, h->len - n);
	h->len -= (uint32_t)n;
}

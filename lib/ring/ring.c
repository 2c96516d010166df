#include "ring/ring.h"

#include "base/bug.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Positions grow without end and are taken modulo the size. A record is a header of 8 bytes (its
 * length) and its bytes, rounded up to 8; where it would not fit before the end of the buffer, a
 * header with SKIP sends the reader to the start. The writer publishes by a release store of
 * `head`, the reader gives space back by one of `tail`; each keeps a copy of the other's, and looks
 * again only when that is used up, so the cache lines seldom change sides. */

enum { HEADER_BYTES = 8 };

#define SKIP UINT64_MAX

struct ring {
	unsigned char *buf;
	uint64_t size;

	/* owner: writer */
	_Alignas(64) _Atomic uint64_t head; /* reader: acquire */
	uint64_t tail_seen;
	_Atomic uint64_t dropped; /* anyone: relaxed */

	/* owner: reader */
	_Alignas(64) _Atomic uint64_t tail; /* writer: acquire */
	uint64_t head_seen;
};

struct ring *ring_new(size_t size_bytes)
{
	struct ring *r = aligned_alloc(_Alignof(struct ring), sizeof(*r));

	BUG_ON(size_bytes < 64 || (size_bytes & (size_bytes - 1)) != 0);
	if (!r)
		return NULL;
	memset(r, 0, sizeof(*r));
	r->size = size_bytes;
	r->buf = malloc(size_bytes);
	if (!r->buf) {
		free(r);
		return NULL;
	}
	return r;
}

void ring_free(struct ring *r)
{
	if (!r)
		return;
	free(r->buf);
	free(r);
}

static uint64_t footprint(uint64_t n)
{
	return HEADER_BYTES + (n + 7) / 8 * 8;
}

static unsigned char *at(const struct ring *r, uint64_t position)
{
	return r->buf + (position & (r->size - 1));
}

static uint64_t to_end(const struct ring *r, uint64_t position)
{
	return r->size - (position & (r->size - 1));
}

static void write_header(struct ring *r, uint64_t position, uint64_t value)
{
	memcpy(at(r, position), &value, sizeof(value));
}

static bool has_room(struct ring *r, uint64_t head, uint64_t need)
{
	if (head + need - r->tail_seen <= r->size)
		return true;
	r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
	return head + need - r->tail_seen <= r->size;
}

bool ring_put(struct ring *r, const void *record, size_t n)
{
	uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	uint64_t need = footprint(n), skip = need > to_end(r, head) ? to_end(r, head) : 0;

	if (n > r->size / 2 - HEADER_BYTES || !has_room(r, head, skip + need)) {
		atomic_store_explicit(&r->dropped, ring_dropped(r) + 1, memory_order_relaxed);
		return false;
	}
	if (skip > 0)
		write_header(r, head, SKIP);
	head += skip;
	write_header(r, head, n);
	if (n > 0)
		memcpy(at(r, head) + HEADER_BYTES, record, n);
	atomic_store_explicit(&r->head, head + need, memory_order_release);
	return true;
}

static uint64_t read_header(const struct ring *r, uint64_t position)
{
	uint64_t value;

	memcpy(&value, at(r, position), sizeof(value));
	return value;
}

const void *ring_peek(struct ring *r, size_t *ret_n)
{
	uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	if (tail == r->head_seen) {
		r->head_seen = atomic_load_explicit(&r->head, memory_order_acquire);
		if (tail == r->head_seen)
			return NULL;
	}
	if (read_header(r, tail) == SKIP) {
		tail += to_end(r, tail);
		atomic_store_explicit(&r->tail, tail, memory_order_release);
	}
	*ret_n = (size_t)read_header(r, tail);
	return at(r, tail) + HEADER_BYTES;
}

void ring_release(struct ring *r)
{
	uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	BUG_ON(tail == r->head_seen);
	atomic_store_explicit(
		&r->tail, tail + footprint(read_header(r, tail)), memory_order_release);
}

uint64_t ring_dropped(const struct ring *r)
{
	return atomic_load_explicit(&r->dropped, memory_order_relaxed);
}

/* Bounds-checked reader and writer of network-order bytes with a sticky error: check once at the
 * end. After the first read or write past the end every further one does nothing and gives zero. */
#ifndef BASE_WIRE_H
#define BASE_WIRE_H

#include "base/span.h"

struct wire_reader {
	const uint8_t *p, *end;
	bool failed;
};

struct wire_writer {
	uint8_t *start, *p, *end;
	bool failed;
};

static inline struct wire_reader wire_read(struct span bytes)
{
	return (struct wire_reader){bytes.p, bytes.p + bytes.n, false};
}

static inline size_t wire_left(const struct wire_reader *r)
{
	return (size_t)(r->end - r->p);
}

uint8_t wire_u8(struct wire_reader *r);
uint16_t wire_u16(struct wire_reader *r);
uint32_t wire_u24(struct wire_reader *r);
uint32_t wire_u32(struct wire_reader *r);
uint64_t wire_u64(struct wire_reader *r);

/* The next n bytes, borrowed from the source; empty after an error. */
struct span wire_bytes(struct wire_reader *r, size_t n);

static inline struct wire_writer wire_write(void *buf, size_t n)
{
	return (struct wire_writer){buf, buf, (uint8_t *)buf + n, false};
}

static inline size_t wire_written(const struct wire_writer *w)
{
	return (size_t)(w->p - w->start);
}

void wire_put_u8(struct wire_writer *w, uint8_t v);
void wire_put_u16(struct wire_writer *w, uint16_t v);
void wire_put_u32(struct wire_writer *w, uint32_t v);
void wire_put_u64(struct wire_writer *w, uint64_t v);
void wire_put_bytes(struct wire_writer *w, struct span bytes);

#endif

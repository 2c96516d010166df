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
	return (struct wire_reader){bytes.p, span_end(bytes), false};
}

static inline size_t wire_left(const struct wire_reader *r)
{
	return (size_t)(r->end - r->p);
}

/* The next n bytes, borrowed from the source; empty after an error. This and the two below it are inline because
 * parsers of small fields spend most of their time here. */
static inline struct span wire_bytes(struct wire_reader *r, size_t n)
{
	struct span s = span_of(r->p, n);

	if (r->failed || wire_left(r) < n) {
		r->failed = true;
		return span_of(NULL, 0);
	}
	r->p += n;
	return s;
}

static inline uint8_t wire_u8(struct wire_reader *r)
{
	struct span s = wire_bytes(r, 1);

	return s.n > 0 ? s.p[0] : 0;
}

static inline uint16_t wire_u16(struct wire_reader *r)
{
	struct span s = wire_bytes(r, 2);

	if (s.n == 0)
		return 0;
	return (uint16_t)(s.p[0] << 8 | s.p[1]);
}

uint32_t wire_u24(struct wire_reader *r);
uint32_t wire_u32(struct wire_reader *r);
uint64_t wire_u48(struct wire_reader *r);
uint64_t wire_u64(struct wire_reader *r);

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
void wire_put_u48(struct wire_writer *w, uint64_t v); /* the lower 48 bits */
void wire_put_u64(struct wire_writer *w, uint64_t v);
void wire_put_bytes(struct wire_writer *w, struct span bytes);

#endif

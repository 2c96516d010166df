#include "base/wire.h"

static uint64_t take(struct wire_reader *r, size_t n)
{
	struct span s = wire_bytes(r, n);
	uint64_t v = 0;

	for (size_t i = 0; i < s.n; i++)
		v = v << 8 | s.p[i];
	return v;
}

uint32_t wire_u24(struct wire_reader *r)
{
	return (uint32_t)take(r, 3);
}

uint32_t wire_u32(struct wire_reader *r)
{
	return (uint32_t)take(r, 4);
}

uint64_t wire_u48(struct wire_reader *r)
{
	return take(r, 6);
}

uint64_t wire_u64(struct wire_reader *r)
{
	return take(r, 8);
}

void wire_put_bytes(struct wire_writer *w, struct span bytes)
{
	if (w->failed || (size_t)(w->end - w->p) < bytes.n) {
		w->failed = true;
		return;
	}
	if (bytes.n > 0)
		memcpy(w->p, bytes.p, bytes.n);
	w->p += bytes.n;
}

static void put(struct wire_writer *w, uint64_t v, size_t n)
{
	uint8_t b[8];

	for (size_t i = 0; i < n; i++)
		b[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
	wire_put_bytes(w, span_of(b, n));
}

void wire_put_u8(struct wire_writer *w, uint8_t v)
{
	put(w, v, 1);
}

void wire_put_u16(struct wire_writer *w, uint16_t v)
{
	put(w, v, 2);
}

void wire_put_u32(struct wire_writer *w, uint32_t v)
{
	put(w, v, 4);
}

void wire_put_u48(struct wire_writer *w, uint64_t v)
{
	put(w, v, 6);
}

void wire_put_u64(struct wire_writer *w, uint64_t v)
{
	put(w, v, 8);
}

#include "hello.h"

#include "base/bug.h"
#include "base/wire.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	BODY = 4,	 /* the message's body begins behind its header */
	EXTENSIONS = 45, /* where the extensions' length stands in a hello by hello_begin() */
};

static void put_length(uint8_t *p, size_t length)
{
	p[0] = (uint8_t)(length >> 8);
	p[1] = (uint8_t)length;
}

static void fix_lengths(struct hello *h)
{
	h->bytes[1] = 0;
	put_length(h->bytes + 2, h->n - BODY);
	put_length(h->bytes + EXTENSIONS, h->n - EXTENSIONS - 2);
}

void hello_begin(struct hello *h)
{
	static const uint8_t suites_and_compression[] = {0, 0, 2, 0x13, 0x01, 1, 0};

	memset(h->bytes, 0, EXTENSIONS + 2);
	h->bytes[0] = 1;
	memcpy(h->bytes + BODY, "\x03\x03", 2);
	memset(h->bytes + BODY + 2, 0xab, 32);
	memcpy(h->bytes + BODY + 34, suites_and_compression, sizeof(suites_and_compression));
	h->n = EXTENSIONS + 2;
	fix_lengths(h);
}

void hello_extension(struct hello *h, uint16_t type, struct span body)
{
	struct wire_writer w = wire_write(h->bytes + h->n, sizeof(h->bytes) - h->n);

	wire_put_u16(&w, type);
	wire_put_u16(&w, (uint16_t)body.n);
	wire_put_bytes(&w, body);
	BUG_ON(w.failed);
	h->n += wire_written(&w);
	fix_lengths(h);
}

void hello_name(struct hello *h, struct span name)
{
	uint8_t body[600];
	struct wire_writer w = wire_write(body, sizeof(body));

	wire_put_u16(&w, (uint16_t)(name.n + 3));
	wire_put_u8(&w, 0);
	wire_put_u16(&w, (uint16_t)name.n);
	wire_put_bytes(&w, name);
	BUG_ON(w.failed);
	hello_extension(h, 0, span_of(body, wire_written(&w)));
}

void hello_pad_to(struct hello *h, size_t n)
{
	static const uint8_t zeros[HELLO_SIZE];

	BUG_ON(n < h->n + 4);
	hello_extension(h, 21, span_of(zeros, n - h->n - 4));
}

struct span hello_message(const struct hello *h)
{
	return span_of(h->bytes, h->n);
}

void records_add_typed(struct records *r, uint8_t type, struct span bytes)
{
	struct wire_writer w = wire_write(r->bytes + r->n, sizeof(r->bytes) - r->n);

	wire_put_u8(&w, type);
	wire_put_u16(&w, 0x0301);
	wire_put_u16(&w, (uint16_t)bytes.n);
	wire_put_bytes(&w, bytes);
	BUG_ON(w.failed);
	r->n += wire_written(&w);
}

void records_add(struct records *r, struct span bytes, size_t each)
{
	while (bytes.n > 0) {
		size_t n = bytes.n < each ? bytes.n : each;

		records_add_typed(r, 22, span_of(bytes.p, n));
		bytes = span_of(bytes.p + n, bytes.n - n);
	}
}

struct span hello_of_client(const char *name)
{
	static uint8_t bytes[HELLO_SIZE];
	const char *srcdir = getenv("srcdir");
	char path[1024];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/tests/unit/lib/sni/hellos/%s.bin", srcdir ? srcdir : ".",
		name);
	f = fopen(path, "rb");
	BUG_ON(!f);
	n = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	return span_of(bytes, n);
}

/* ClientHellos made to measure, for the suites of lib/sni. */
#ifndef UNIT_SNI_HELLO_H
#define UNIT_SNI_HELLO_H

#include "base/span.h"

enum { HELLO_SIZE = 20000, RECORDS_SIZE = 120000 };

struct hello {
	uint8_t bytes[HELLO_SIZE]; /* the handshake message, its header included */
	size_t n;
};

struct records {
	uint8_t bytes[RECORDS_SIZE];
	size_t n;
};

/* A TLS 1.2 hello of one suite up to its extensions, of which there are none yet. */
void hello_begin(struct hello *h);
void hello_extension(struct hello *h, uint16_t type, struct span body);
/* server_name with one host_name entry of these bytes. */
void hello_name(struct hello *h, struct span name);
/* Any extension of a kind that the parser skips, as long as makes the message `n` bytes. */
void hello_pad_to(struct hello *h, size_t n);

struct span hello_message(const struct hello *h);

/* Appends the bytes as handshake records of `each` bytes. */
void records_add(struct records *r, struct span bytes, size_t each);
/* Appends one record of any type. */
void records_add_typed(struct records *r, uint8_t type, struct span bytes);

static inline struct span records_span(const struct records *r)
{
	return span_of(r->bytes, r->n);
}

/* A hello that a real client sent: tests/unit/lib/sni/hellos/NAME.bin. Stays until the next call. */
struct span hello_of_client(const char *name);

#endif

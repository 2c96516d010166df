/* A valid TLS ClientHello for aegisagent.ai (RFC 8446, 4.1.2; RFC 6066, 3), always the same bytes
 * for the same size: what the load generator sends, and what the sink must receive unchanged. */
#ifndef BENCH_HELLO_H
#define BENCH_HELLO_H

#include "base/span.h"

#define HELLO_SIZE_MIN 256
#define HELLO_SIZE_MAX 16384

/* Writes a hello of exactly `size` bytes into buf, filled up by the padding extension (RFC 7685).
 * False if the size is none of HELLO_SIZE_MIN … HELLO_SIZE_MAX. */
bool hello_write(uint8_t *buf, size_t size);

#endif

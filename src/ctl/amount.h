/* Amounts as people read them. All return buf. */
#ifndef CTL_AMOUNT_H
#define CTL_AMOUNT_H

#include <stdint.h>

enum { AMOUNT_MAX = 24 };

const char *amount_duration(
	uint64_t seconds, char buf[AMOUNT_MAX]);		/* "12s", "3m12s", "4h5m", "2d3h" */
const char *amount_bytes(uint64_t bytes, char buf[AMOUNT_MAX]); /* "17 B", "1.2 kB", "3.4 GB" */

#endif

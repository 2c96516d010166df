/* Turns the host names that people write, in UTF-8, into the ASCII form that TLS and HTTP carry:
 * each U-label into its A-label (RFC 5891, with the mapping of UTS #46, non-transitional, as
 * browsers do it), by libidn2. */
#ifndef IDNA_IDNA_H
#define IDNA_IDNA_H

#include "base/span.h"

enum { IDNA_SIZE = 256 };

enum idna_status {
	IDNA_OK = 0,
	IDNA_REFUSED = -1,  /* not UTF-8, or a code point or label that IDNA forbids */
	IDNA_TOO_LONG = -2, /* in its ASCII form */
};

/* Writes the ASCII form and a NUL; a leading "*." stays. A name in ASCII is copied as it is:
 * whether it is a good name is not asked here. *ret_error is a static text that says what is wrong,
 * NULL on IDNA_OK. */
enum idna_status idna_to_ascii(struct span name, char out[IDNA_SIZE], const char **ret_error);

#endif

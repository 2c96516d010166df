/* Host names as TLS, HTTP and configurations spell them, brought to the one form that is compared:
 * lower case, no trailing dot, no port (RFC 1034 3.1, RFC 6066 3, RFC 9110 4.2.3). ASCII only: a
 * U-label must have been turned into its A-label before. Pure; any thread. */
#ifndef BASE_HOSTNAME_H
#define BASE_HOSTNAME_H

#include "base/span.h"

enum {
	HOSTNAME_MAX = 253,	 /* bytes of a name without its trailing dot (RFC 1035 2.3.4) */
	HOSTNAME_LABEL_MAX = 63, /* bytes of one label */
	HOSTNAME_SIZE = 256,	 /* of a buffer that takes any name and its NUL */
};

enum hostname_status {
	HOSTNAME_EMPTY = -1,
	HOSTNAME_TOO_LONG = -2,
	HOSTNAME_BAD_LABEL = -3, /* an empty label, or one longer than 63 bytes */
	/* Something other than letters, digits, '-', '_', '.' and a last ":port". */
	HOSTNAME_BAD_BYTE = -4,
};

/* Writes the compared form of `name` and a NUL; returns its length (1 to 253) or an enum
 * hostname_status, when what `out` holds means nothing. "_" is taken because real names have it;
 * whether a label begins or ends with a hyphen is left to whoever hands names out. A ":port" is a
 * colon and at most five digits. */
int hostname_normalize(struct span name, char out[HOSTNAME_SIZE]);

/* Whether a normalized name is an IPv4 address in one of the spellings that resolvers take: its
 * last label is a number, which no top-level domain is (RFC 3696 2). */
bool hostname_is_address(struct span normalized);

#endif

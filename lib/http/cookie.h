/* The cookies of a request (RFC 6265 4.2.1). Lenient as servers are: what is no pair of name and value is passed over.
 * Pure; any thread. */
#ifndef HTTP_COOKIE_H
#define HTTP_COOKIE_H

#include "base/span.h"

/* Takes the next pair off the front of a Cookie field's value; false: there is none. Blanks around both are not theirs;
 * quotes around a value are. */
bool http_next_cookie(struct span *list, struct span *ret_name, struct span *ret_value);

#endif

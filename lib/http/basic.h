/* The credentials of a request's Authorization field, scheme Basic (RFC 7617). Pure, no allocation; any thread. */
#ifndef HTTP_BASIC_H
#define HTTP_BASIC_H

#include "base/span.h"

enum { HTTP_BASIC_MAX = 768 }; /* bytes of user and password together, with the colon */

/* False: it is of another scheme, or ill formed, or too long, or has control bytes. The spans point into `buf`; the user
 * has no colon, the password may be empty. */
bool http_basic_parse(struct span value, uint8_t buf[HTTP_BASIC_MAX], struct span *ret_user,
	struct span *ret_password);

#endif

/* The authority of a request: HOST, HOST:PORT or [IPV6]:PORT, as a Host field or an absolute target
 * carries it (RFC 3986 3.2, RFC 9110 7.2). Stricter than the grammar: a host is letters, digits, '-',
 * '_' and '.', or an IPv6 address in brackets; there is no user information. Pure; any thread. */
#ifndef HTTP_AUTHORITY_H
#define HTTP_AUTHORITY_H

#include "base/span.h"

struct http_authority {
	struct span host; /* as sent; brackets included */
	uint16_t port;	  /* 0: none given */
};

/* False: it is none. */
bool http_authority_parse(struct span text, struct http_authority *ret);

#endif

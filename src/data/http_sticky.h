/* Clients that stay with their server: which one the cookie of a request names, and the cookie that its answer sets.
 * owner: worker. */
#ifndef DATA_HTTP_STICKY_H
#define DATA_HTTP_STICKY_H

#include "base/wire.h"
#include "data/http_exchange.h"

enum { HTTP_STICKY_ROOM = 256 }; /* what http_sticky_put may take */

/* The request of x, whose head begins `bytes`, wishes for the server that its cookie names. Of a backend that is not
 * sticky: nothing. */
void http_sticky_read(struct http_exchange *x, struct span bytes);

/* Set-Cookie, where the client has no cookie of the server that answers, or an old one. */
void http_sticky_put(struct wire_writer *w, struct http_exchange *x);

#endif

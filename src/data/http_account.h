/* What is written down about HTTP connections and requests: tallies, the access record of each request,
 * and of each connection that made none. owner: worker. */
#ifndef DATA_HTTP_ACCOUNT_H
#define DATA_HTTP_ACCOUNT_H

#include "data/http_exchange.h"

/* Bytes from and to the client. */
void http_account_read(struct http_conn *c, size_t n);
void http_account_sent(struct http_conn *c, size_t n);

/* A head was read; `bytes` begin with it. */
void http_account_request(struct http_exchange *x, struct span bytes);

/* The exchange is over, answered or not; x->status and x->reason say how. */
void http_account_end(struct http_exchange *x);

/* The connection ends; its socket is still open. */
void http_account_close(struct http_conn *c, enum end_reason reason);

#endif

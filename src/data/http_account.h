/* What is written down about HTTP connections and requests: tallies, the access record of each request,
 * and of each connection that made none. owner: worker. */
#ifndef DATA_HTTP_ACCOUNT_H
#define DATA_HTTP_ACCOUNT_H

#include "data/http_exchange.h"

/* Bytes from and to the client. */
void http_account_read(struct http_conn *c, size_t n);
void http_account_sent(struct http_conn *c, size_t n);

/* So many bytes of the answer went to the client. */
void http_account_answer(struct http_exchange *x, size_t n);

/* So many of those read belong to the body of this request, or to its tunnel. */
void http_account_body(struct http_exchange *x, size_t n);

/* A head was read; `bytes` begin with it. */
void http_account_request(struct http_exchange *x, struct span bytes);

/* Its backend was found; it waits in its queue, or no longer. */
void http_account_backend_opened(struct http_exchange *x);
void http_account_queue(struct http_exchange *x, bool waits);

/* This server was picked for the next try; its connection failed; it has the request; it is left. */
void http_account_chosen(struct http_exchange *x, uint32_t server);
void http_account_connect_failed(struct http_exchange *x);
void http_account_server_opened(struct http_exchange *x);
void http_account_server_closed(struct http_exchange *x);

/* The head of its answer is here. */
void http_account_first_byte(struct http_exchange *x);

/* The exchange is over, answered or not; x->status and x->reason say how. */
void http_account_end(struct http_exchange *x);

/* The connection ends; its socket is still open. */
void http_account_close(struct http_conn *c, enum end_reason reason);

#endif

/* Heads on their way through: a request's for a server, and a server's answer's for the client. What
 * belongs to one connection stays there (RFC 9110 7.6.1), framing is ours, and what we say of the client
 * replaces what he says of himself, unless he is a trusted proxy. owner: worker. */
#ifndef DATA_HTTP_FORWARD_H
#define DATA_HTTP_FORWARD_H

#include "data/http_exchange.h"
#include "http/reply.h"

/* The request of x, whose head begins `bytes`, into x->to_server. False: out of memory. */
bool http_forward_request(struct http_exchange *x, struct span bytes);

/* Whether the client speaks TLS: to us, or as a trusted proxy says, to that. */
bool http_forward_is_secure(struct http_exchange *x, struct span bytes);

/* The answer that x->head holds, and begins `bytes`, into x->out. False: out of memory. */
bool http_forward_reply(struct http_exchange *x, struct span bytes, const struct http_reply *reply);

#endif

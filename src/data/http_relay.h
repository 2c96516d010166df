/* Moves an exchange's messages between the client and its server, both ways at once: the request with
 * its body, interim answers, the answer with its body, and after 101 whatever comes. Edge-triggered:
 * goes as far as either side allows. owner: worker. */
#ifndef DATA_HTTP_RELAY_H
#define DATA_HTTP_RELAY_H

#include "data/http_exchange.h"

enum http_relay_state {
	HTTP_RELAY_WAIT,
	HTTP_RELAY_TURN_OVER,
	HTTP_RELAY_DONE,	/* the answer is with the client, whole */
	HTTP_RELAY_UNANSWERED,	/* the server failed by x->error before a byte of an answer */
	HTTP_RELAY_CLIENT_GONE, /* x->error: by this errno; 0: orderly */
	HTTP_RELAY_CLIENT_BAD,	/* the request's body is none */
	HTTP_RELAY_TOO_LARGE,	/* the request's body is larger than the route allows */
	HTTP_RELAY_SERVER_BAD,	/* the answer cannot be passed on */
	HTTP_RELAY_SERVER_GONE, /* within its answer */
	HTTP_RELAY_NO_MEMORY,
};

/* The server took so many bytes of x->to_server. */
void http_relay_sent(struct http_exchange *x, size_t n);

enum http_relay_state http_relay_run(struct http_exchange *x);

/* Both have ended, and have all that the other sent. */
bool http_relay_tunnel_is_over(const struct http_exchange *x);

#endif

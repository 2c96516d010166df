/* How a server answers an exchange: choosing one, connecting or taking an idle connection, the request,
 * the answer, and another try where that is safe. Holds at most one buffer each way, and reads no further
 * until that is gone. http_proxy.c tells the story. owner: worker. */
#ifndef DATA_HTTP_PROXY_H
#define DATA_HTTP_PROXY_H

#include "data/http_exchange.h"

enum http_proxy_state {
	HTTP_PROXY_NEXT,      /* within http_proxy.c: the next phase */
	HTTP_PROXY_WAIT,      /* edges, the timer or the queue tell when to go on */
	HTTP_PROXY_TURN_OVER, /* there is more to do, but others have waited long enough */
	HTTP_PROXY_OURS,      /* there is no answer of a server: x->out holds ours */
	HTTP_PROXY_DONE,      /* the answer is with the client */
	HTTP_PROXY_ENDED,     /* the connection cannot go on, x->reason says why */
};

/* The request, whose head begins `bytes`, goes to the backend of its route. False: out of memory. */
bool http_proxy_begin(struct http_exchange *x, struct span bytes);

/* An exchange begins without a server. */
void http_proxy_init(struct http_exchange *x);

/* It waits: the time limit of its phase runs. http_proxy_run does this itself. */
void http_proxy_keep_time(struct http_exchange *x);

/* It is held: the time limit of that runs. */
void http_proxy_hold(struct http_exchange *x);

enum http_proxy_state http_proxy_run(struct http_exchange *x);

/* Gives back what the exchange holds of servers. */
void http_proxy_release(struct http_exchange *x);

const char *http_proxy_phase(const struct http_exchange *x); /* a static word for `show sess` */

#endif

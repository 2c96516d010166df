/* Connections to servers, used for one request after the other: in use by an exchange, or idle in the
 * pool of their worker and server. owner: worker. */
#ifndef DATA_HTTP_POOL_H
#define DATA_HTTP_POOL_H

#include "data/http.h"
#include "data/http_buffer.h"
#include "data/link.h"

struct http_exchange;

struct http_upstream {
	struct list of_server; /* while idle: in pool->by_server, last used last */
	struct list by_age;    /* while idle: in pool->idle, longest idle first */
	struct http *http;
	struct link link;
	struct http_exchange *exchange; /* NULL: idle */
	struct http_buffer *in;		/* read, not used yet */
	struct mono idle_since;
	uint32_t server_id;
	bool is_stream; /* of HTTP/2: http2_server.h; link is not open */
	bool connected; /* the server took bytes */
	bool reused;	/* it has served a request before the present one */
};

/* False: out of memory. */
bool http_pool_init(struct http *h);
void http_pool_release(struct http *h); /* none is in use any more */

/* An idle connection to this server, NULL: there is none. With `sure`, one of which is known that the
 * server has not closed it a moment ago. It belongs to the exchange from now on. */
struct http_upstream *http_pool_take(
	struct http *h, uint32_t server, bool sure, struct http_exchange *x);

/* A new one, on its way; or a positive errno in *ret_error. */
struct http_upstream *http_pool_connect(struct http *h, uint32_t server, const struct addr *to,
	struct http_exchange *x, int *ret_error);

/* The exchange is done with it: it waits for the next one, or is closed. */
void http_pool_keep(struct http_upstream *u);
void http_pool_close(struct http_upstream *u);
void http_pool_reset(struct http_upstream *u); /* the server shall know that something is missing */

/* Closes what is idle; of one server, or of all with UINT32_MAX. */
void http_pool_drop(struct http *h, uint32_t server);

#endif

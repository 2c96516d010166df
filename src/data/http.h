/* The HTTP part of a worker: what all of its HTTP connections share. It is there without a listener of
 * mode = "http", too: a reload may bring one. owner: worker. */
#ifndef DATA_HTTP_H
#define DATA_HTTP_H

#include "base/list.h"
#include "base/mono.h"
#include "wheel/wheel.h"

#include <event2/event_struct.h>

struct http_conn;
struct http_exchange;
struct order;
struct worker;

struct http_timer {
	struct wheel_timer wheel;
	void (*cb)(struct http_timer *t);
};

enum { HTTP_DATE_MAX = 32 };

/* Requests for one backend, while its servers are full: http_queue.h. */
struct http_queue {
	struct list waiting; /* of http_exchange.waiting; list_made() */
	unsigned n_any;	     /* of these, those that would go to any server */
	unsigned n_loyal;    /* and those that wish for one */
};

/* Connections of HTTP/2 to one server: http2_server.h. */
struct http_servers {
	struct list all;      /* list_made() */
	uint32_t streams_max; /* of a connection, when last heard; 0: never */
};

/* Connections to servers: those of HTTP/2, and idle ones of HTTP/1, http_pool.h. */
struct http_pool {
	struct http_servers *servers; /* by server id */
	struct list connections;      /* all of theirs */
	struct list flushes;	      /* of these, those that have something to do */
	struct list flush_mark;	      /* in `flushes`, behind those whose turn it is */
	struct list *by_server;	      /* by server id; list_made() */
	struct list idle;	      /* all of them, longest idle first */
	struct http_timer timer;
	unsigned n_idle, max; /* idle ones: beyond that the longest idle is closed */
};

struct http {
	struct worker *worker;
	struct wheel wheel;
	struct event tick;	       /* runs while the wheel has timers */
	struct bio_method_st *tls_bio; /* tls.c's; NULL: not made yet */
	struct tls *tls_spares;	       /* and those of ended connections that serve again */
	unsigned n_tls_spares;
	struct list conns; /* all that are open */
	struct list turns; /* of these, those whose turn was cut short */
	struct list mark;  /* in `turns`, behind those whose turn it is */
	struct list free;  /* memory of others */
	uint32_t open;
	uint32_t
		http2_grown; /* by so much windows of clients' connections are larger than at first */
	uint32_t renew_left; /* of `conns`, its first: not looked at since a reload (renew.c) */
	struct http_pool pool;
	struct http_queue *queues; /* by backend slot */
	unsigned n_waiting;
	const struct http_exchange *served; /* whose turn it is; NULL outside of http_queue_serve */
	struct list deflaters;		    /* idle states of zlib: http_compress.h */
	unsigned n_deflaters, n_idle_deflaters;
	struct list verifying; /* of http_exchange.verifying: their passwords are being verified */
	uint64_t auth_tags;    /* given out */
	struct http_auth_memory *auth; /* NULL: nobody came yet */
	uint64_t date_second;	       /* monotonic: when `date` was written */
	char date[HTTP_DATE_MAX];
};

/* NULL: out of memory. */
struct http *http_new(struct worker *w);
void http_free(struct http *h); /* ends what is open; NULL is allowed */

/* Lets each connection whose turn was cut short go on, and sends what was gathered for servers of HTTP/2. */
void http_run_turns(struct http *h);
static inline bool http_has_turns(const struct http *h)
{
	return h && !(list_is_empty(&h->turns) && list_is_empty(&h->pool.flushes));
}

static inline bool http_has_waiting(const struct http *h)
{
	return h && h->n_waiting > 0;
}

/* Arms a timer or moves it; MONO_NEVER disarms it. */
void http_set_timer(struct http *h, struct http_timer *t, struct mono deadline);
void http_stop_timer(struct http *h, struct http_timer *t);

/* The Date field's value (RFC 9110 5.6.7), right to a second. */
const char *http_date(struct http *h);

/* The listeners are given up: who waits for no answer is let go. */
void http_drain(struct http *h);

/* Ends every connection that the order means. */
void http_close(struct http *h, const struct order *o);

#endif

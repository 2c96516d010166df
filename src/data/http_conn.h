/* The HTTP connection of a client: accepts, reads the PROXY header and one request after the other, and
 * gives each to an exchange (http_exchange.h) that answers it. Its steps are in http_greet.c and http1.c;
 * doc/life-of-a-request.md tells the story. owner: worker. */
#ifndef DATA_HTTP_CONN_H
#define DATA_HTTP_CONN_H

#include "data/http.h"
#include "data/http_buffer.h"
#include "data/link.h"
#include "data/pins.h"
#include "http/head.h"
#include "net/addr.h"
#include "tally.h"

struct http2;
struct http_exchange;
struct listener;
struct order;
struct order_session;

/* What a read of the client gave. */
enum http_got {
	HTTP_GOT_BYTES,
	HTTP_GOT_NOTHING,
	HTTP_GOT_END,
	HTTP_GOT_RESET,
	HTTP_GOT_NO_MEMORY,
};

enum http_step {
	HTTP_STEP_PROXY,  /* a PROXY header comes first */
	HTTP_STEP_TLS,	  /* the handshake */
	HTTP_STEP_HEAD,	  /* waits for a request, or reads its head */
	HTTP_STEP_ANSWER, /* an exchange is under way */
	HTTP_STEP_HTTP2,  /* streams of requests */
	HTTP_STEP_LINGER, /* all is said, the client has yet to close */
	/* What a step may return instead of a next one. */
	HTTP_STEP_WAIT, /* an edge, the timer or the next turn calls again */
	HTTP_STEP_GONE, /* the connection is finished; its memory is someone else's */
};

struct http_conn {
	struct list open; /* in http->conns, or http->free */
	struct list turn; /* in http->turns */
	struct worker *worker;
	struct link link;
	struct http_timer timer; /* set at or before `deadline`, looks again when it fires */
	struct mono deadline;
	struct http_buffer *in; /* read, not used yet */
	struct http_exchange *exchange;
	struct http2 *h2;	   /* NULL: HTTP/1 */
	struct addr client, local; /* local: of the PROXY header, or unset */
	struct mono started, active;
	uint64_t bytes_in, bytes_out;
	char client_text[ADDR_TEXT_MAX]; /* its address; empty until it is needed */
	uint32_t sequence;		 /* of the worker */
	uint32_t requests;
	uint16_t listener; /* its slot */
	pin_t pin;	   /* the generation it is of */
	uint8_t step;
	uint8_t reason; /* why it lingers */
	bool counts_source : 1;
};

/* As conn_accept. */
void http_conn_accept(struct listener *l, int fd, const struct addr *client);

/* Goes on from the present step as far as that leads. */
void http_conn_drive(struct http_conn *c);

/* The same at the end of this turn of the loop. */
void http_conn_take_turn(struct http_conn *c);

/* What its listener's configuration is. */
const struct config_listener *http_conn_listener(const struct http_conn *c);

/* As a URI has it: "http" or "https". */
static inline const char *http_conn_scheme(const struct http_conn *c)
{
	return c->link.tls ? "https" : "http";
}

/* Its time limit, from now; 0: none. */
void http_conn_set_deadline(struct http_conn *c, uint64_t ms);

/* The only exit. */
enum http_step http_conn_finish(struct http_conn *c, enum end_reason reason);

/* Between two requests: nothing of the next has come, not even to the kernel. */
bool http_conn_is_idle(const struct http_conn *c);

bool http_conn_is_meant(const struct http_conn *c, const struct order *o);
void http_conn_describe(struct http_conn *c, struct order_session *ret);

#endif

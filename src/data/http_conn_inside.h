/* The inside of a client's HTTP connection: http_conn.c drives its steps, http_greet.c has those before a protocol is spoken,
 * http1.c those of HTTP/1. A step goes as far as it can and returns the next one. owner: worker. */
#ifndef DATA_HTTP_CONN_INSIDE_H
#define DATA_HTTP_CONN_INSIDE_H

#include "data/http_conn.h"
#include "data/worker_inside.h"

enum { HTTP_LINGER_MS = 2000 }; /* after the last answer, for the client to read it and close */

static inline struct buffers *http_conn_pool(struct http_conn *c)
{
	return &c->worker->buffers;
}

/* --- http_conn.c --- */

/* More into c->in. */
enum http_got http_conn_read(struct http_conn *c);

/* HTTP_STEP_WAIT: until the client has more or, with `writes`, takes more. */
enum http_step http_conn_wait(struct http_conn *c, bool writes);

/* --- http_greet.c --- */

/* The first of what the client itself says. */
enum http_step http_greet_first(const struct http_conn *c);

enum http_step http_greet_proxy(struct http_conn *c);
enum http_step http_greet_tls(struct http_conn *c);

/* --- http1.c --- */

enum http_step http1_head(struct http_conn *c);
enum http_step http1_answer(struct http_conn *c);

/* The time for a head is over. */
enum http_step http1_timed_out(struct http_conn *c);

/* The exchange is over, whatever became of it. */
void http1_end(struct http_conn *c);

#endif

/* Requests that wait because every server that could answer them is full: first come, first served, within one worker;
 * how many may wait is counted across workers. Room made by this worker is used at the end of the same turn, room made by
 * another at the next tick. owner: worker. */
#ifndef DATA_HTTP_QUEUE_H
#define DATA_HTTP_QUEUE_H

#include "data/http_exchange.h"

/* Somebody came before who would take what room there is. */
bool http_queue_is_behind(const struct http_exchange *x);

/* False: it is as long as it may be. To add one that waits already changes nothing. */
bool http_queue_add(struct http_exchange *x);
void http_queue_remove(struct http_exchange *x); /* not waiting is allowed */

bool http_queue_init(struct http *h); /* false: out of memory */
void http_queue_release(struct http *h);

/* Those that came first try again, until one of them finds no room. */
void http_queue_serve(struct http *h);

#endif

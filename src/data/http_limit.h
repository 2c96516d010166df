/* A route's limit on requests: how many may come from one source, for one host, or with one value of a field. The buckets
 * are this process's (load->per_limit), shared by its workers. owner: worker. */
#ifndef DATA_HTTP_LIMIT_H
#define DATA_HTTP_LIMIT_H

#include "data/http_exchange.h"

/* Whether the request of x, whose head begins `bytes`, is more than may come now; if so, one more may after *ret_wait_s.
 * One that is not is counted. */
bool http_limit_is_exceeded(struct http_exchange *x, const struct config_request_limit *limit,
	struct span bytes, unsigned *ret_wait_s);

#endif

/* Answers that this node gives by itself: redirects, fixed answers, health, errors. owner: worker. */
#ifndef DATA_HTTP_ANSWER_H
#define DATA_HTTP_ANSWER_H

#include "config.h"
#include "data/http_exchange.h"

/* Each writes the whole answer; false: out of memory. */
bool http_answer_redirect(struct http_exchange *x, const struct config_redirect *to);
bool http_answer_respond(struct http_exchange *x, const struct config_respond *with);
bool http_answer_health(struct http_exchange *x, const struct config_respond *of);

/* `why` may be NULL. */
bool http_answer_error(struct http_exchange *x, unsigned status, const char *why);

#endif

/* Answers that this node gives by itself: redirects, fixed answers, health, errors. owner: worker. */
#ifndef DATA_HTTP_ANSWER_H
#define DATA_HTTP_ANSWER_H

#include "base/wire.h"
#include "config/config.h"
#include "data/http_exchange.h"

/* Each writes the whole answer; false: out of memory. */
bool http_answer_redirect(struct http_exchange *x, const struct config_redirect *to);
bool http_answer_respond(struct http_exchange *x, const struct config_respond *with);
bool http_answer_health(struct http_exchange *x, const struct config_respond *of);

/* 429, and when to come again. */
bool http_answer_limit(struct http_exchange *x, unsigned wait_s);

/* Strict-Transport-Security, where the listener wants it: on every answer over TLS (RFC 6797). */
void http_answer_put_hsts(struct wire_writer *w, const struct http_exchange *x);

/* 401; the realm has neither quotes nor line ends. */
bool http_answer_unauthorized(struct http_exchange *x, const char *realm);

/* `why` may be NULL. */
bool http_answer_error(struct http_exchange *x, unsigned status, const char *why);

#endif

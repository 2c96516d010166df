/* Routes that ask for a user and a password (RFC 7617). Who was right a while ago is remembered under a keyed hash; others
 * are verified off the worker (src/verify.h), and their requests are held meanwhile. Bounds: so many verifications wait in
 * the process, a source begins at most 20 at once and one more each second, so many users are remembered. owner: worker. */
#ifndef DATA_HTTP_AUTH_H
#define DATA_HTTP_AUTH_H

#include "config/config.h"
#include "data/http_exchange.h"

enum http_auth {
	HTTP_AUTH_OK,
	HTTP_AUTH_LATER,    /* http_auth_done comes; the exchange is in http->verifying */
	HTTP_AUTH_REFUSED,  /* 401 */
	HTTP_AUTH_TOO_FAST, /* 429: this source sends passwords that fast; *ret_wait_s */
	HTTP_AUTH_BUSY,	    /* 503: too many are being verified */
};

enum { HTTP_AUTH_HELD_MS = 15000 }; /* a request, at most */

/* Whether the request of x, whose head begins `bytes`, may be answered. */
enum http_auth http_auth_check(struct http_exchange *x, const struct config_auth *auth,
	struct span bytes, unsigned *ret_wait_s);

/* The verdict on the question with this tag: the requests that wait for it go on. */
void http_auth_done(struct http *h, uint64_t tag, bool good);

/* It waits no longer; not waiting is allowed. */
void http_auth_forget(struct http_exchange *x);

void http_auth_release(struct http *h);

#endif

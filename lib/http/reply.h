/* Judges the head of a response to a request that we sent: how its body ends, and whether the connection
 * may be used again (RFC 9112 6.3 and 9.3). As strict as request.h: a response that could end in two
 * places would give the next client what was not meant for it. Pure, no allocation; any thread. */
#ifndef HTTP_REPLY_H
#define HTTP_REPLY_H

#include "http/body.h"
#include "http/head.h"

struct http_reply {
	uint16_t status;
	struct http_body body;
	bool has_length; /* said how long it is, or would be (HEAD, 304): `length` */
	bool keeps_alive;
	bool has_date;
	uint64_t length;
	struct span upgrade; /* of 101 */
};

/* What the request was, as far as the answer depends on it. */
struct http_asked {
	bool head;    /* HEAD: no body follows, whatever the fields say */
	bool upgrade; /* 101 is an answer to it */
};

/* False: it is none that can be passed on; *ret_error says why. An interim response (1xx but 101) has
 * no body, and another head follows. */
bool http_reply_judge(const struct http_head *h, struct span bytes, struct http_asked asked,
	struct http_reply *ret, const char **ret_error);

static inline bool http_reply_is_interim(const struct http_reply *r)
{
	return r->status < 200 && r->status != 101;
}

#endif

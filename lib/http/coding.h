/* Which content codings a client takes (RFC 9110 12.5.3), of those that matter here: gzip, and none. Pure; any thread.
 *
 *	struct http_coding c = http_coding_begin();
 *	for each Accept-Encoding field: http_coding_read(&c, value);
 *	if (http_coding_wants_gzip(&c)) …
 */
#ifndef HTTP_CODING_H
#define HTTP_CODING_H

#include "base/span.h"

/* Weights in thousandths; -1: not named. */
struct http_coding {
	int gzip, identity, any;
};

static inline struct http_coding http_coding_begin(void)
{
	return (struct http_coding){-1, -1, -1};
}

void http_coding_read(struct http_coding *c, struct span value);

/* It takes gzip, and likes it as much as no coding at all. */
bool http_coding_wants_gzip(const struct http_coding *c);

#endif

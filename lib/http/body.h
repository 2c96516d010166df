/* How the end of a message's body is told (RFC 9112 6). */
#ifndef HTTP_BODY_H
#define HTTP_BODY_H

#include <stdint.h>

enum http_body_kind {
	HTTP_BODY_NONE,
	HTTP_BODY_LENGTH,
	HTTP_BODY_CHUNKED,
	HTTP_BODY_CLOSE, /* of a response: until the server closes */
};

struct http_body {
	enum http_body_kind kind;
	uint64_t length; /* HTTP_BODY_LENGTH: more than 0 */
};

#endif

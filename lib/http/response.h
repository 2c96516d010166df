/* Reads the head of an HTTP/1 response as far as a health check needs it: the status code, and
 * whether the head is one (RFC 9112 2.1, 4 and 5). Strict: CRLF only, no folded lines, no space
 * before a colon, no control bytes. Pure, no allocation; any thread.
 *
 *	struct http_response r = {0};
 *
 *	switch (http_response_parse(&r, bytes)) {	// all bytes since the first, each time
 *	case HTTP_RESPONSE_DONE:	judge r.status; break;
 *	case HTTP_RESPONSE_MORE:	read more, call again with the same r; break;
 *	default:			r.error says what is wrong; break;
 *	}
 */
#ifndef HTTP_RESPONSE_H
#define HTTP_RESPONSE_H

#include "base/span.h"

enum {
	HTTP_RESPONSE_HEAD_MAX = 16384, /* bytes, interim responses included */
	HTTP_RESPONSE_FIELDS_MAX = 128, /* field lines, those of interim responses included */
};

enum http_response_status {
	HTTP_RESPONSE_DONE,
	HTTP_RESPONSE_MORE,
	HTTP_RESPONSE_MALFORMED,
	HTTP_RESPONSE_TOO_LARGE, /* a head that does not end within the limits */
};

/* Begins as zeros. No line is judged twice, however the bytes are cut. */
struct http_response {
	/* HTTP_RESPONSE_DONE. Interim responses (1xx) are read and forgotten, but for 101, which is
	 * final. */
	unsigned status; /* 101, 200 to 599 */
	unsigned minor;	 /* of HTTP/1.x: 0 or 1 */
	size_t head_len; /* bytes up to the body's first */
	/* HTTP_RESPONSE_MALFORMED, HTTP_RESPONSE_TOO_LARGE: a static text that says why. */
	const char *error;

	size_t _line;	 /* offset of the first line that is not judged yet */
	size_t _scanned; /* no line ends between _line and here */
	unsigned _fields;
	bool _in_fields; /* the status line has been read */
};

enum http_response_status http_response_parse(struct http_response *r, struct span bytes);

#endif

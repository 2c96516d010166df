/* Reads the head of an HTTP/1 message, request or response: the start line and the header fields (RFC
 * 9112 2 to 5). What the message means is for request.h and reply.h to judge.
 *
 * Strict, because two parsers that read the same bytes differently are a hole (request smuggling): lines
 * end with CRLF and nothing else, no line is folded, no space stands before a colon, nothing holds
 * control bytes; and everything has a limit. One empty line before a request is forgiven (RFC 9112 2.2).
 * Pure, no allocation; any thread.
 *
 *	http_head_begin(&h, HTTP_REQUEST);
 *	switch (http_head_parse(&h, bytes)) {	// all bytes since the first, each time
 *	case HTTP_HEAD_DONE:	judge it; the body begins h.len bytes in; break;
 *	case HTTP_HEAD_MORE:	read more, call again with the same h; break;
 *	case HTTP_HEAD_BAD:	answer h.code; h.error says what is wrong; break;
 *	}
 */
#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include "base/span.h"
#include "http/field.h"

enum {
	HTTP_HEAD_MAX = 32768,	/* bytes of a head: 431 */
	HTTP_TARGET_MAX = 8192, /* bytes of a request's target: 414 */
	HTTP_METHOD_MAX = 32,	/* 501 */
	HTTP_FIELDS_MAX = 128,	/* 431 */
};

enum http_head_kind { HTTP_REQUEST, HTTP_RESPONSE };
enum http_head_status { HTTP_HEAD_DONE, HTTP_HEAD_MORE, HTTP_HEAD_BAD };

/* A part of the head: offset from its first byte, and length. */
struct http_part {
	uint16_t at, n;
};

struct http_field {
	struct http_part name;
	struct http_part value; /* without the blanks around it */
	uint8_t id;		/* enum http_field_id */
};

struct http_head {
	enum http_head_kind kind;
	/* HTTP_HEAD_DONE */
	size_t len;		 /* bytes up to the body's first */
	struct http_part method; /* of a request */
	struct http_part target; /* of a request */
	struct http_part reason; /* of a response, perhaps empty */
	uint16_t status;	 /* of a response: 100 to 599 */
	uint16_t n_fields;
	uint8_t minor; /* of HTTP/1.x: 0 or 1 */
	/* HTTP_HEAD_BAD: the status to answer a request with, and a static text that says why. */
	uint16_t code;
	const char *error;

	size_t _line;	 /* offset of the first line that is not judged yet */
	size_t _scanned; /* no line ends between _line and here */
	bool _in_fields; /* the start line was read */
	bool _skipped;	 /* an empty line was */
	struct http_field fields[HTTP_FIELDS_MAX];
};

void http_head_begin(struct http_head *h, enum http_head_kind kind);
enum http_head_status http_head_parse(struct http_head *h, struct span bytes);

static inline struct span http_part(struct span bytes, struct http_part part)
{
	return span_of(bytes.p + part.at, part.n);
}

/* One line without its CRLF as a field: NULL, or a static text that says what is wrong with it. */
const char *http_field_line(struct span line, struct span *ret_name, struct span *ret_value);

#endif

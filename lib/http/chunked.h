/* Takes a chunked body apart (RFC 9112 7.1): what is data, what is a trailer field, where it ends. Strict
 * as head.h is; chunk extensions are checked and dropped. Pure, no allocation; any thread.
 *
 *	struct http_chunked c = {0};
 *
 *	while (in.n > 0)
 *		switch (http_chunked_next(&c, &in, &run)) {	// takes from the front of `in`
 *		case HTTP_CHUNKED_DATA:		pass run on; break;
 *		case HTTP_CHUNKED_TRAILER:	run is a field line without its CRLF; break;
 *		case HTTP_CHUNKED_DONE:		what is left of `in` is the next message; return;
 *		case HTTP_CHUNKED_MORE:		keep what is left of `in`, read more behind it; return;
 *		case HTTP_CHUNKED_BAD:		c.error says what is wrong; return;
 *		}
 */
#ifndef HTTP_CHUNKED_H
#define HTTP_CHUNKED_H

#include "base/span.h"

enum {
	HTTP_CHUNK_LINE_MAX = 1024, /* a chunk's size with its extensions */
	HTTP_TRAILER_LINE_MAX = 4096,
	HTTP_TRAILERS_MAX = 32,				  /* field lines */
	HTTP_CHUNK_LINE_NEED = HTTP_TRAILER_LINE_MAX + 2, /* room that any line fits into */
};

enum http_chunked_status {
	HTTP_CHUNKED_DATA,
	HTTP_CHUNKED_TRAILER,
	HTTP_CHUNKED_MORE,
	HTTP_CHUNKED_DONE,
	HTTP_CHUNKED_BAD,
};

/* Begins as zeros. */
struct http_chunked {
	uint64_t left; /* of the present chunk */
	const char *error;
	uint8_t _state;
	uint8_t _trailers;
};

enum http_chunked_status http_chunked_next(
	struct http_chunked *c, struct span *in, struct span *ret_run);

/* Of the run of data that was given out last, n bytes at its end were not used after all: they are the
 * first ones of the next call's `in`. */
void http_chunked_unread(struct http_chunked *c, size_t n);

#endif

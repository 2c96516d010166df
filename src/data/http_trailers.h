/* Fields behind a body (RFC 9110 6.5), set apart while a message is on its way between HTTP/1, where they stand behind the
 * last chunk, and HTTP/2, where they are a head of their own. Bounded. owner: worker. */
#ifndef DATA_HTTP_TRAILERS_H
#define DATA_HTTP_TRAILERS_H

#include "data/http_buffer.h"
#include "http/chunked.h"

#include <nghttp2/nghttp2.h>

enum { HTTP_TRAILERS_ROOM = 8192 }; /* bytes of all lines */

/* Begins as zeros. */
struct http_trailers {
	struct http_buffer *lines; /* each with its CRLF */
	unsigned n;
};

/* A field of HTTP/2; one that has no business there is passed over. False: it is none, or too much. */
bool http_trailers_add(
	struct buffers *pool, struct http_trailers *t, struct span name, struct span value);

/* Whole lines, set apart. False: too much. */
bool http_trailers_put(struct buffers *pool, struct http_trailers *t, struct span lines);

/* The last n bytes of `from` are lines, and set apart. False: too much. */
bool http_trailers_cut(
	struct buffers *pool, struct http_trailers *t, struct http_buffer *from, size_t n);

/* Drops those whose name is not to be kept. */
void http_trailers_keep(
	struct buffers *pool, struct http_trailers *t, bool (*keeps)(struct span name));

/* As HTTP/2 has them; they point into the lines, which are changed: names become lower case. */
size_t http_trailers_fields(struct http_trailers *t, nghttp2_nv ret[HTTP_TRAILERS_MAX]);

static inline struct span http_trailers_text(const struct http_trailers *t)
{
	return http_buffer_held(t->lines);
}

void http_trailers_drop(struct buffers *pool, struct http_trailers *t);

#endif

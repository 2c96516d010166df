/* A body on its way from one message to another: taken out of the framing it came in, put into the one
 * it goes on in (RFC 9112 6 and 7). Chunks are made anew and extensions dropped, so that what goes on is
 * framed by us alone. Trailers go along where both sides are chunked; where only the first is, they can be set apart
for whoever carries the message on (HTTP/2). Pure, no allocation; any thread.
 *
 *	http_flow_begin(&f, body, chunked);
 *	n = http_flow_move(&f, &in, out, room);	// takes from the front of `in`, writes n bytes to `out`
 *	if (f.error) …; if (f.done) the message ends before what is left of `in`;
 */
#ifndef HTTP_FLOW_H
#define HTTP_FLOW_H

#include "http/body.h"
#include "http/chunked.h"

enum {
	HTTP_FLOW_OVERHEAD = 32, /* room beyond the data that one run of it may take */
	HTTP_FLOW_ROOM =
		HTTP_TRAILER_LINE_MAX + HTTP_FLOW_OVERHEAD, /* and that anything fits into */
};

struct http_flow {
	enum http_body_kind kind; /* as it comes */
	bool chunks;		  /* as it goes */
	bool apart;		  /* not chunks: trailers are wanted, behind the data */
	bool done;		  /* all of it was moved, its end included */
	uint64_t left;		  /* HTTP_BODY_LENGTH: still to come */
	size_t trailers; /* apart: so many bytes at the end of what was moved last are lines of them */
	const char *error; /* HTTP_BODY_CHUNKED: what is wrong, a static text */
	struct http_chunked _in;
	bool _ended; /* the last chunk was written */
};

void http_flow_begin(struct http_flow *f, struct http_body body, bool chunks);

/* Stops where `in` or the room runs out, or at the end. */
size_t http_flow_move(struct http_flow *f, struct span *in, uint8_t *out, size_t room);

/* Data that could be moved by reading it straight to where it goes, at most `max`; 0: it must pass
 * through http_flow_move. http_flow_passed says how much was. */
uint64_t http_flow_direct(const struct http_flow *f, uint64_t max);
void http_flow_passed(struct http_flow *f, uint64_t n);

/* The sender has closed, or said by other means that this is the end. Writes it to `out`, `trailers` with it where it goes
 * on in chunks, and returns its length, at most HTTP_FLOW_OVERHEAD bytes beyond them; f->done stays false where the body was
 * not whole. Trailers are whole lines that http_flow_is_trailer takes. */
size_t http_flow_close(struct http_flow *f, struct span trailers, uint8_t *out);

/* What routes, frames or authenticates a message has no business behind it (RFC 9110 6.5.1). */
bool http_flow_is_trailer(struct span name);

#endif

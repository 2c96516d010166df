/* Answers that are made smaller on their way to the client: gzip, where the route, the client and the answer allow it. Streaming:
 * what came is compressed as far as there is room for it, and flushed when the server pauses. A state of zlib takes some
 * 270 KiB: each worker has at most HTTP_DEFLATERS_MAX of them, further answers go as they are. owner: worker. */
#ifndef DATA_HTTP_COMPRESS_H
#define DATA_HTTP_COMPRESS_H

#include "data/http_exchange.h"
#include "http/reply.h"

enum {
	HTTP_DEFLATERS_MAX = 64,
	HTTP_DEFLATERS_IDLE = 4, /* kept for the next */
};

/* The request of x, whose head begins `bytes`: whether its client takes gzip. */
void http_compress_read(struct http_exchange *x, struct span bytes);

/* The answer, whose head begins `bytes`, has its framing in x->reply_body. Sets x->deflater where it will be compressed, and
 * x->varies where another client might get it otherwise. */
void http_compress_begin(
	struct http_exchange *x, struct span bytes, const struct http_reply *reply);

/* Whether the server's field goes on beside ours. */
bool http_compress_keeps(const struct http_exchange *x, struct span name);

/* Goes on with what is in *in, which it takes. HTTP_COMPRESS_OUT: x->out has bytes. */
enum http_compress {
	HTTP_COMPRESS_OUT,
	HTTP_COMPRESS_MORE, /* needs more of the server */
	HTTP_COMPRESS_DONE, /* all is in x->out, or was */
	HTTP_COMPRESS_BAD,  /* the server's framing is broken */
	HTTP_COMPRESS_NO_MEMORY,
};
enum http_compress http_compress_run(struct http_exchange *x, struct http_buffer **in);

/* The server pauses: what was taken shall reach the client. True: call http_compress_run. */
bool http_compress_flush(struct http_exchange *x);

void http_compress_end(struct http_exchange *x); /* none under way is allowed */
void http_compress_release(struct http *h);

#endif

/* HTTP/2 towards a client (RFC 9113), by libnghttp2: each stream carries one exchange. The same routes, answers, servers
 * and limits as of HTTP/1 apply, because the same code does them; here are frames, windows and what clients do to those.
 *
 * Bounds: HTTP2_STREAMS_MAX streams at once, HTTP_HEAD_MAX bytes and HTTP_FIELDS_MAX fields of a head, HTTP2_WINDOW bytes of
 * bodies that servers have not taken yet, and HTTP2_GROWN_MAX more where they did keep up, HTTP2_ALL_GROWN_MAX for all
 * connections of a worker; and HTTP2_IDLE_FRAMES_MAX frames that ask for nothing (resets, pings, settings) in
 * HTTP2_IDLE_FRAMES_MS. owner: worker. */
#ifndef DATA_HTTP2_H
#define DATA_HTTP2_H

#include "data/http_conn.h"

enum {
	HTTP2_STREAMS_MAX = 100,
	HTTP2_STREAM_WINDOW = 32768, /* of a request's body, at first */
	HTTP2_WINDOW = 16 * 32768,   /* of all bodies of a connection, at first */
	HTTP2_GROWN_MAX = 1 << 20,   /* more for streams whose server takes what comes */
	HTTP2_ALL_GROWN_MAX = 64 << 20,
	HTTP2_IDLE_FRAMES_MAX = 500,
	HTTP2_IDLE_FRAMES_MS = 10000,
};

enum http2_state {
	HTTP2_WAIT,
	HTTP2_TURN_OVER, /* there is more to do, but others have waited long enough */
	HTTP2_OVER,	 /* c->reason says why */
};

/* The client speaks HTTP/2 from its next byte on. False: out of memory. */
bool http2_begin(struct http_conn *c);

/* Reads, lets streams go on, and sends, as far as that leads. */
enum http2_state http2_run(struct http_conn *c);

/* Says good-bye; streams that are open may go on to their end. */
void http2_drain(struct http_conn *c, enum end_reason reason);
bool http2_drains(const struct http_conn *c);

/* Ends the streams that a server answers. */
void http2_close_server(struct http_conn *c, uint32_t server, enum end_reason reason);

/* Ends all streams, gives everything back. */
void http2_end(struct http_conn *c, enum end_reason reason);

/* One of its exchanges, for show; NULL: there is none. */
struct http_exchange *http2_exchange(const struct http_conn *c);

#endif

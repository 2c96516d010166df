/* The window of an HTTP/2 connection (RFC 9113 5.2), which all its streams share. owner: worker. */
#ifndef DATA_HTTP2_WINDOW_H
#define DATA_HTTP2_WINDOW_H

#include <nghttp2/nghttp2.h>

/* Gives the peer back what was consumed, when that is as much as the peer has left. nghttp2 by itself waits until half of the
 * window was: never, once more than half of it is `held` by streams that wait for somebody. */
void http2_window_give(nghttp2_session *session, size_t held);

#endif

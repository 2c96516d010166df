/* Inside of the load generator: ask.c, and ask_h2.c for HTTP/2. */
#ifndef BENCH_ASK_H
#define BENCH_ASK_H

#include "web.h"
#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>

struct conn {
	int fd; /* -1: none */
	SSL *ssl;
	bool asked; /* a request is under way */
	uint8_t head_state;
	uint64_t left; /* of the body; 0: in the head */
	uint64_t answers, begun;
	nghttp2_session *h2;
	bool spoiled; /* a byte was not as agreed */
	uint8_t *out; /* frames that the socket did not take */
	size_t n_out;
};

struct ask {
	uint16_t port;
	uint64_t connections, parallel; /* in all; at once */
	uint64_t rounds;		/* requests on each */
	uint64_t size;			/* of the body */
	unsigned streams;		/* of HTTP/2 at once; 0: HTTP/1.1 */
	bool resume;
	int epoll;
	SSL_CTX *ctx;
	SSL_SESSION *session;
	uint64_t started, open, finished, failed, resumed, received;
	struct conn conns[WEB_FD_MAX]; /* by descriptor */
};

enum ask_state { ASK_GO, ASK_WAIT, ASK_DONE, ASK_FAILED };

/* After the handshake. False: out of memory, or the server does not speak it. */
bool ask_h2_begin(struct ask *a, struct conn *c);
enum ask_state ask_h2_go(struct ask *a, struct conn *c);
void ask_h2_end(struct conn *c); /* none is allowed */

#endif

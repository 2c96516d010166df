/* The handshake of a WebSocket (RFC 6455 1.3) that we make ourselves, for a client that asked over HTTP/2 and knows none
 * (RFC 8441): the key that a server of HTTP/1.1 is asked with, and what it has to answer. Any thread. */
#ifndef DATA_WEBSOCKET_H
#define DATA_WEBSOCKET_H

#include "base/prng.h"
#include "base/span.h"

#include <stdbool.h>

enum {
	WEBSOCKET_KEY = 24,    /* characters of Sec-WebSocket-Key */
	WEBSOCKET_ACCEPT = 28, /* and of Sec-WebSocket-Accept */
};

/* A new key, and its answer. Both end with a NUL. False: out of memory. */
bool websocket_ask(
	struct prng *prng, char ret_key[WEBSOCKET_KEY + 1], char ret_accept[WEBSOCKET_ACCEPT + 1]);

/* The answer to a key of WEBSOCKET_KEY characters. */
bool websocket_accept(const char *key, char ret_accept[WEBSOCKET_ACCEPT + 1]);

#endif

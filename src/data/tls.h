/* TLS on one end of an HTTP connection: the server's side of OpenSSL over a socket that never blocks (RFC 8446, RFC 5246).
 * Used by link.c alone, which offers the same calls for plain and secured connections. A close without close_notify is
 * an end like any other: what it may have cut short is for HTTP's framing to tell. owner: worker. */
#ifndef DATA_TLS_H
#define DATA_TLS_H

#include "base/span.h"
#include "data/pins.h"
#include "tally.h"

#include <stdbool.h>
#include <sys/types.h>

struct http;
struct tls; /* opaque */
struct worker;

/* A listener that terminates TLS, in that generation. */
struct tls_place {
	uint16_t listener; /* slot */
	pin_t pin;
};

/* For the connection of that listener on `fd`, which stays the caller's. `first` are bytes that were read from it already,
 * copied. NULL: out of memory. */
struct tls *tls_new(struct worker *w, const struct tls_place *at, int fd, struct span first);
void tls_free(struct tls *t); /* NULL is allowed */

/* Moves it to the newest generation, if the listener terminates TLS there. Every call does that. */
void tls_renew(struct tls *t);

/* When the last connection of a worker is gone: gives back what they shared. */
void tls_worker_end(struct http *h);

enum tls_state { TLS_DONE, TLS_WANTS_READ, TLS_WANTS_WRITE, TLS_FAILED };

/* Goes on with the handshake. TLS_FAILED: *ret_reason; an alert was sent where there is one for it. */
enum tls_state tls_handshake(struct tls *t, enum end_reason *ret_reason);

/* An edge: the socket has something to read; `end`: and the peer's end or reset is behind it. */
void tls_readable(struct tls *t, bool end);

/* As stream_recv and stream_send: 0 is the peer's end, -EAGAIN waits for an edge of the socket. A read that gives less
 * than it was asked for does not tell that there is no more. tls_send takes one record of a longer run, and may hold its end
 * back for the next: the caller goes on until all is taken, or -EAGAIN. */
ssize_t tls_recv(struct tls *t, void *buf, size_t n);
ssize_t tls_send(struct tls *t, struct span bytes);

/* Tells the peer that nothing more comes (close_notify); what the socket does not take at once is not sent. */
void tls_end(struct tls *t);

/* --- after the handshake --- */

/* Whether our certificate has this normalized name, or the client asked for that name itself. */
bool tls_is_meant_for(const struct tls *t, struct span name);

/* Borrowed for the life of the connection; empty: none. */
struct span tls_name(const struct tls *t);
struct span tls_alpn(const struct tls *t);

#endif

/* One end of an HTTP connection: a socket, edge-triggered, and what its edges said. Everything above
 * reads, sends and closes by these functions and sees no descriptor, so that TLS has its place below
 * them. owner: worker. */
#ifndef DATA_LINK_H
#define DATA_LINK_H

#include "base/span.h"
#include "net/addr.h"
#include "poller/poller.h"
#include "tally.h"

#include <sys/types.h>

struct tls;
struct tls_place;
struct worker;

struct link {
	struct watch watch; /* its descriptor is -1 while there is none */
	struct tls *tls;    /* NULL: plain */
	bool readable : 1;  /* an edge said so, and no read has found it empty since */
	bool blocked : 1;   /* a send would block: wait for an edge */
	bool ended : 1;	    /* the kernel has the peer's end, perhaps behind unread bytes */
	bool failed : 1;    /* or its reset */
	bool watches_writes : 1;
	bool finished : 1; /* our own end was sent */
};

/* Takes the socket over; `cb` gets its edges, and passes them to link_note first. */
void link_init(struct link *l, int fd, poller_cb *cb);
void link_note(struct link *l, unsigned edges);

static inline bool link_is_open(const struct link *l)
{
	return l->watch.fd >= 0;
}

/* Watches edges; with `writes` for room to send, too. False: out of memory. */
bool link_watch(struct link *l, struct poller *p, bool writes);

/* The peer speaks TLS from here on; `first` are bytes of it that were read already. The handshake comes
 * first. False: out of memory. */
bool link_secure(struct link *l, struct worker *w, const struct tls_place *at, struct span first);

/* Goes on with the handshake. LINK_WAITS: for an edge, to write where `blocked`. LINK_FAILED: *ret_reason. */
enum link_state { LINK_READY, LINK_WAITS, LINK_FAILED };
enum link_state link_handshake(struct link *l, enum end_reason *ret_reason);

/* The protocol that was agreed on; empty: none. */
struct span link_alpn(const struct link *l);

/* Back to plain, for reading away what a peer sends whose handshake failed. */
void link_unsecure(struct link *l);

/* Bytes; 0: the peer has ended; -EAGAIN, or another negative errno. */
ssize_t link_recv(struct link *l, void *buf, size_t n);
ssize_t link_send(struct link *l, struct span bytes);

/* The peer has ended or reset, or sent what nobody asked for. */
bool link_is_over(const struct link *l);

/* Bytes came that nobody has read yet. */
bool link_has_unread(const struct link *l);

/* Ends our side; the peer may go on. */
void link_end(struct link *l);

/* Both give the descriptor back; not open is allowed. */
void link_close(struct link *l, struct poller *p);
void link_reset(struct link *l, struct poller *p);

/* The connection's own address on our side. */
bool link_local(const struct link *l, struct addr *ret);

#endif

/* A hello: the client's first bytes, and what is known of the way to a server, from the first read
 * until the server has answered. Lives in a pooled buffer; an established connection has none.
 *
 * The bytes stay after they were sent: a server that resets or closes before its first byte has not
 * served anybody, and the same hello goes to the next one. */
#ifndef DATA_HELLO_H
#define DATA_HELLO_H

#include "base/list.h"
#include "base/mono.h"
#include "base/span.h"
#include "data/buffers.h"
#include "data/choice.h"
#include "net/addr.h"
#include "proxyproto/proxyproto.h"
#include "sni/sni.h"

enum {
	HELLO_ROOM = PROXYPROTO_WRITE_MAX, /* before the client's bytes, for a PROXY header */
	HELLO_BYTES_MAX = SNI_RAW_MAX,	   /* of the client */
};

struct conn;

struct hello {
	struct conn *conn;   /* whose it is */
	struct list waiting; /* in a queue for a free server */
	struct mono since;   /* when the present try began */
	struct mono queued_at;
	struct choice choice; /* of a server */
	struct addr local;    /* where the client connected to, as a PROXY header said */
	bool has_local;
	bool queued;
	bool timed_out;	  /* the last try ended so */
	bool short_of;	  /* waits for descriptors or memory, not for a server */
	uint16_t head;	  /* bytes of PROXY header for the server, right before bytes[HELLO_ROOM] */
	uint32_t size;	  /* of the buffer that this lives in */
	uint32_t len;	  /* client's bytes at bytes[HELLO_ROOM] */
	uint32_t raw_len; /* of these, the ClientHello; 0: not known yet */
	uint32_t sent;	  /* of head + len */
	uint8_t bytes[];
};

/* NULL: out of memory. `want`: of client's bytes, at most HELLO_BYTES_MAX. */
struct hello *hello_new(struct buffers *b, struct conn *conn, size_t want);
void hello_free(struct buffers *b, struct hello *h);

/* Moves to a buffer for `want` bytes, larger or smaller; may be called while not waiting only. NULL:
 * out of memory, and the old one stays. */
struct hello *hello_resize(struct buffers *b, struct hello *h, size_t want);

/* Takes n bytes away from the front. */
void hello_cut(struct hello *h, size_t n);

static inline uint8_t *hello_bytes(struct hello *h)
{
	return h->bytes + HELLO_ROOM;
}

static inline size_t hello_room(const struct hello *h)
{
	return h->size - sizeof(*h) - HELLO_ROOM - h->len;
}

/* What is still to be sent: the header, then the client's bytes. */
static inline struct span hello_unsent(const struct hello *h)
{
	return span_of(h->bytes + HELLO_ROOM - h->head + h->sent, h->head + h->len - h->sent);
}

#endif

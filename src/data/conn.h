/* A connection: one client, and the server that it is passed to. conn.c tells its story in order;
 * the other files of this folder are its chapters.
 *
 * What an established connection needs stands here and is kept small; what is needed only until the
 * server answers is in struct hello. owner: worker. */
#ifndef DATA_CONN_H
#define DATA_CONN_H

#include "base/mono.h"
#include "data/hello.h"
#include "data/labels.h"
#include "data/pins.h"
#include "net/addr.h"
#include "net/pipe.h"
#include "poller/poller.h"
#include "tally.h"
#include "wheel/wheel.h"

struct worker;
struct listener;

enum conn_step {
	STEP_FREE, /* not in use */
	STEP_INSPECT,
	STEP_ROUTE,
	STEP_CHOOSE,  /* a server; waits here while all are full */
	STEP_REST,    /* before a server is tried again */
	STEP_CONNECT, /* until the hello is with the server */
	STEP_PUMP,
	STEP_REFUSED, /* an alert was sent, the client has yet to close */
	/* What a step may return instead of a next one. */
	STEP_WAIT, /* an event, the timer or the queue calls again */
	STEP_GONE, /* the connection is finished; its memory is someone else's */
};

enum { CLIENT, SERVER, SIDES };

/* Bytes read from one side that the other would not take yet. */
struct unsent {
	uint32_t start, end;
	uint32_t size; /* of the buffer that this lives in */
	uint8_t bytes[];
};

/* One of the two sockets. */
struct side {
	struct watch watch; /* its descriptor is -1 while there is none */
	union {
		struct unsent *buffer;
		struct pipe *pipe; /* where `piped` */
	} unsent;		   /* read here, on its way to the other side */
	uint64_t bytes;		   /* read here */
	uint32_t ready_us; /* since accept: the client's hello was whole, the server connected */
	uint16_t place;	   /* slot of the listener; of the server in the view it was chosen from */
	bool readable : 1; /* an edge said so, and no read has found it empty since */
	bool blocked : 1;  /* a send would block: wait for an edge */
	bool ended : 1;	   /* the kernel has the peer's end, perhaps behind unread bytes */
	bool failed : 1; /* the kernel has an error, the peer's reset, perhaps behind unread bytes */
	bool eof : 1;	 /* all was read, to the end */
	bool passed : 1; /* the end was passed on to the other side */
	bool broken : 1; /* a send failed: what can still be read is read, then it counts as reset */
	bool deaf : 1;	 /* the other side is gone: what comes is thrown away */
	bool splices : 1; /* bulk: reads by pipe */
	bool piped : 1;	  /* unsent is a pipe */
	bool nodelay : 1; /* small messages leave at once */
	bool keepalive : 1;
};

struct conn {
	struct side side[SIDES];
	union {
		struct worker *worker;
		struct conn *next_free; /* while not in use */
	};
	struct wheel_timer timer;
	struct list turn;    /* in worker->turns */
	struct hello *hello; /* until the server answers */
	struct label *label; /* what the client asked for; NULL: not known (yet) */
	struct addr client;
	struct mono started;
	uint32_t active_ms; /* since `started`, modulo 2^32: the last byte either way */
	uint32_t sequence;  /* of the worker */
	uint32_t first_byte_us;
	uint32_t server_id; /* UINT32_MAX: none */
	uint16_t backend;   /* slot; UINT16_MAX: none yet */
	int16_t route;	    /* in its generation */
	uint8_t step : 4;
	uint8_t retries : 4;	/* config_backend.retries is 10 at most */
	uint8_t reason;		/* who ended first, or why it was refused */
	pin_t pin;		/* the generation it is of */
	bool counts_source : 1; /* in load->per_source */
	bool connected : 1;	/* counted as opened at its server */
	bool counts_server : 1; /* in load->active */
	bool wants_proxy : 1;	/* a PROXY header comes first */
	bool is_ipv6 : 1;	/* the server's socket */
};

/* What a connection began with, for callbacks: `fd` and `client` are taken over. */
void conn_accept(struct listener *l, int fd, const struct addr *client);

/* Goes on from the present step as far as that leads. */
void conn_drive(struct conn *c);

/* The only exit. Closes, counts, writes the access record, gives the memory back. */
enum conn_step conn_finish(struct conn *c, enum end_reason reason);

/* The timer of a connection has come. */
void conn_timeout(struct conn *c);

/* Sets the one timer `ms` from now; 0: none. */
void conn_set_timer(struct conn *c, uint64_t ms);

/* Watches a side's edges; with `writes` for room to send, too. False: out of memory. */
bool conn_watch(struct conn *c, unsigned side, bool writes);

/* Gives a side its socket. */
void conn_set_fd(struct conn *c, unsigned side, int fd);

/* Takes it back for the caller to close; -1: there was none. */
int conn_take_fd(struct conn *c, unsigned side);

static inline int conn_fd(const struct conn *c, unsigned side)
{
	return c->side[side].watch.fd;
}

/* Its listener's slot. */
static inline uint16_t conn_listener(const struct conn *c)
{
	return c->side[CLIENT].place;
}

/* The configuration it is of. */
const struct generation *conn_generation(const struct conn *c);
const struct config_backend *conn_backend(const struct conn *c); /* once it has one */

/* Microseconds since accept, at most 71 minutes. */
uint32_t conn_age_us(const struct conn *c);

/* Since the last byte either way; right while that is less than 49 days ago, however old the
 * connection is. */
uint32_t conn_idle_ms(const struct conn *c);

uint64_t conn_number(const struct conn *c);
const char *conn_state(const struct conn *c); /* a static word for `show sess` */

#endif

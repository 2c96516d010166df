/* One request and its answer. Finds the route, and has it answered: by ourselves (http_answer.h) or by a
 * server (http_proxy.h). Knows neither how the client's connection is secured nor how its messages are
 * framed. Lives in a pooled buffer. owner: worker. */
#ifndef DATA_HTTP_EXCHANGE_H
#define DATA_HTTP_EXCHANGE_H

#include "access.h"
#include "data/choice.h"
#include "data/http_conn.h"
#include "data/http_trailers.h"
#include "data/websocket.h"
#include "http/flow.h"
#include "http/request.h"

/* What the access log tells of a request, kept beyond its head. */
struct http_log_text {
	uint8_t host_len, method_len;
	uint16_t path_len, agent_len;
	uint8_t bytes[ACCESS_NAME_MAX + ACCESS_METHOD_MAX + ACCESS_PATH_MAX + ACCESS_AGENT_MAX];
};

enum { HTTP_AUTH_MARK = 16 };

/* What carries an exchange: a client's connection of HTTP/1 (http_conn.c), or a stream of HTTP/2. */
struct http_carrier {
	/* More of the request's body into *x->in. HTTP_GOT_END: all of it came. */
	enum http_got (*read)(struct http_exchange *x);
	/* Takes x->out and x->rest. 0: all of it; -EAGAIN: not yet; another negative errno. */
	int (*send)(struct http_exchange *x);
	/* Arranges to be told when the client has more, or takes more. False: out of memory. */
	bool (*watch)(struct http_exchange *x);
	/* The client has ended or reset. */
	bool (*is_gone)(const struct http_exchange *x);
	/* Of a tunnel: nothing more is sent; the client may go on. */
	void (*end)(struct http_exchange *x);
	/* The exchange can go on, now, or by the end of this turn of the loop; and: it cannot, and takes its carrier with it.
	 * Each may free it. */
	void (*drive)(struct http_exchange *x);
	void (*wake)(struct http_exchange *x);
	void (*finish)(struct http_exchange *x, enum end_reason reason);
	bool is_plain; /* a body is read from conn->link as it is, and is framed as in HTTP/1 */
};

/* Who answers, and how far that is. */
enum http_phase {
	HTTP_PHASE_OURS,     /* we do */
	HTTP_PHASE_HELD,     /* nobody yet: its password is being verified */
	HTTP_PHASE_CHOOSE,   /* a server; waits here while all are full */
	HTTP_PHASE_REST,     /* before servers that failed are tried again */
	HTTP_PHASE_EXCHANGE, /* with a server, from connecting to the end of the answer */
	HTTP_PHASE_TUNNEL,   /* the server has switched protocols */
};

struct http_exchange {
	struct http_conn *conn;
	const struct http_carrier *carrier;
	struct http_buffer **in;     /* read from the client, not used yet */
	struct mono started;	     /* the first byte of the request was here */
	struct http_request request; /* its spans are good until the head is taken off *in */
	struct http_buffer *out;     /* for the client */
	struct span rest;	     /* for the client behind that: of the configuration */
	uint64_t bytes_in, bytes_out;
	uint32_t connect_us, first_byte_us; /* since `started` */
	uint32_t server_id;		    /* UINT32_MAX: none */
	uint16_t backend;		    /* slot; UINT16_MAX: none */
	int16_t route;			    /* in its generation */
	pin_t pin;			    /* the generation it is of */
	uint16_t status;		    /* of the answer; 0: none yet */
	uint8_t reason;			    /* enum end_reason, as far as it is known */
	bool is_request;		    /* the head was read and taken */
	uint64_t body_bytes,
		max_body;   /* of a body without a length: so far, and at most (0: any) */
	bool closes;	    /* the connection is of no use afterwards */
	bool has_open_body; /* of no length that is known: its carrier says when it ends */

	/* compressed: http_compress.c */
	struct http_deflater *deflater; /* NULL: the answer goes as it is, or all of it went */
	uint64_t compressed_in, compressed_out;
	bool takes_gzip; /* the client, on a route that compresses */
	bool varies;	 /* others may get the answer in another coding */

	/* held: http_auth.c */
	struct http_buffer *kept; /* the head */
	struct list verifying;	  /* in http->verifying */
	uint64_t auth_tag;
	uint8_t auth_mark[HTTP_AUTH_MARK];
	uint8_t auth_user_len;
	char auth_user[63]; /* cut where longer */

	/* with a server: http_proxy.c, http_relay.c */
	enum http_phase phase;
	struct choice choice;
	struct http_upstream *upstream;
	struct list waiting; /* in http->queues */
	struct http_timer timer;
	struct mono active;	       /* the last byte either way, or when the phase began */
	struct http_buffer *to_server; /* while `replayable` all of the request so far */
	uint32_t sent;		       /* of that */
	int error;		       /* a positive errno */
	struct http_flow request_body, reply_body;
	struct http_trailers request_trailers, reply_trailers; /* set apart */
	uint16_t place; /* of the server, in the view it was chosen from */
	uint8_t retries, refusals;
	uint32_t reset_code; /* of the server's stream, where it was reset; 0: none */
	bool waits_for_any;  /* in the queue: for whichever server has room */
	bool counts_server;  /* in load->active */
	bool server_opened;  /* counted as opened at its server */
	bool has_proxy_header;
	bool replayable;  /* the request can be sent to another server */
	bool send_broken; /* the server takes no more of it */
	bool asked_upgrade;
	bool reply_keeps_alive;
	bool keeps_up; /* the client took all that was sent last */
	bool moved;    /* something, in this step of the relay */
	bool timed_out;
	bool client_ended, server_ended; /* of a tunnel */
	bool asks_tunnel; /* over HTTP/2, for a WebSocket, which we ask the server for by HTTP/1.1 */
	char websocket_accept[WEBSOCKET_ACCEPT + 1]; /* then: what it has to say to that */
	bool client_is_secure; /* it speaks TLS, to us or to a trusted proxy; of a sticky backend */
	bool cookie_grows_old; /* the sticky one: it is set anew */

	struct http_log_text log;
	struct http_head head;
};

/* NULL: out of memory. */
struct http_exchange *http_exchange_new(
	struct http_conn *c, const struct http_carrier *carrier, struct http_buffer **in);
void http_exchange_free(struct http_exchange *x);

/* All of a server's answer is in x->out, or was. */
static inline bool http_exchange_has_all(const struct http_exchange *x)
{
	if (x->phase == HTTP_PHASE_TUNNEL)
		return x->server_ended;
	return x->status != 0 && x->reply_body.done && !x->deflater;
}

/* The configuration it is of, and what that says of its listener. */
const struct generation *http_exchange_generation(const struct http_exchange *x);
const struct config_listener *http_exchange_listener(const struct http_exchange *x);

/* The head is read, and begins *x->in: judges it, takes it off, and begins to answer. */
void http_exchange_begin(struct http_exchange *x);

/* It was held: its password was right, or not. */
void http_exchange_resume(struct http_exchange *x, bool good);

/* Answers with an error of this status; `why`, a static text, is told to the client. */
void http_exchange_refuse(
	struct http_exchange *x, unsigned status, enum end_reason reason, const char *why);

#endif

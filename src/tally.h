/* Tallies: counters with exactly one writer each, a worker, read and added up by control.
 *
 * The writer stores with relaxed atomics, so counting costs an ordinary add; a reader may see a counter a moment
 * late, never torn. They only ever grow (gauges are told apart by name and are sums of ups and downs). */
#ifndef TALLY_H
#define TALLY_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

typedef _Atomic uint64_t tally_t;

static inline void tally_add(tally_t *t, uint64_t n)
{
	atomic_store_explicit(
		t, atomic_load_explicit(t, memory_order_relaxed) + n, memory_order_relaxed);
}

static inline uint64_t tally_get(const tally_t *t)
{
	return atomic_load_explicit(t, memory_order_relaxed);
}

/* Why a connection ended, who ended it: printed as two letters in the access log, counted by name.
 * The table end_reasons in tally.c holds code and name; the order here is free. */
enum end_reason {
	END_CLIENT_CLOSED, /* CD: the client closed first, orderly */
	END_SERVER_CLOSED, /* SD */
	END_CLIENT_RESET,
	END_SERVER_RESET,
	END_IDLE_TIMEOUT,
	END_HALF_CLOSE_TIMEOUT,
	END_HELLO_TIMEOUT,
	END_HELLO_CLOSED, /* the client went away before its hello was whole */
	END_HELLO_NOT_TLS,
	END_HELLO_MALFORMED,
	END_HELLO_TOO_LARGE,
	END_NO_NAME,
	END_NO_ROUTE,
	END_PROXY_MISSING, /* a listed source sent no PROXY header */
	END_PROXY_MALFORMED,
	END_PROXY_REFUSED, /* an unlisted source sent one */
	END_LIMIT_PER_SOURCE,
	END_LIMIT_RATE,
	END_BANNED,	    /* refused, or ended when the ban came */
	END_NO_SERVER,	    /* none may be chosen */
	END_SERVERS_FULL,   /* all stayed at max_connections for too long */
	END_QUEUE_FULL,	    /* and as many as may wait did so */
	END_CONNECT_FAILED, /* every try failed */
	END_CONNECT_TIMEOUT,
	END_SERVER_SHUTDOWN, /* shut by an operator, on_down or on_removed */
	END_STOPPING,	     /* graceful_stop ran out */
	END_NO_MEMORY,
	END_NO_DESCRIPTORS,
	/* of HTTP */
	END_ANSWERED,
	END_REQUEST_TIMEOUT,
	END_REQUEST_CLOSED, /* the client went away before its request was whole */
	END_REQUEST_MALFORMED,
	END_REQUEST_TOO_LARGE,
	END_REQUEST_UNSUPPORTED,
	END_UNAUTHORIZED,    /* no user, or not the right password */
	END_LIMIT_PASSWORDS, /* too many of them: of this source, or of all */
	END_SOURCE_REFUSED,  /* by the route's allow or deny */
	END_CLIENT_FLOOD,    /* frames of HTTP/2 that ask for nothing */
	END_LIMIT_REQUESTS,  /* of the route */
	END_ANSWER_TIMEOUT,
	END_ANSWER_MALFORMED,
	/* of TLS that is terminated here */
	END_MISDIRECTED, /* the host is of another certificate than the connection's */
	END_TLS_TIMEOUT,
	END_TLS_CLOSED, /* the client went away during the handshake */
	END_TLS_RESET,
	END_TLS_VERSION, /* it speaks only older ones */
	END_TLS_NOTHING_SHARED,
	END_TLS_CLIENT_ALERT, /* the client refused: our certificate, say */
	END_TLS_FAILED,
	END_REASONS
};

struct end_reason_text {
	const char *code; /* two letters, in the spirit of HAProxy's termination state */
	const char *name; /* snake_case, for metrics and JSON */
	const char *text; /* for people */
};
extern const struct end_reason_text end_reasons[END_REASONS];

/* Durations in buckets that double: bucket i counts those below 2^i * 64 µs, the last one the rest. */
enum { TALLY_BUCKETS = 20 };
struct tally_histogram {
	tally_t bucket[TALLY_BUCKETS];
	tally_t count, sum_us;
};
void tally_observe(struct tally_histogram *h, uint64_t us);
uint64_t tally_bucket_limit_us(unsigned i);

enum { TALLY_STATUS_CLASSES = 5 };

struct tally_listener {
	tally_t accepted;	     /* connections taken from the kernel */
	tally_t opened, closed;	     /* sessions begun and ended: opened - closed are current */
	tally_t bytes_in, bytes_out; /* client side: from it, to it */
	tally_t refused_limit;	     /* dcon: by a ban, a per-source or a rate limit */
	tally_t refused_request;     /* ereq: hello timeout, not TLS, malformed, no route … */
	tally_t limited_source, limited_rate, untracked_sources, banned;
	tally_t requests;		       /* HTTP: heads that were read */
	tally_t answers[TALLY_STATUS_CLASSES]; /* HTTP: 1xx, 2xx … 5xx */
};

struct tally_backend {
	tally_t opened, closed;
	tally_t bytes_in, bytes_out;
	tally_t retries, redispatches;
	tally_t connect_errors; /* econ: connections that no server took */
	tally_t no_server, full;
	tally_t queued_now_up, queued_now_down; /* waiting for a free server: up - down */
	tally_t compressed, compressed_in,
		compressed_out; /* answers, their bytes before and after */
	tally_t queue_full;
	struct tally_histogram queue; /* of those that waited */
	struct tally_histogram connect, first_byte, total;
	tally_t answers[TALLY_STATUS_CLASSES]; /* HTTP: of its servers, and in their place */
};

struct tally_server {
	tally_t opened, closed; /* connections established to it */
	tally_t chosen;		/* lbtot */
	tally_t bytes_in, bytes_out;
	tally_t connect_errors; /* econ */
	tally_t retries, redispatches;
	tally_t response_errors; /* eresp: reset by it */
	tally_t client_aborts, server_aborts;
	tally_t connect_us_sum, total_us_sum,
		timed;			       /* sums for averages over `timed` connections */
	tally_t answers[TALLY_STATUS_CLASSES]; /* HTTP */
	tally_t last_session_s; /* gauge: monotonic second of the last one; 0: none */
};

/* owner: daemon; writer: its worker; readers: control (relaxed). */
struct tally {
	alignas(64) tally_t loops; /* event loop turns */
	tally_t busy_us;	   /* spent in callbacks */
	tally_t loop_delay_max_us; /* longest turn; a gauge that control may let begin again */
	tally_t ended[END_REASONS];
	tally_t requests_ended[END_REASONS];		    /* HTTP */
	tally_t pipes_used_up, pipes_used_down, pipes_free; /* splice: in use are up - down */
	tally_t accept_pauses;
	tally_t spliced_bytes;
	tally_t access_dropped; /* access records lost: the ring was full */
	uint32_t n_listeners, n_backends, max_servers;
	struct tally_listener *listeners;
	struct tally_backend *backends;
	struct tally_server *servers; /* by server id */
};

struct tally *tally_new(uint32_t n_listeners, uint32_t n_backends, uint32_t max_servers);
void tally_free(struct tally *t);

#endif

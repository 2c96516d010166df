/* The inside of a probe, for probe*.c only: its state, its steps, and the one way to move its bytes, plain or through
 * TLS. Expects SIGPIPE to be ignored. */
#ifndef CONTROL_PROBE_IO_H
#define CONTROL_PROBE_IO_H

#include "control/probe.h"
#include "control/probe_h2c.h"
#include "http/response.h"

#include <event2/event_struct.h>

enum probe_state {
	PROBE_IDLE,
	PROBE_NOT_BEGUN, /* there is no socket: the timer brings the result, which is there already */
	PROBE_CONNECTING,
	PROBE_SENDING_PROXY,
	PROBE_HANDSHAKING,
	PROBE_SENDING_REQUEST,
	PROBE_READING_ANSWER,
	PROBE_LINGERING, /* the result is out: waits for the server's end */
};

/* What a step or a transfer came to. */
enum probe_move {
	PROBE_MOVED,
	PROBE_WANTS_READ,
	PROBE_WANTS_WRITE,
	PROBE_CLOSED, /* by the server, orderly or not by TLS's rules */
	PROBE_RESET,
	PROBE_BROKEN, /* TLS: why stands in the result's detail */
	PROBE_OVER,   /* of a step: the result was given, or the connection is gone */
};

struct probe {
	struct event_base *base;
	probe_cb *done;
	void *arg;

	/* of the check under way */
	const struct probe_plan *plan;
	struct addr addr;
	enum probe_state state;
	int fd; /* -1: none */
	SSL *ssl;
	struct event io, timer;
	struct mono started;
	struct check_result result;

	/* What is being sent, then the answer: grows to HTTP_RESPONSE_HEAD_MAX, gone when idle. */
	char *buf;
	size_t room, len, sent;
	struct http_response answer;
	struct probe_h2c *h2c; /* NULL: HTTP/1 */
	size_t drained;
};

/* PROBE_MOVED: *ret_n bytes, at least one. */
enum probe_move probe_send(struct probe *p, const void *bytes, size_t n, size_t *ret_n);
enum probe_move probe_recv(struct probe *p, void *bytes, size_t n, size_t *ret_n);

/* PROBE_MOVED: it is done. PROBE_BROKEN: result.status and .detail say why. */
enum probe_move probe_handshake(struct probe *p);

/* Says goodbye in TLS, as far as that goes without waiting. */
void probe_say_goodbye(struct probe *p);

/* result.detail */
void probe_detail(struct probe *p, const char *text);

/* result.status and detail of a connect that failed. */
void probe_refused(struct probe *p, int error);

/* One step from the present state: PROBE_MOVED (there is another), PROBE_WANTS_*, PROBE_OVER. */
enum probe_move probe_step(struct probe *p);

/* Gives the result, once, with the time it took; then the connection lingers or is closed. */
void probe_finish(struct probe *p, enum check_status status);
void probe_stop(struct probe *p); /* closes, forgets, gives no result */
void probe_arm(struct probe *p, uint64_t ms);

#endif

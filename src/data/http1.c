#include "base/bug.h"
#include "data/http_account.h"
#include "data/http_conn_inside.h"
#include "data/http_exchange.h"
#include "data/http_proxy.h"
#include "data/proxy_header.h"

#include <errno.h>

/* --- the head of a request --- */

static enum http_step answer_bad_head(struct http_conn *c)
{
	const struct http_head *h = &c->exchange->head;
	bool large = h->code == 414 || h->code == 431;

	if (c->requests == 0 && proxy_header_begins(http_buffer_held(c->in)))
		return http_conn_finish(c, END_PROXY_REFUSED);
	c->exchange->closes = true;
	http_exchange_refuse(c->exchange, h->code,
		large ? END_REQUEST_TOO_LARGE
		      : (h->code == 501 || h->code == 505 ? END_REQUEST_UNSUPPORTED
							  : END_REQUEST_MALFORMED),
		h->error);
	return HTTP_STEP_ANSWER;
}

static enum http_got carrier_read(struct http_exchange *x)
{
	return http_conn_read(x->conn);
}

static bool carrier_watch(struct http_exchange *x)
{
	struct link *link = &x->conn->link;

	return link_watch(link, x->conn->worker->poller, link->blocked);
}

static bool carrier_is_gone(const struct http_exchange *x)
{
	return x->conn->link.ended || x->conn->link.failed;
}

static void carrier_end(struct http_exchange *x)
{
	link_end(&x->conn->link);
}

static void carrier_drive(struct http_exchange *x)
{
	http_conn_drive(x->conn);
}

static void carrier_finish(struct http_exchange *x, enum end_reason reason)
{
	http_conn_finish(x->conn, reason);
}

static int send_out(struct http_exchange *x);

static const struct http_carrier carrier = {
	.read = carrier_read,
	.send = send_out,
	.watch = carrier_watch,
	.is_gone = carrier_is_gone,
	.end = carrier_end,
	.drive = carrier_drive,
	.wake = carrier_drive,
	.finish = carrier_finish,
	.is_plain = true,
};

/* What is there of a head. HTTP_STEP_HEAD: more of it is needed. */
static enum http_step judge_head(struct http_conn *c)
{
	if (!c->exchange) {
		c->exchange = http_exchange_new(c, &carrier, &c->in);
		if (!c->exchange)
			return http_conn_finish(c, END_NO_MEMORY);
		if (c->requests > 0)
			http_conn_set_deadline(c, http_conn_listener(c)->timeouts.request_ms);
	}
	switch (http_head_parse(&c->exchange->head, http_buffer_held(c->in))) {
	case HTTP_HEAD_MORE:
		return HTTP_STEP_HEAD;
	case HTTP_HEAD_BAD:
		return answer_bad_head(c);
	case HTTP_HEAD_DONE:
		break;
	}
	c->requests++;
	http_exchange_begin(c->exchange);
	return HTTP_STEP_ANSWER;
}

/* The client is gone. Between requests that is what clients do. */
static enum http_step gone(struct http_conn *c, bool reset)
{
	if (c->exchange)
		return http_conn_finish(c, END_REQUEST_CLOSED);
	return http_conn_finish(c, reset ? END_CLIENT_RESET : END_CLIENT_CLOSED);
}

enum http_step http1_head(struct http_conn *c)
{
	enum http_step next =
		http_buffer_held(c->in).n > 0 && !c->exchange ? judge_head(c) : HTTP_STEP_HEAD;

	while (next == HTTP_STEP_HEAD) {
		switch (http_conn_read(c)) {
		case HTTP_GOT_BYTES:
			next = judge_head(c);
			break;
		case HTTP_GOT_NOTHING:
			return http_conn_wait(c, false);
		case HTTP_GOT_END:
			return gone(c, false);
		case HTTP_GOT_RESET:
			return gone(c, true);
		case HTTP_GOT_NO_MEMORY:
			return http_conn_finish(c, END_NO_MEMORY);
		}
	}
	return next;
}

/* --- the answer --- */

static int send_out(struct http_exchange *x)
{
	struct http_conn *c = x->conn;

	if (c->link.blocked)
		return -EAGAIN;
	while (x->out || x->rest.n > 0) {
		struct span bytes = x->out ? http_buffer_held(x->out) : x->rest;
		ssize_t n = link_send(&c->link, bytes);

		if (n < 0)
			return (int)n;
		http_account_sent(c, (size_t)n);
		http_account_answer(x, (size_t)n);
		if (x->out)
			http_buffer_take(http_conn_pool(c), &x->out, (size_t)n);
		else
			x->rest = span_of(x->rest.p + n, x->rest.n - (size_t)n);
	}
	return 0;
}

void http1_end(struct http_conn *c)
{
	http_account_end(c->exchange);
	http_exchange_free(c->exchange);
	c->exchange = NULL;
}

/* The answer is out: the next request, or the end. */
static enum http_step go_on(struct http_conn *c)
{
	bool closes = c->exchange->closes;

	c->reason = c->exchange->reason;
	http1_end(c);
	if (!closes) {
		http_conn_set_deadline(c, http_conn_listener(c)->timeouts.idle_ms);
		return HTTP_STEP_HEAD;
	}
	link_end(&c->link);
	http_conn_set_deadline(c, HTTP_LINGER_MS);
	return HTTP_STEP_LINGER;
}

static enum http_step send_ours(struct http_conn *c)
{
	int error;

	if (c->exchange->status == 0) /* nothing to send: out of memory */
		return http_conn_finish(c, (enum end_reason)c->exchange->reason);
	error = send_out(c->exchange);
	if (error == 0)
		return go_on(c);
	if (error != -EAGAIN)
		return http_conn_finish(c, END_CLIENT_RESET);
	http_conn_set_deadline(c, http_conn_listener(c)->timeouts.idle_ms);
	return http_conn_wait(c, true);
}

/* The exchange has time limits of its own. */
enum http_step http1_answer(struct http_conn *c)
{
	struct http_exchange *x = c->exchange;

	if (x->phase == HTTP_PHASE_OURS)
		return send_ours(c);
	if (c->link.failed)
		return http_conn_finish(c, END_CLIENT_RESET);
	c->deadline = MONO_NEVER;
	switch (http_proxy_run(x)) {
	case HTTP_PROXY_WAIT:
		return http_conn_wait(c, c->link.blocked);
	case HTTP_PROXY_TURN_OVER:
		http_conn_take_turn(c);
		return HTTP_STEP_WAIT;
	case HTTP_PROXY_OURS:
		return send_ours(c);
	case HTTP_PROXY_DONE:
		return go_on(c);
	case HTTP_PROXY_ENDED:
		return http_conn_finish(c, (enum end_reason)x->reason);
	case HTTP_PROXY_NEXT:
		break;
	}
	BUG_ON(true);
	return HTTP_STEP_GONE;
}

enum http_step http1_timed_out(struct http_conn *c)
{
	if (!c->exchange) /* no byte of it: nothing that an answer would be for */
		return http_conn_finish(
			c, c->requests > 0 ? END_IDLE_TIMEOUT : END_REQUEST_TIMEOUT);
	c->exchange->closes = true;
	http_exchange_refuse(c->exchange, 408, END_REQUEST_TIMEOUT, NULL);
	return HTTP_STEP_ANSWER;
}

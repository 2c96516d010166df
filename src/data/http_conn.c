#include "data/http_conn.h"

#include "base/bug.h"
#include "data/account.h"
#include "data/http2.h"
#include "data/http_account.h"
#include "data/http_exchange.h"
#include "data/http_proxy.h"
#include "data/proxy_header.h"
#include "data/tls.h"
#include "data/worker_inside.h"
#include "order.h"

#include <errno.h>
#include <stdlib.h>

enum {
	READ_ROOM = 3000,	/* for a read: nearly every request fits */
	LINGER_MS = 2000,	/* after the last answer, for the client to read it and close */
	LINGER_READS = 16,	/* and so much of what it still sends is thrown away at once */
	REQUESTS_PER_TURN = 32, /* of one client, before others have theirs */
};

/* --- what every step uses --- */

const struct config_listener *http_conn_listener(const struct http_conn *c)
{
	return pins_generation(&c->worker->pins, c->pin)->listeners[c->listener];
}

static struct buffers *pool_of(struct http_conn *c)
{
	return &c->worker->buffers;
}

static void on_client(struct watch *w, unsigned edges)
{
	struct http_conn *c = container_of(w, struct http_conn, link.watch);

	link_note(&c->link, edges);
	http_conn_drive(c);
}

/* A later deadline moves no timer. 0: none. */
void http_conn_set_deadline(struct http_conn *c, uint64_t ms)
{
	c->deadline = ms > 0 ? mono_add_ms(worker_now(c->worker), ms) : MONO_NEVER;
	if (!wheel_is_armed(&c->timer.wheel) || c->deadline.us < c->timer.wheel.deadline.us)
		http_set_timer(c->worker->http, &c->timer, c->deadline);
}

static enum http_step wait_for_edge(struct http_conn *c, bool writes)
{
	if (link_watch(&c->link, c->worker->poller, writes))
		return HTTP_STEP_WAIT;
	return http_conn_finish(c, END_NO_MEMORY);
}

static enum http_got read_some(struct http_conn *c)
{
	ssize_t n;

	if (!c->link.readable)
		return HTTP_GOT_NOTHING;
	if (!http_buffer_reserve(pool_of(c), &c->in, c->in ? 1 : READ_ROOM))
		return HTTP_GOT_NO_MEMORY;
	n = link_recv(&c->link, c->in->bytes + c->in->end, http_buffer_room(c->in));
	if (n > 0) {
		c->in->end += (uint32_t)n;
		http_account_read(c, (size_t)n);
		return HTTP_GOT_BYTES;
	}
	if (http_buffer_held(c->in).n == 0)
		http_buffer_drop(pool_of(c), &c->in);
	if (n == -EAGAIN)
		return HTTP_GOT_NOTHING;
	return n == 0 ? HTTP_GOT_END : HTTP_GOT_RESET;
}

/* --- 1. accept --- */

static struct http_conn *take_conn(struct http *h)
{
	struct http_conn *c;

	if (list_is_empty(&h->free)) {
		c = malloc(sizeof(*c));
		if (!c)
			return NULL;
	} else {
		c = container_of(h->free.next, struct http_conn, open);
		list_del(&c->open);
	}
	*c = (struct http_conn){.worker = h->worker};
	list_init(&c->open);
	list_init(&c->turn);
	list_add_tail(&h->conns, &c->open);
	h->open++;
	return c;
}

static void on_timer(struct http_timer *t);

/* The first of what the client itself says. */
static enum http_step first_step(const struct http_conn *c)
{
	return http_conn_listener(c)->tls ? HTTP_STEP_TLS : HTTP_STEP_HEAD;
}

void http_conn_accept(struct listener *l, int fd, const struct addr *client)
{
	struct worker *w = l->worker;
	bool proxied = addr_in_any(client, l->conf->accept_proxy, l->conf->n_accept_proxy);
	enum end_reason refused = END_REASONS;
	bool counted = false;
	struct http_conn *c;

	if (!proxied)
		refused = listener_admit(w, l->slot, client, &counted);
	c = refused == END_REASONS ? take_conn(w->http) : NULL;
	if (!c) {
		listener_turn_away(
			l, fd, client, refused == END_REASONS ? END_NO_MEMORY : refused, counted);
		return;
	}
	link_init(&c->link, fd, on_client);
	c->link.readable = true; /* most likely: see LISTENER_FD_DEFER_S */
	c->timer.cb = on_timer;
	wheel_timer_init(&c->timer.wheel);
	c->listener = l->slot;
	c->pin = pins_add(&w->pins, l->pin);
	c->client = *client;
	c->started = worker_now(w);
	c->sequence = ++w->conns.sequence;
	c->counts_source = counted;
	c->step = proxied ? HTTP_STEP_PROXY : first_step(c);
	tally_add(&l->tally->opened, 1);
	http_conn_set_deadline(c, l->conf->timeouts.request_ms);
	http_conn_drive(c);
}

/* --- 2. the PROXY header --- */

/* The client is who the header says, and meets its limits as such. */
static enum http_step believe(struct http_conn *c, const struct proxyproto *header)
{
	enum end_reason refused;
	bool counted;

	if (proxy_header_names(header)) {
		c->client = proxy_header_addr(&header->source);
		c->local = proxy_header_addr(&header->destination);
	}
	http_buffer_take(pool_of(c), &c->in, header->consumed);
	refused = listener_admit(c->worker, c->listener, &c->client, &counted);
	c->counts_source = counted;
	return refused == END_REASONS ? first_step(c) : http_conn_finish(c, refused);
}

static enum http_step step_proxy(struct http_conn *c)
{
	for (;;) {
		struct proxyproto header;

		switch (read_some(c)) {
		case HTTP_GOT_NOTHING:
			return wait_for_edge(c, false);
		case HTTP_GOT_END:
		case HTTP_GOT_RESET:
			return http_conn_finish(c, END_HELLO_CLOSED);
		case HTTP_GOT_NO_MEMORY:
			return http_conn_finish(c, END_NO_MEMORY);
		case HTTP_GOT_BYTES:
			break;
		}
		switch (proxyproto_parse(http_buffer_held(c->in), &header)) {
		case PROXYPROTO_DONE:
			return believe(c, &header);
		case PROXYPROTO_MORE:
			break;
		case PROXYPROTO_NONE:
			return http_conn_finish(c, END_PROXY_MISSING);
		case PROXYPROTO_MALFORMED:
			return http_conn_finish(c, END_PROXY_MALFORMED);
		}
	}
}

/* --- 3. TLS, where the listener terminates it --- */

/* For a person with a browser or curl; what else is no TLS cannot read an alert either. */
static const char plain_answer[] = "HTTP/1.1 400 Bad Request\r\n"
				   "Content-Type: text/plain; charset=utf-8\r\n"
				   "Content-Length: 45\r\n"
				   "Connection: close\r\n\r\n"
				   "This port speaks TLS: ask again with https://";

/* Lingers, so that the client reads the alert before it is reset. */
static enum http_step refuse_tls(struct http_conn *c, enum end_reason reason)
{
	if (reason == END_TLS_CLOSED || reason == END_TLS_RESET || reason == END_NO_MEMORY)
		return http_conn_finish(c, reason);
	link_unsecure(&c->link);
	if (reason == END_HELLO_NOT_TLS)
		link_send(&c->link, span_str(plain_answer));
	link_end(&c->link);
	c->reason = (uint8_t)reason;
	http_conn_set_deadline(c, LINGER_MS);
	return HTTP_STEP_LINGER;
}

static enum http_step begin_protocol(struct http_conn *c)
{
	if (!span_eq(link_alpn(&c->link), span_str("h2")))
		return HTTP_STEP_HEAD;
	return http2_begin(c) ? HTTP_STEP_HTTP2 : http_conn_finish(c, END_NO_MEMORY);
}

static enum http_step step_tls(struct http_conn *c)
{
	enum end_reason reason;

	if (!c->link.tls) {
		struct span first = http_buffer_held(c->in);

		const struct tls_place at = {c->listener, c->pin};

		if (!link_secure(&c->link, c->worker, &at, first))
			return http_conn_finish(c, END_NO_MEMORY);
		http_buffer_drop(pool_of(c), &c->in);
	}
	switch (link_handshake(&c->link, &reason)) {
	case LINK_READY:
		return begin_protocol(c);
	case LINK_WAITS:
		return wait_for_edge(c, c->link.blocked);
	case LINK_FAILED:
		break;
	}
	return refuse_tls(c, reason);
}

/* --- 4. the head of a request --- */

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
	return read_some(x->conn);
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

static enum http_step step_head(struct http_conn *c)
{
	enum http_step next =
		http_buffer_held(c->in).n > 0 && !c->exchange ? judge_head(c) : HTTP_STEP_HEAD;

	while (next == HTTP_STEP_HEAD) {
		switch (read_some(c)) {
		case HTTP_GOT_BYTES:
			next = judge_head(c);
			break;
		case HTTP_GOT_NOTHING:
			return wait_for_edge(c, false);
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

/* --- 5. the answer --- */

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
			http_buffer_take(pool_of(c), &x->out, (size_t)n);
		else
			x->rest = span_of(x->rest.p + n, x->rest.n - (size_t)n);
	}
	return 0;
}

static void end_exchange(struct http_conn *c)
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
	end_exchange(c);
	if (!closes) {
		http_conn_set_deadline(c, http_conn_listener(c)->timeouts.idle_ms);
		return HTTP_STEP_HEAD;
	}
	link_end(&c->link);
	http_conn_set_deadline(c, LINGER_MS);
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
	return wait_for_edge(c, true);
}

void http_conn_take_turn(struct http_conn *c)
{
	if (list_is_empty(&c->turn))
		list_add_tail(&c->worker->http->turns, &c->turn);
}

/* The exchange has time limits of its own. */
static enum http_step step_answer(struct http_conn *c)
{
	struct http_exchange *x = c->exchange;

	if (x->phase == HTTP_PHASE_OURS)
		return send_ours(c);
	if (c->link.failed)
		return http_conn_finish(c, END_CLIENT_RESET);
	c->deadline = MONO_NEVER;
	switch (http_proxy_run(x)) {
	case HTTP_PROXY_WAIT:
		return wait_for_edge(c, c->link.blocked);
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

/* --- 6. HTTP/2 --- */

static enum http_step step_http2(struct http_conn *c)
{
	switch (http2_run(c)) {
	case HTTP2_WAIT:
		return wait_for_edge(c, c->link.blocked);
	case HTTP2_TURN_OVER:
		http_conn_take_turn(c);
		return HTTP_STEP_WAIT;
	case HTTP2_OVER:
		break;
	}
	if (c->reason == END_CLIENT_CLOSED || c->reason == END_CLIENT_RESET)
		return http_conn_finish(c, (enum end_reason)c->reason);
	http2_end(c, (enum end_reason)c->reason);
	link_end(&c->link);
	http_conn_set_deadline(c, LINGER_MS);
	return HTTP_STEP_LINGER;
}

/* --- 7. linger: a close over bytes that we never read would be a reset, and overtake the answer --- */

static enum http_step step_linger(struct http_conn *c)
{
	http_buffer_drop(pool_of(c), &c->in);
	for (unsigned n = 0; c->link.readable && n < LINGER_READS; n++) {
		ssize_t got = link_recv(&c->link, c->worker->scratch, WORKER_CHUNK);

		if (got == 0 || (got < 0 && got != -EAGAIN))
			return http_conn_finish(c, (enum end_reason)c->reason);
		if (got > 0)
			http_account_read(c, (size_t)got);
	}
	if (c->link.readable)
		return http_conn_finish(c, (enum end_reason)c->reason);
	return wait_for_edge(c, false);
}

/* --- 8. finish --- */

enum http_step http_conn_finish(struct http_conn *c, enum end_reason reason)
{
	struct worker *w = c->worker;
	/* Only a reset tells a client that counts on the close that there should have been more. */
	bool cut_short =
		c->exchange && reason == END_SERVER_RESET && c->exchange->request.minor == 0;

	if (c->exchange) {
		if (c->exchange->reason == END_ANSWERED)
			c->exchange->reason = (uint8_t)reason;
		c->requests++; /* one that the log tells of, whole or not */
		end_exchange(c);
	}
	http2_end(c, reason);
	http_account_close(c, reason);
	if (cut_short)
		link_reset(&c->link, w->poller);
	else
		link_close(&c->link, w->poller);
	http_buffer_drop(pool_of(c), &c->in);
	http_stop_timer(w->http, &c->timer);
	list_del(&c->turn);
	if (c->counts_source)
		listener_leave(w, &c->client);
	load_leave(w->load);
	pins_drop(&w->pins, c->pin);
	w->some_ended = true;
	list_del(&c->open);
	list_add_tail(&w->http->free, &c->open);
	w->http->open--;
	return HTTP_STEP_GONE;
}

/* --- the driver --- */

typedef enum http_step http_step_fn(struct http_conn *c);

static const struct {
	http_step_fn *run;
	const char *name; /* as `show sess` has it */
} steps[] = {
	[HTTP_STEP_PROXY] = {step_proxy, "proxy"},
	[HTTP_STEP_TLS] = {step_tls, "tls"},
	[HTTP_STEP_HEAD] = {step_head, "request"},
	[HTTP_STEP_ANSWER] = {step_answer, "answer"},
	[HTTP_STEP_HTTP2] = {step_http2, "http2"},
	[HTTP_STEP_LINGER] = {step_linger, "linger"},
};

static void go(struct http_conn *c, enum http_step next)
{
	unsigned requests = c->requests;

	while (next != HTTP_STEP_WAIT && next != HTTP_STEP_GONE) {
		c->step = (uint8_t)next;
		if (next == HTTP_STEP_HEAD && c->requests - requests >= REQUESTS_PER_TURN) {
			http_conn_take_turn(c);
			return;
		}
		next = steps[next].run(c);
	}
}

void http_conn_drive(struct http_conn *c)
{
	go(c, (enum http_step)c->step);
}

/* --- time limits --- */

static enum http_step timed_out_in_head(struct http_conn *c)
{
	if (!c->exchange) /* no byte of it: nothing that an answer would be for */
		return http_conn_finish(
			c, c->requests > 0 ? END_IDLE_TIMEOUT : END_REQUEST_TIMEOUT);
	c->exchange->closes = true;
	http_exchange_refuse(c->exchange, 408, END_REQUEST_TIMEOUT, NULL);
	return HTTP_STEP_ANSWER;
}

/* No stream is open. Good-bye is said first, and not waited for long. */
static void http2_timed_out(struct http_conn *c)
{
	enum end_reason reason = c->requests > 0 ? END_IDLE_TIMEOUT : END_REQUEST_TIMEOUT;

	if (http2_drains(c)) {
		http_conn_finish(c, reason);
		return;
	}
	http_conn_set_deadline(c, LINGER_MS);
	http2_drain(c, reason);
}

static void on_timer(struct http_timer *t)
{
	struct http_conn *c = container_of(t, struct http_conn, timer);

	if (!mono_reached(worker_now(c->worker), c->deadline)) {
		http_set_timer(c->worker->http, t, c->deadline);
		return;
	}
	switch ((enum http_step)c->step) {
	case HTTP_STEP_PROXY:
		http_conn_finish(c, END_HELLO_TIMEOUT);
		break;
	case HTTP_STEP_TLS:
		http_conn_finish(c, END_TLS_TIMEOUT);
		break;
	case HTTP_STEP_HEAD:
		go(c, timed_out_in_head(c));
		break;
	case HTTP_STEP_ANSWER:
		http_conn_finish(c, END_IDLE_TIMEOUT);
		break;
	case HTTP_STEP_HTTP2:
		http2_timed_out(c);
		break;
	case HTTP_STEP_LINGER:
		http_conn_finish(c, (enum end_reason)c->reason);
		break;
	default:
		BUG_ON(true);
	}
}

/* --- what control asks --- */

static uint64_t number_of(const struct http_conn *c)
{
	return (uint64_t)c->worker->setup.index << 56 | c->sequence;
}

bool http_conn_is_idle(const struct http_conn *c)
{
	return c->step == HTTP_STEP_HEAD && !c->exchange && c->requests > 0 &&
	       !link_has_unread(&c->link);
}

bool http_conn_is_meant(const struct http_conn *c, const struct order *o)
{
	switch (o->kind) {
	case ORDER_CLOSE_ALL:
	case ORDER_STOP:
		return true;
	case ORDER_CLOSE_SESSION:
		return number_of(c) == o->session;
	case ORDER_CLOSE_SERVER:
		return c->exchange && c->exchange->counts_server &&
		       c->exchange->server_id == o->server;
	default:
		return false;
	}
}

static const char *state_of(const struct http_conn *c)
{
	if (c->step == HTTP_STEP_HEAD && !c->exchange)
		return "idle";
	return c->step == HTTP_STEP_ANSWER ? http_proxy_phase(c->exchange) : steps[c->step].name;
}

void http_conn_describe(struct http_conn *c, struct order_session *ret)
{
	const struct http_exchange *x = c->h2 ? http2_exchange(c) : c->exchange;
	struct mono now = worker_now(c->worker);

	*ret = (struct order_session){
		.number = number_of(c),
		.client = c->client,
		.listener = c->listener,
		.backend = x ? x->backend : UINT16_MAX,
		.server_id = x ? x->server_id : UINT32_MAX,
		.age_ms = mono_diff_us(c->started, now) / 1000,
		.idle_ms = mono_diff_us(c->active, now) / 1000,
		.bytes_in = c->bytes_in,
		.bytes_out = c->bytes_out,
		.state = state_of(c),
	};
	link_local(&c->link, &ret->local);
	if (x)
		memcpy(ret->name, x->log.bytes,
			x->log.host_len < sizeof(ret->name) ? x->log.host_len
							    : sizeof(ret->name) - 1);
}

#include "data/http_conn.h"

#include "base/bug.h"
#include "data/account.h"
#include "data/http2.h"
#include "data/http_account.h"
#include "data/http_conn_inside.h"
#include "data/http_exchange.h"
#include "data/http_proxy.h"
#include "order.h"

#include <errno.h>
#include <stdlib.h>

enum {
	READ_ROOM = 3000,	/* for a read: nearly every request fits */
	LINGER_READS = 16,	/* and so much of what it still sends is thrown away at once */
	REQUESTS_PER_TURN = 32, /* of one client, before others have theirs */
};

/* --- what every step uses --- */

const struct config_listener *http_conn_listener(const struct http_conn *c)
{
	return pins_generation(&c->worker->pins, c->pin)->listeners[c->listener];
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

void http_conn_take_turn(struct http_conn *c)
{
	if (list_is_empty(&c->turn))
		list_add_tail(&c->worker->http->turns, &c->turn);
}

enum http_step http_conn_wait(struct http_conn *c, bool writes)
{
	if (link_watch(&c->link, c->worker->poller, writes))
		return HTTP_STEP_WAIT;
	return http_conn_finish(c, END_NO_MEMORY);
}

enum http_got http_conn_read(struct http_conn *c)
{
	ssize_t n;

	if (!c->link.readable)
		return HTTP_GOT_NOTHING;
	if (!http_buffer_reserve(http_conn_pool(c), &c->in, c->in ? 1 : READ_ROOM))
		return HTTP_GOT_NO_MEMORY;
	n = link_recv(&c->link, c->in->bytes + c->in->end, http_buffer_room(c->in));
	if (n > 0) {
		c->in->end += (uint32_t)n;
		http_account_read(c, (size_t)n);
		return HTTP_GOT_BYTES;
	}
	if (http_buffer_held(c->in).n == 0)
		http_buffer_drop(http_conn_pool(c), &c->in);
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
	c->step = proxied ? HTTP_STEP_PROXY : http_greet_first(c);
	tally_add(&l->tally->opened, 1);
	http_conn_set_deadline(c, l->conf->timeouts.request_ms);
	http_conn_drive(c);
}

/* --- 2. HTTP/2 --- */

static enum http_step step_http2(struct http_conn *c)
{
	switch (http2_run(c)) {
	case HTTP2_WAIT:
		return http_conn_wait(c, c->link.blocked);
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
	http_conn_set_deadline(c, HTTP_LINGER_MS);
	return HTTP_STEP_LINGER;
}

/* --- 3. linger: a close over bytes that we never read would be a reset, and overtake the answer --- */

static enum http_step step_linger(struct http_conn *c)
{
	http_buffer_drop(http_conn_pool(c), &c->in);
	for (unsigned n = 0; c->link.readable && n < LINGER_READS; n++) {
		ssize_t got = link_recv(&c->link, c->worker->scratch, WORKER_CHUNK);

		if (got == 0 || (got < 0 && got != -EAGAIN))
			return http_conn_finish(c, (enum end_reason)c->reason);
		if (got > 0)
			http_account_read(c, (size_t)got);
	}
	if (c->link.readable)
		return http_conn_finish(c, (enum end_reason)c->reason);
	return http_conn_wait(c, false);
}

/* --- 4. finish --- */

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
		http1_end(c);
	}
	http2_end(c, reason);
	http_account_close(c, reason);
	if (cut_short)
		link_reset(&c->link, w->poller);
	else
		link_close(&c->link, w->poller);
	http_buffer_drop(http_conn_pool(c), &c->in);
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
	[HTTP_STEP_PROXY] = {http_greet_proxy, "proxy"},
	[HTTP_STEP_TLS] = {http_greet_tls, "tls"},
	[HTTP_STEP_HEAD] = {http1_head, "request"},
	[HTTP_STEP_ANSWER] = {http1_answer, "answer"},
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

/* No stream is open. Good-bye is said first, and not waited for long. */
static void http2_timed_out(struct http_conn *c)
{
	enum end_reason reason = c->requests > 0 ? END_IDLE_TIMEOUT : END_REQUEST_TIMEOUT;

	if (http2_drains(c)) {
		http_conn_finish(c, reason);
		return;
	}
	http_conn_set_deadline(c, HTTP_LINGER_MS);
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
		go(c, http1_timed_out(c));
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

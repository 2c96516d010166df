#include "data/http_proxy.h"

#include "base/bug.h"
#include "data/http2_server.h"
#include "data/http_account.h"
#include "data/http_auth.h"
#include "data/http_compress.h"
#include "data/http_forward.h"
#include "data/http_pool.h"
#include "data/http_queue.h"
#include "data/http_relay.h"
#include "data/http_sticky.h"
#include "data/proxy_header.h"
#include "data/worker_inside.h"

#include <errno.h>

enum {
	REST_MAX_MS = 1000, /* before servers that failed are tried again */
	UNDONE_MAX = 3,	    /* of one request, by connections that close or are full */
};

static const struct config_listener_timeouts *timeouts_of(const struct http_exchange *x)
{
	const struct config_listener *l = http_exchange_listener(x);

	return x->route >= 0 ? &l->routes[x->route].timeouts : &l->timeouts;
}

static const struct config_backend *backend_of(const struct http_exchange *x)
{
	return http_exchange_generation(x)->backends[x->backend];
}

/* The status over HTTP of this very node answers, which is no backend: no choice, no tallies, one try. */
static bool asks_for_status(const struct http_exchange *x)
{
	return x->backend == UINT16_MAX;
}

static struct http *http_of(const struct http_exchange *x)
{
	return x->conn->worker->http;
}

/* --- time limits --- */

static uint64_t rest_ms(const struct http_exchange *x)
{
	uint64_t ms = timeouts_of(x)->connect_ms;

	return ms > 0 && ms < REST_MAX_MS ? ms : REST_MAX_MS;
}

static uint64_t queue_limit_ms(const struct http_exchange *x)
{
	uint64_t ms = asks_for_status(x) ? CONFIG_NOT_SAID : backend_of(x)->queue.timeout_ms;

	return ms == CONFIG_NOT_SAID ? timeouts_of(x)->connect_ms : ms;
}

static uint64_t exchange_limit_ms(const struct http_exchange *x)
{
	const struct config_listener_timeouts *t = timeouts_of(x);

	if (!x->upstream->connected)
		return t->connect_ms;
	/* While the client has more to send it is he who is waited for. */
	if (x->status == 0 && x->request_body.done)
		return t->response_ms;
	return t->idle_ms;
}

static struct mono deadline_of(const struct http_exchange *x)
{
	uint64_t ms = 0;

	switch (x->phase) {
	case HTTP_PHASE_HELD:
		ms = HTTP_AUTH_HELD_MS;
		break;
	case HTTP_PHASE_CHOOSE:
		ms = queue_limit_ms(x);
		break;
	case HTTP_PHASE_REST:
		ms = rest_ms(x);
		break;
	case HTTP_PHASE_EXCHANGE:
		ms = exchange_limit_ms(x);
		break;
	case HTTP_PHASE_TUNNEL:
		ms = timeouts_of(x)->tunnel_ms;
		break;
	case HTTP_PHASE_OURS: /* of a connection's own it is the connection's limit */
		ms = x->carrier->is_plain ? 0 : timeouts_of(x)->idle_ms;
		break;
	}
	return ms > 0 ? mono_add_ms(x->active, ms) : MONO_NEVER;
}

/* Activity moves no timer: it stands at or before the deadline, and looks again when it fires. */
void http_proxy_keep_time(struct http_exchange *x)
{
	struct mono due = deadline_of(x);

	if (!wheel_is_armed(&x->timer.wheel) || due.us < x->timer.wheel.deadline.us)
		http_set_timer(http_of(x), &x->timer, due);
}

static void enter(struct http_exchange *x, enum http_phase phase)
{
	x->phase = phase;
	x->active = worker_now(x->conn->worker);
}

/* --- leaving a server --- */

static void leave(struct http_exchange *x, bool keep)
{
	struct worker *w = x->conn->worker;

	if (x->upstream && keep)
		http_pool_keep(x->upstream);
	else if (x->upstream && x->phase == HTTP_PHASE_TUNNEL && x->reason == END_CLIENT_RESET)
		http_pool_reset(x->upstream);
	else if (x->upstream)
		http_pool_close(x->upstream);
	x->upstream = NULL;
	if (!x->counts_server)
		return;
	http_account_server_closed(x);
	load_leave_server(w->load, x->server_id);
	x->counts_server = false;
	w->some_ended = true;
}

/* --- answers of our own --- */

/* What was begun cannot be taken back: then the connection ends. */
static enum http_proxy_state give_up(
	struct http_exchange *x, unsigned status, enum end_reason reason, const char *why)
{
	leave(x, false);
	if (x->status != 0) {
		x->reason = (uint8_t)reason;
		return HTTP_PROXY_ENDED;
	}
	http_buffer_drop(&x->conn->worker->buffers, &x->out);
	enter(x, HTTP_PHASE_OURS);
	http_exchange_refuse(x, status, reason, why);
	return HTTP_PROXY_OURS;
}

/* --- 1. choose --- */

/* Who has gone away leaves the queue: an end is taken for that here, though one could still listen behind it. */
static enum http_proxy_state wait_in_queue(struct http_exchange *x)
{
	if (x->carrier->is_gone(x)) {
		http_queue_remove(x);
		x->reason = END_CLIENT_CLOSED;
		return HTTP_PROXY_ENDED;
	}
	if (http_queue_add(x))
		return HTTP_PROXY_WAIT;
	return give_up(x, 503, END_QUEUE_FULL, NULL);
}

static bool begin_connect(struct http_exchange *x, int *ret_error);

static enum http_proxy_state try_again(struct http_exchange *x, bool timed_out)
{
	leave(x, false);
	if (asks_for_status(x) || x->retries >= backend_of(x)->retries)
		return timed_out ? give_up(x, 504, END_CONNECT_TIMEOUT, NULL)
				 : give_up(x, 502, END_CONNECT_FAILED, NULL);
	x->retries++;
	enter(x, HTTP_PHASE_CHOOSE);
	return HTTP_PROXY_NEXT;
}

static enum http_proxy_state connect_failed(struct http_exchange *x, int error)
{
	const struct choice_result server = {x->server_id, x->place};

	if (asks_for_status(x))
		return try_again(x, error == ETIMEDOUT);
	http_account_connect_failed(x);
	choice_failed(x->conn->worker, &x->choice, &server, error);
	return try_again(x, error == ETIMEDOUT);
}

static enum http_proxy_state chosen(struct http_exchange *x, const struct choice_result *server)
{
	int error;

	http_queue_remove(x);
	http_account_chosen(x, server->server);
	x->server_id = server->server;
	x->place = server->place;
	x->counts_server = true;
	enter(x, HTTP_PHASE_EXCHANGE);
	if (begin_connect(x, &error))
		return HTTP_PROXY_NEXT;
	if (listener_is_shortage(error))
		return give_up(x, 503, END_NO_DESCRIPTORS, NULL);
	return connect_failed(x, error);
}

static enum http_proxy_state choose_status(struct http_exchange *x)
{
	const struct addr *to = x->conn->worker->config->status.http_binds;
	int error;

	enter(x, HTTP_PHASE_EXCHANGE);
	x->sent = 0;
	x->upstream = http_pool_connect(http_of(x), UINT32_MAX, to, x, &error);
	return x->upstream ? HTTP_PROXY_NEXT : give_up(x, 503, END_CONNECT_FAILED, NULL);
}

static enum http_proxy_state choose(struct http_exchange *x)
{
	struct choice_result server;

	if (asks_for_status(x))
		return choose_status(x);
	if (http_queue_is_behind(x))
		return wait_in_queue(x);
	switch (choice_make(x->conn->worker, x->backend, &x->conn->client, &x->choice, &server)) {
	case UPSTREAM_CHOSEN:
		return chosen(x, &server);
	case UPSTREAM_FULL:
		return wait_in_queue(x);
	case UPSTREAM_TRIED_ALL:
		http_queue_remove(x);
		enter(x, HTTP_PHASE_REST);
		return HTTP_PROXY_WAIT;
	case UPSTREAM_NONE:
		break;
	}
	http_queue_remove(x);
	return give_up(x, 503, END_NO_SERVER, NULL);
}

/* --- 2. connect --- */

/* Whose connections carry who the client is serves no other client. */
static bool may_share(const struct http_exchange *x)
{
	return !asks_for_status(x) && backend_of(x)->proxy_protocol == PROXY_OFF;
}

static struct span proxy_header(struct http_exchange *x, uint8_t header[PROXYPROTO_WRITE_MAX])
{
	struct http_conn *c = x->conn;
	const struct proxyproto_tlvs tlvs = {0};

	if (may_share(x))
		return span_of(NULL, 0);
	if (c->local.family == AF_UNSPEC)
		link_local(&c->link, &c->local);
	return span_of(header, proxy_header_write(header, backend_of(x)->proxy_protocol, &c->client,
				       &c->local, &tlvs));
}

static bool put_proxy_header(struct http_exchange *x)
{
	uint8_t header[PROXYPROTO_WRITE_MAX];

	return http_buffer_put_first(
		&x->conn->worker->buffers, &x->to_server, proxy_header(x, header));
}

static struct http_upstream *connect_to(
	struct http_exchange *x, const struct addr *to, int *ret_error)
{
	uint8_t header[PROXYPROTO_WRITE_MAX];

	if (backend_of(x)->protocol == PROTOCOL_H2C)
		return http2_server_join(
			http_of(x), x->server_id, to, proxy_header(x, header), x, ret_error);
	return http_pool_connect(http_of(x), x->server_id, to, x, ret_error);
}

static bool begin_connect(struct http_exchange *x, int *ret_error)
{
	struct http *h = http_of(x);
	const struct view_backend *b = &worker_view(h->worker)->backends[x->backend];
	const struct addr *to = &b->servers[x->place].addr;

	x->sent = 0;
	x->send_broken = false;
	/* What cannot be sent twice goes where the server has surely not gone away. */
	if (may_share(x) && backend_of(x)->protocol == PROTOCOL_HTTP1)
		x->upstream = http_pool_take(
			h, x->server_id, !http_method_is_idempotent(x->request.method), x);
	if (x->upstream) {
		http_account_server_opened(x);
		return true;
	}
	x->upstream = connect_to(x, to, ret_error);
	if (!x->upstream && listener_is_shortage(*ret_error)) {
		http_pool_drop(h, UINT32_MAX);
		http2_server_drop_idle(h);
		x->upstream = connect_to(x, to, ret_error);
	}
	if (x->upstream && x->upstream->is_stream) {
		if (x->upstream->connected)
			http_account_server_opened(x);
		return true;
	}
	if (x->upstream && !may_share(x) && !x->has_proxy_header) {
		x->has_proxy_header = put_proxy_header(x);
		*ret_error = ENOMEM;
		return x->has_proxy_header;
	}
	return x->upstream != NULL;
}

/* --- 3. the exchange --- */

/* The server is gone without a byte of an answer. Nothing was done where it never took the connection,
 * and nothing twice where the method allows. */
static enum http_proxy_state unanswered(struct http_exchange *x, int error)
{
	bool was_refused = http2_server_refused(x->upstream);
	bool was_reused = (x->upstream->reused || was_refused) && x->refusals < UNDONE_MAX;
	bool safe = x->replayable && (was_refused || http_method_is_idempotent(x->request.method));

	x->refusals += x->upstream->is_stream;
	if (!x->upstream->connected)
		return connect_failed(x, error);
	if (!safe)
		return give_up(x, 502, END_SERVER_RESET, NULL);
	if (was_reused) { /* it had only waited too long: no fault of the server */
		leave(x, false);
		enter(x, HTTP_PHASE_CHOOSE);
		return HTTP_PROXY_NEXT;
	}
	return connect_failed(x, ECONNRESET);
}

/* The answer is out. The connection to the server is free where both messages are over. */
static enum http_proxy_state finish(struct http_exchange *x)
{
	bool whole = x->request_body.done && x->sent == http_buffer_held(x->to_server).n;

	if (!whole)
		x->closes = true;
	leave(x, whole && x->reply_keeps_alive && may_share(x));
	return HTTP_PROXY_DONE;
}

static enum http_proxy_state exchange(struct http_exchange *x)
{
	switch (http_relay_run(x)) {
	case HTTP_RELAY_WAIT:
		return HTTP_PROXY_WAIT;
	case HTTP_RELAY_TURN_OVER:
		return HTTP_PROXY_TURN_OVER;
	case HTTP_RELAY_DONE:
		return x->phase == HTTP_PHASE_TUNNEL ? HTTP_PROXY_ENDED : finish(x);
	case HTTP_RELAY_UNANSWERED:
		return unanswered(x, x->error);
	case HTTP_RELAY_CLIENT_GONE:
		x->reason = x->error ? END_CLIENT_RESET : END_CLIENT_CLOSED;
		return HTTP_PROXY_ENDED;
	case HTTP_RELAY_CLIENT_BAD:
		return give_up(x, 400, END_REQUEST_MALFORMED, x->request_body.error);
	case HTTP_RELAY_TOO_LARGE:
		return give_up(x, 413, END_REQUEST_TOO_LARGE, "more than the route's max_body");
	case HTTP_RELAY_SERVER_BAD:
		return give_up(x, 502, END_ANSWER_MALFORMED, NULL);
	case HTTP_RELAY_SERVER_GONE:
		x->reason = END_SERVER_RESET;
		return HTTP_PROXY_ENDED;
	case HTTP_RELAY_NO_MEMORY:
		return give_up(x, 503, END_NO_MEMORY, NULL);
	}
	return HTTP_PROXY_WAIT;
}

/* --- the driver --- */

static enum http_proxy_state stay_held(struct http_exchange *x)
{
	if (!x->carrier->is_gone(x))
		return HTTP_PROXY_WAIT;
	x->reason = END_CLIENT_CLOSED;
	return HTTP_PROXY_ENDED;
}

static enum http_proxy_state step(struct http_exchange *x)
{
	switch (x->phase) {
	case HTTP_PHASE_HELD:
		return stay_held(x);
	case HTTP_PHASE_CHOOSE:
		return choose(x);
	case HTTP_PHASE_REST:
		return HTTP_PROXY_WAIT;
	case HTTP_PHASE_EXCHANGE:
	case HTTP_PHASE_TUNNEL:
		return exchange(x);
	case HTTP_PHASE_OURS:
		break;
	}
	return HTTP_PROXY_OURS;
}

enum http_proxy_state http_proxy_run(struct http_exchange *x)
{
	enum http_proxy_state state;

	do
		state = step(x);
	while (state == HTTP_PROXY_NEXT);
	if (state == HTTP_PROXY_WAIT)
		http_proxy_keep_time(x);
	return state;
}

static void on_timer(struct http_timer *t);

void http_proxy_init(struct http_exchange *x)
{
	list_init(&x->waiting);
	wheel_timer_init(&x->timer.wheel);
	x->timer.cb = on_timer;
	x->active = x->started;
}

bool http_proxy_begin(struct http_exchange *x, struct span bytes)
{
	struct http_body body = x->request.body;
	bool is_h2c = x->backend != UINT16_MAX && backend_of(x)->protocol == PROTOCOL_H2C;

	if (is_h2c && x->has_open_body) /* whatever its length: trailers may follow */
		body.kind = HTTP_BODY_CLOSE;
	x->asked_upgrade = x->request.upgrade.n > 0 && !is_h2c;
	http_flow_begin(&x->request_body, body,
		!is_h2c && (body.kind == HTTP_BODY_CHUNKED || body.kind == HTTP_BODY_CLOSE));
	x->request_body.apart = is_h2c;
	x->replayable = true;
	enter(x, HTTP_PHASE_CHOOSE);
	http_account_backend_opened(x);
	http_sticky_read(x, bytes);
	http_compress_read(x, bytes);
	return http_forward_request(x, bytes);
}

void http_proxy_release(struct http_exchange *x)
{
	http_queue_remove(x);
	leave(x, false);
	http_compress_end(x);
	http_stop_timer(http_of(x), &x->timer);
	http_buffer_drop(&x->conn->worker->buffers, &x->to_server);
}

/* --- time is up --- */

static void time_is_up(struct http_exchange *x)
{
	switch (x->phase) {
	case HTTP_PHASE_HELD:
		http_auth_forget(x);
		give_up(x, 503, END_LIMIT_PASSWORDS, NULL);
		break;
	case HTTP_PHASE_CHOOSE:
		http_queue_remove(x);
		give_up(x, 503, END_SERVERS_FULL, NULL);
		break;
	case HTTP_PHASE_REST:
		choice_forget_tries(&x->choice);
		enter(x, HTTP_PHASE_CHOOSE);
		break;
	case HTTP_PHASE_EXCHANGE:
		if (!x->upstream->connected)
			connect_failed(x, ETIMEDOUT);
		else if (x->request_body.done && x->status == 0)
			give_up(x, 504, END_ANSWER_TIMEOUT, NULL);
		else
			x->timed_out = give_up(x, 408, END_IDLE_TIMEOUT, NULL) == HTTP_PROXY_ENDED;
		break;
	case HTTP_PHASE_TUNNEL:
	case HTTP_PHASE_OURS:
		x->reason = END_IDLE_TIMEOUT;
		x->timed_out = true;
		break;
	}
}

static void on_timer(struct http_timer *t)
{
	struct http_exchange *x = container_of(t, struct http_exchange, timer);
	if (!mono_reached(worker_now(x->conn->worker), deadline_of(x))) {
		http_proxy_keep_time(x);
		return;
	}
	time_is_up(x);
	if (x->timed_out)
		x->carrier->finish(x, (enum end_reason)x->reason);
	else
		x->carrier->drive(x);
}

void http_proxy_hold(struct http_exchange *x)
{
	enter(x, HTTP_PHASE_HELD);
	http_proxy_keep_time(x);
}

const char *http_proxy_phase(const struct http_exchange *x)
{
	switch (x->phase) {
	case HTTP_PHASE_HELD:
		return "auth";
	case HTTP_PHASE_CHOOSE:
		return "queue";
	case HTTP_PHASE_REST:
		return "retry";
	case HTTP_PHASE_EXCHANGE:
		return x->upstream && x->upstream->connected ? "exchange" : "connect";
	case HTTP_PHASE_TUNNEL:
		return "tunnel";
	case HTTP_PHASE_OURS:
		break;
	}
	return "answer";
}

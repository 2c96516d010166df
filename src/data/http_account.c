#include "data/http_account.h"

#include "data/account.h"
#include "data/worker_inside.h"

static struct tally_listener *listener_of(struct http_conn *c)
{
	return &c->worker->tally->listeners[c->listener];
}

static struct tally_backend *backend_of(struct http_exchange *x)
{
	return &x->conn->worker->tally->backends[x->backend];
}

static struct tally_server *server_of(struct http_exchange *x)
{
	return &x->conn->worker->tally->servers[x->server_id];
}

void http_account_read(struct http_conn *c, size_t n)
{
	c->active = worker_now(c->worker);
	c->bytes_in += n;
	tally_add(&listener_of(c)->bytes_in, n);
}

void http_account_body(struct http_exchange *x, size_t n)
{
	x->bytes_in += n;
	if (x->backend == UINT16_MAX)
		return;
	tally_add(&backend_of(x)->bytes_in, n);
	if (x->server_opened)
		tally_add(&server_of(x)->bytes_in, n);
}

void http_account_sent(struct http_conn *c, size_t n)
{
	c->active = worker_now(c->worker);
	c->bytes_out += n;
	tally_add(&listener_of(c)->bytes_out, n);
}

void http_account_answer(struct http_exchange *x, size_t n)
{
	x->bytes_out += n;
	if (x->backend != UINT16_MAX)
		tally_add(&backend_of(x)->bytes_out, n);
	if (x->server_opened)
		tally_add(&server_of(x)->bytes_out, n);
}

/* --- with a server --- */

static uint32_t age_us(struct http_exchange *x)
{
	uint64_t us = mono_diff_us(x->started, worker_now(x->conn->worker));

	return us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

void http_account_backend_opened(struct http_exchange *x)
{
	if (x->backend == UINT16_MAX)
		return;
	tally_add(&backend_of(x)->opened, 1);
	tally_add(&backend_of(x)->bytes_in, x->bytes_in);
}

void http_account_queue(struct http_exchange *x, bool waits)
{
	struct tally_backend *b = backend_of(x);

	tally_add(waits ? &b->queued_now_up : &b->queued_now_down, 1);
	if (!waits)
		tally_observe(&b->queue, mono_diff_us(x->active, worker_now(x->conn->worker)));
}

/* As in HAProxy a further try counts as a retry on the same server, or as a redispatch, for the backend
 * and for the server that failed. */
void http_account_chosen(struct http_exchange *x, uint32_t server)
{
	if (x->retries > 0 && x->server_id != UINT32_MAX) {
		bool same = x->server_id == server;

		tally_add(same ? &backend_of(x)->retries : &backend_of(x)->redispatches, 1);
		tally_add(same ? &server_of(x)->retries : &server_of(x)->redispatches, 1);
	}
	tally_add(&x->conn->worker->tally->servers[server].chosen, 1);
}

void http_account_connect_failed(struct http_exchange *x)
{
	tally_add(&server_of(x)->connect_errors, 1);
}

void http_account_server_opened(struct http_exchange *x)
{
	struct worker *w = x->conn->worker;

	x->connect_us = age_us(x);
	if (x->backend == UINT16_MAX)
		return;
	x->server_opened = true;
	tally_observe(&backend_of(x)->connect, mono_diff_us(x->active, worker_now(w)));
	tally_add(&server_of(x)->opened, 1);
	tally_add(&server_of(x)->bytes_in, x->bytes_in);
	atomic_store_explicit(
		&server_of(x)->last_session_s, worker_now(w).us / 1000000, memory_order_relaxed);
}

void http_account_server_closed(struct http_exchange *x)
{
	if (x->server_opened)
		tally_add(&server_of(x)->closed, 1);
	x->server_opened = false;
}

void http_account_first_byte(struct http_exchange *x)
{
	x->first_byte_us = age_us(x);
	if (x->backend == UINT16_MAX)
		return;
	tally_observe(&backend_of(x)->first_byte, x->first_byte_us);
	tally_add(&server_of(x)->answers[x->status / 100 - 1], 1);
}

static void end_at_server(struct http_exchange *x)
{
	struct tally_server *s = server_of(x);

	if (x->reason == END_SERVER_RESET || x->reason == END_ANSWER_MALFORMED ||
		x->reason == END_ANSWER_TIMEOUT)
		tally_add(&s->response_errors, 1);
	if (x->reason == END_SERVER_RESET)
		tally_add(&s->server_aborts, 1);
	if (x->reason == END_CLIENT_RESET || x->reason == END_CLIENT_CLOSED)
		tally_add(&s->client_aborts, 1);
	if (x->first_byte_us == 0)
		return;
	tally_add(&s->connect_us_sum, x->connect_us);
	tally_add(&s->total_us_sum, age_us(x));
	tally_add(&s->timed, 1);
}

static void end_at_backend(struct http_exchange *x)
{
	struct tally_backend *b = backend_of(x);

	if (x->reason == END_CONNECT_FAILED || x->reason == END_CONNECT_TIMEOUT)
		tally_add(&b->connect_errors, 1);
	if (x->reason == END_NO_SERVER)
		tally_add(&b->no_server, 1);
	if (x->reason == END_SERVERS_FULL)
		tally_add(&b->full, 1);
	if (x->reason == END_QUEUE_FULL)
		tally_add(&b->queue_full, 1);
	if (x->compressed_out > 0) {
		tally_add(&b->compressed, 1);
		tally_add(&b->compressed_in, x->compressed_in);
		tally_add(&b->compressed_out, x->compressed_out);
	}
	if (x->status != 0)
		tally_add(&b->answers[x->status / 100 - 1], 1);
	tally_observe(&b->total, age_us(x));
	tally_add(&b->closed, 1);
}

/* --- what the log tells of a request --- */

static size_t keep(struct http_log_text *log, size_t at, struct span text, size_t max)
{
	size_t n = text.n < max ? text.n : max;

	if (n > 0)
		memcpy(log->bytes + at, text.p, n);
	return n;
}

static struct span agent_of(const struct http_head *h, struct span bytes)
{
	for (unsigned i = 0; i < h->n_fields; i++)
		if (h->fields[i].id == HTTP_USER_AGENT)
			return http_part(bytes, h->fields[i].value);
	return span_of(NULL, 0);
}

/* The order is that of the record. */
static void keep_log_text(struct http_exchange *x, struct span bytes)
{
	struct http_log_text *log = &x->log;
	struct span target = http_part(bytes, x->head.target);
	struct span method = x->asks_tunnel ? span_str("CONNECT") /* as it came */
					    : http_part(bytes, x->head.method);
	size_t n = 0;

	n += log->host_len = (uint8_t)keep(log, n, x->request.authority, ACCESS_NAME_MAX);
	n += log->method_len = (uint8_t)keep(log, n, method, ACCESS_METHOD_MAX);
	n += log->path_len = (uint16_t)keep(log, n, target, ACCESS_PATH_MAX);
	log->agent_len = (uint16_t)keep(log, n, agent_of(&x->head, bytes), ACCESS_AGENT_MAX);
}

void http_account_request(struct http_exchange *x, struct span bytes)
{
	tally_add(&listener_of(x->conn)->requests, 1);
	if (x->conn->worker->logs_access)
		keep_log_text(x, bytes);
}

/* --- the end --- */

static struct access_record record_of(struct http_conn *c)
{
	struct access_record r = {
		.client = c->client,
		.local = c->local,
		.server_id = UINT32_MAX,
		.generation = pins_generation(&c->worker->pins, c->pin)->number,
		.listener = c->listener,
		.backend = UINT16_MAX,
		.route = -1,
		.version = ACCESS_HTTP_NONE,
	};

	if (c->local.family == AF_UNSPEC)
		link_local(&c->link, &r.local);
	return r;
}

/* Unless the server was taken out of the view since. */
static struct addr server_addr(struct http_exchange *x)
{
	const struct view_backend *b;

	if (x->server_id == UINT32_MAX)
		return (struct addr){.family = AF_UNSPEC};
	b = &worker_view(x->conn->worker)->backends[x->backend];
	if (x->place < b->n_servers && b->servers[x->place].id == x->server_id)
		return b->servers[x->place].addr;
	return (struct addr){.family = AF_UNSPEC};
}

static void record_request(struct http_exchange *x)
{
	struct http_conn *c = x->conn;
	struct access_record r = record_of(c);

	r.bytes_in = x->bytes_in;
	r.bytes_out = x->bytes_out;
	r.connect_us = x->connect_us;
	r.first_byte_us = x->first_byte_us;
	r.retries = x->retries;
	r.server = server_addr(x);
	r.total_us = mono_diff_us(x->started, worker_now(c->worker));
	r.server_id = x->server_id;
	r.generation = http_exchange_generation(x)->number;
	r.backend = x->backend;
	r.route = x->route;
	r.reason = x->reason;
	r.status = x->status;
	if (!x->carrier->is_plain)
		r.version = ACCESS_HTTP_2;
	else if (x->is_request)
		r.version = x->request.minor == 0 ? ACCESS_HTTP_1_0 : ACCESS_HTTP_1_1;
	r.name_len = x->log.host_len;
	r.method_len = x->log.method_len;
	r.path_len = x->log.path_len;
	r.agent_len = x->log.agent_len;
	account_record(c->worker, &r, x->log.bytes);
}

static void keep_refusal(struct http_exchange *x)
{
	struct http_conn *c = x->conn;
	struct span bytes = http_buffer_held(*x->in);
	struct order_error e = {.client = c->client, .listener = c->listener, .reason = x->reason};
	size_t n_name = x->log.host_len < sizeof(e.name) ? x->log.host_len : sizeof(e.name) - 1;

	memcpy(e.name, x->log.bytes, n_name);
	e.n_bytes = (uint8_t)(bytes.n < sizeof(e.bytes) ? bytes.n : sizeof(e.bytes));
	if (bytes.n > 0)
		memcpy(e.bytes, bytes.p, e.n_bytes);
	refusals_add(&c->worker->refusals, &e, worker_now(c->worker));
}

static bool is_refused(enum end_reason reason)
{
	return reason == END_REQUEST_MALFORMED || reason == END_REQUEST_TOO_LARGE ||
	       reason == END_REQUEST_UNSUPPORTED || reason == END_REQUEST_TIMEOUT ||
	       reason == END_REQUEST_CLOSED || reason == END_NO_ROUTE || reason == END_MISDIRECTED;
}

void http_account_end(struct http_exchange *x)
{
	struct tally_listener *l = listener_of(x->conn);

	if (x->status != 0)
		tally_add(&l->answers[x->status / 100 - 1], 1);
	if (is_refused(x->reason)) {
		tally_add(&l->refused_request, 1);
		keep_refusal(x);
	}
	if (x->server_id != UINT32_MAX)
		end_at_server(x);
	if (x->backend != UINT16_MAX)
		end_at_backend(x);
	tally_add(&x->conn->worker->tally->requests_ended[x->reason], 1);
	if (x->conn->worker->logs_access)
		record_request(x);
}

static bool is_refused_at_door(enum end_reason reason)
{
	return reason == END_PROXY_MISSING || reason == END_PROXY_MALFORMED ||
	       reason == END_PROXY_REFUSED || reason == END_HELLO_NOT_TLS ||
	       (reason >= END_TLS_TIMEOUT && reason <= END_TLS_FAILED);
}

void http_account_close(struct http_conn *c, enum end_reason reason)
{
	struct worker *w = c->worker;
	struct access_record r;

	if (is_refused_at_door(reason))
		tally_add(&listener_of(c)->refused_request, 1);
	if (reason == END_LIMIT_PER_SOURCE || reason == END_LIMIT_RATE)
		tally_add(&listener_of(c)->refused_limit, 1);
	tally_add(&w->tally->ended[reason], 1);
	tally_add(&listener_of(c)->closed, 1);
	if (!w->logs_access || c->requests > 0)
		return;
	r = record_of(c);
	r.bytes_in = c->bytes_in;
	r.bytes_out = c->bytes_out;
	r.total_us = mono_diff_us(c->started, worker_now(w));
	r.reason = (uint8_t)reason;
	account_record(w, &r, NULL);
}

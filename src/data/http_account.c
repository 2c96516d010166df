#include "data/http_account.h"

#include "data/account.h"
#include "data/worker_inside.h"

static struct tally_listener *listener_of(struct http_conn *c)
{
	return &c->worker->tally->listeners[c->listener];
}

void http_account_read(struct http_conn *c, size_t n)
{
	c->active = worker_now(c->worker);
	c->bytes_in += n;
	tally_add(&listener_of(c)->bytes_in, n);
}

void http_account_sent(struct http_conn *c, size_t n)
{
	c->active = worker_now(c->worker);
	c->bytes_out += n;
	if (c->exchange)
		c->exchange->bytes_out += n;
	tally_add(&listener_of(c)->bytes_out, n);
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
	size_t n = 0;

	n += log->host_len = (uint8_t)keep(log, n, x->request.authority, ACCESS_NAME_MAX);
	n += log->method_len =
		(uint8_t)keep(log, n, http_part(bytes, x->head.method), ACCESS_METHOD_MAX);
	n += log->path_len = (uint16_t)keep(log, n, target, ACCESS_PATH_MAX);
	log->agent_len = (uint16_t)keep(log, n, agent_of(&x->head, bytes), ACCESS_AGENT_MAX);
}

void http_account_request(struct http_exchange *x, struct span bytes)
{
	tally_add(&listener_of(x->conn)->requests, 1);
	if (x->conn->worker->setup.access)
		keep_log_text(x, bytes);
}

/* --- the end --- */

static struct access_record record_of(struct http_conn *c)
{
	struct access_record r = {
		.client = c->client,
		.local = c->local,
		.server_id = UINT32_MAX,
		.listener = c->listener,
		.backend = UINT16_MAX,
		.route = -1,
		.version = ACCESS_HTTP_NONE,
	};

	if (c->local.family == AF_UNSPEC)
		link_local(&c->link, &r.local);
	return r;
}

static void record_request(struct http_exchange *x)
{
	struct http_conn *c = x->conn;
	struct access_record r = record_of(c);

	r.bytes_in = x->bytes_in;
	r.bytes_out = x->bytes_out;
	r.first_byte_us = x->first_byte_us;
	r.total_us = mono_diff_us(x->started, worker_now(c->worker));
	r.server_id = x->server_id;
	r.backend = x->backend;
	r.route = x->route;
	r.reason = x->reason;
	r.status = x->status;
	if (x->is_request)
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
	struct span bytes = http_buffer_held(c->in);
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
	tally_add(&x->conn->worker->tally->requests_ended[x->reason], 1);
	if (x->conn->worker->setup.access)
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
	if (!w->setup.access || c->requests > 0)
		return;
	r = record_of(c);
	r.bytes_in = c->bytes_in;
	r.bytes_out = c->bytes_out;
	r.total_us = mono_diff_us(c->started, worker_now(w));
	r.reason = (uint8_t)reason;
	account_record(w, &r, NULL);
}

#include "data/http_exchange.h"

#include "data/http_account.h"
#include "data/http_answer.h"
#include "data/http_auth.h"
#include "data/http_limit.h"
#include "data/http_proxy.h"
#include "data/tls.h"
#include "data/worker_inside.h"
#include "http/bytes.h"
#include "http/path.h"
#include "route.h"

_Static_assert(sizeof(struct http_exchange) <= 4096, "an exchange takes one page");

const struct generation *http_exchange_generation(const struct http_exchange *x)
{
	return pins_generation(&x->conn->worker->pins, x->pin);
}

const struct config_listener *http_exchange_listener(const struct http_exchange *x)
{
	return http_exchange_generation(x)->listeners[x->conn->listener];
}

struct http_exchange *http_exchange_new(
	struct http_conn *c, const struct http_carrier *carrier, struct http_buffer **in)
{
	size_t size;
	struct http_exchange *x = buffers_get(&c->worker->buffers, sizeof(*x), &size);

	if (!x)
		return NULL;
	/* All but the head, which has a beginning of its own. */
	memset(x, 0, offsetof(struct http_exchange, head));
	http_head_begin(&x->head, HTTP_REQUEST);
	x->conn = c;
	x->pin = pins_add(&c->worker->pins, c->pin);
	x->carrier = carrier;
	x->in = in;
	x->started = worker_now(c->worker);
	x->server_id = UINT32_MAX;
	x->backend = UINT16_MAX;
	x->route = ROUTE_NONE;
	x->reason = END_ANSWERED;
	list_init(&x->verifying);
	http_proxy_init(x);
	return x;
}

void http_exchange_free(struct http_exchange *x)
{
	struct buffers *pool = &x->conn->worker->buffers;

	http_proxy_release(x);
	http_auth_forget(x);
	http_buffer_drop(pool, &x->kept);
	http_buffer_drop(pool, &x->out);
	http_trailers_drop(pool, &x->request_trailers);
	http_trailers_drop(pool, &x->reply_trailers);
	pins_drop(&x->conn->worker->pins, x->pin);
	buffers_put(pool, x, sizeof(*x));
}

/* --- answers --- */

/* A body that nobody takes would be the next request. */
static void close_over_body(struct http_exchange *x)
{
	if (x->request.body.kind != HTTP_BODY_NONE && !x->request_body.done)
		x->closes = true;
}

static void check_answered(struct http_exchange *x, bool answered)
{
	if (!answered)
		x->reason = END_NO_MEMORY; /* and nothing to send: the connection is closed */
}

void http_exchange_refuse(
	struct http_exchange *x, unsigned status, enum end_reason reason, const char *why)
{
	x->reason = (uint8_t)reason;
	close_over_body(x);
	check_answered(x, http_answer_error(x, status, why));
}

/* Or, without a backend, to this node's status over HTTP. */
static void to_backend(struct http_exchange *x, const struct config_route *r, struct span bytes)
{
	if (r->action == ACTION_BACKEND)
		x->backend = generation_backend_slot(http_exchange_generation(x), r->backend);
	if (http_proxy_begin(x, bytes)) {
		http_head_begin(&x->head, HTTP_RESPONSE);
		return;
	}
	x->phase = HTTP_PHASE_OURS;
	http_exchange_refuse(x, 503, END_NO_MEMORY, NULL);
}

/* A success would be taken for a tunnel, which only a server of HTTP/1.1 can grant. */
static bool has_no_tunnel(const struct http_exchange *x, const struct config_route *r)
{
	const struct generation *g = http_exchange_generation(x);

	switch (r->action) {
	case ACTION_BACKEND:
		return g->backends[generation_backend_slot(g, r->backend)]->protocol ==
		       PROTOCOL_H2C;
	case ACTION_REDIRECT:
		return false;
	case ACTION_RESPOND:
	case ACTION_HEALTH:
	case ACTION_STATUS:
		break;
	}
	return true;
}

static void answer(struct http_exchange *x, const struct config_route *r, struct span bytes)
{
	if (x->asks_tunnel && has_no_tunnel(x, r)) {
		http_exchange_refuse(
			x, 501, END_REQUEST_UNSUPPORTED, "no WebSocket is answered here");
		return;
	}
	if (r->action != ACTION_BACKEND && r->action != ACTION_STATUS)
		close_over_body(x);
	switch (r->action) {
	case ACTION_BACKEND:
	case ACTION_STATUS:
		to_backend(x, r, bytes);
		return;
	case ACTION_REDIRECT:
		if (!r->redirect.host && x->request.authority.n == 0)
			http_exchange_refuse(x, 400, END_REQUEST_MALFORMED, "no Host");
		else
			check_answered(x, http_answer_redirect(x, &r->redirect));
		break;
	case ACTION_RESPOND:
		check_answered(x, http_answer_respond(x, &r->respond));
		break;
	case ACTION_HEALTH:
		check_answered(x, http_answer_health(x, &r->respond));
		break;
	}
}

/* --- the way of a request --- */

static bool is_allowed(const struct http_exchange *x, const struct config_route *r)
{
	const struct addr *client = &x->conn->client;

	if (addr_in_any(client, r->deny, r->n_deny))
		return false;
	return r->n_allow == 0 || addr_in_any(client, r->allow, r->n_allow);
}

static void refuse_for_now(struct http_exchange *x, unsigned wait_s)
{
	x->reason = END_LIMIT_REQUESTS;
	close_over_body(x);
	check_answered(x, http_answer_limit(x, wait_s));
}

/* --- who asks --- */

static void refuse_user(struct http_exchange *x, const struct config_route *r)
{
	x->reason = END_UNAUTHORIZED;
	close_over_body(x);
	check_answered(x, http_answer_unauthorized(x, r->auth.realm));
}

/* The head is kept for when it is known who asks: its buffer goes on with the body. */
static void hold(struct http_exchange *x, struct span bytes)
{
	struct span head = span_of(bytes.p, x->head.len);

	if (!http_buffer_reserve(&x->conn->worker->buffers, &x->kept, head.n)) {
		http_auth_forget(x);
		http_exchange_refuse(x, 503, END_NO_MEMORY, NULL);
		return;
	}
	http_buffer_put(x->kept, head);
	http_proxy_hold(x);
}

static void authorize(struct http_exchange *x, const struct config_route *r, struct span bytes)
{
	unsigned wait_s;

	switch (http_auth_check(x, &r->auth, bytes, &wait_s)) {
	case HTTP_AUTH_OK:
		answer(x, r, bytes);
		break;
	case HTTP_AUTH_LATER:
		hold(x, bytes);
		break;
	case HTTP_AUTH_REFUSED:
		refuse_user(x, r);
		break;
	case HTTP_AUTH_TOO_FAST:
		x->reason = END_LIMIT_PASSWORDS;
		close_over_body(x);
		check_answered(x, http_answer_limit(x, wait_s));
		break;
	case HTTP_AUTH_BUSY:
		http_exchange_refuse(x, 503, END_LIMIT_PASSWORDS, NULL);
		break;
	}
}

/* One whose length is not said is counted on its way. */
static bool is_too_large(struct http_exchange *x, const struct config_route *r)
{
	x->max_body = r->max_body;
	return r->max_body > 0 && x->request.body.kind == HTTP_BODY_LENGTH &&
	       x->request.body.length > r->max_body;
}

/* ROUTE_NONE where nothing takes it; HTTP_PATH_BAD - 1 where the path is none. */
enum { BAD_PATH = -2 };

static int find_route(const struct http_exchange *x)
{
	const struct http_request *r = &x->request;
	uint8_t path[HTTP_TARGET_MAX];
	char host[HOSTNAME_SIZE];
	int n_path = 1, n_host = hostname_normalize(r->host.host, host);

	path[0] = '/';
	if (r->path.p[0] == '/') /* and not "*", which asks for the server as a whole */
		n_path = http_path_normalize(r->path, path);
	if (n_path < 0)
		return BAD_PATH;
	return route_request(http_exchange_listener(x),
		span_of(host, n_host > 0 ? (size_t)n_host : 0), span_of(path, (size_t)n_path));
}

/* Whether the client may believe our answer for this host: it is of the certificate we showed (RFC 9110 7.4). Without a
 * host, or one that is no name, there is nothing to be mistaken about. */
static bool is_meant_for_us(const struct http_exchange *x)
{
	const struct tls *tls = x->conn->link.tls;
	char host[HOSTNAME_SIZE];
	int n = tls ? hostname_normalize(x->request.host.host, host) : 0;
	struct span name = span_of(host, n > 0 ? (size_t)n : 0);

	return n <= 0 || hostname_is_address(name) || tls_is_meant_for(tls, name);
}

static void route(struct http_exchange *x, struct span bytes)
{
	int found = find_route(x);
	const struct config_route *r;
	unsigned wait_s;

	if (!is_meant_for_us(x)) {
		http_exchange_refuse(x, 421, END_MISDIRECTED,
			"this connection's certificate is for other names");
		return;
	}
	if (found == BAD_PATH) {
		http_exchange_refuse(x, 400, END_REQUEST_MALFORMED,
			"the path leaves the root or is ill encoded");
		return;
	}
	if (found == ROUTE_NONE) {
		http_exchange_refuse(x, 404, END_NO_ROUTE, NULL);
		return;
	}
	x->route = (int16_t)found;
	r = &http_exchange_listener(x)->routes[found];
	if (!is_allowed(x, r))
		http_exchange_refuse(x, 403, END_SOURCE_REFUSED, NULL);
	else if (http_limit_is_exceeded(x, &r->limit, bytes, &wait_s))
		refuse_for_now(x, wait_s);
	else if (is_too_large(x, r))
		http_exchange_refuse(
			x, 413, END_REQUEST_TOO_LARGE, "more than the route's max_body");
	else
		authorize(x, r, bytes);
}

static enum end_reason reason_of(unsigned status)
{
	return status == 501 || status == 405 || status == 417 ? END_REQUEST_UNSUPPORTED
							       : END_REQUEST_MALFORMED;
}

/* Each request is of the newest configuration that has the listener, and so is what the client's connection does from
 * then on. */
static void renew(struct http_exchange *x)
{
	struct worker *w = x->conn->worker;

	worker_view(w);
	if (!generation_listener(worker_newest(w), x->conn->listener)) {
		x->closes = true; /* it is gone: this is the last answer */
		return;
	}
	pins_renew(&w->pins, &x->pin);
	pins_renew(&w->pins, &x->conn->pin);
}

static unsigned judge(struct http_exchange *x, struct span bytes, const char **ret_why)
{
	unsigned status = http_request_judge(&x->head, bytes, &x->request, ret_why);

	if (x->has_open_body && !x->request.has_length)
		x->request.body.kind = HTTP_BODY_CLOSE;
	if (status == 0 && x->asks_tunnel && !http_is(x->request.upgrade, "websocket")) {
		*ret_why = "a :protocol other than \"websocket\"";
		return 501;
	}
	return status;
}

void http_exchange_begin(struct http_exchange *x)
{
	struct http_conn *c = x->conn;
	struct span bytes = http_buffer_held(*x->in);
	const char *why;
	size_t head_len = x->head.len;
	unsigned status = judge(x, bytes, &why);

	renew(x);
	x->is_request = true;
	x->bytes_in = head_len;
	http_account_request(x, bytes);
	/* What is refused may be framed as we do not know. */
	if (status != 0 || !x->request.keeps_alive || c->worker->draining)
		x->closes = true;
	if (status != 0)
		http_exchange_refuse(x, status, reason_of(status), why);
	else
		route(x, bytes);
	http_buffer_take(&c->worker->buffers, x->in, head_len);
}

/* The head lies elsewhere now, but nothing of it has changed. */
void http_exchange_resume(struct http_exchange *x, bool good)
{
	const struct config_route *r = &http_exchange_listener(x)->routes[x->route];
	struct span bytes = http_buffer_held(x->kept);
	const char *why;

	judge(x, bytes, &why);
	x->phase = HTTP_PHASE_OURS;
	if (good)
		answer(x, r, bytes);
	else
		refuse_user(x, r);
	http_buffer_drop(&x->conn->worker->buffers, &x->kept);
}

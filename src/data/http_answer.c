#include "data/http_answer.h"

#include "base/wire.h"
#include "data/worker_inside.h"
#include "http/status.h"

#include <stdio.h>

enum {
	HEAD_ROOM = 1024,  /* for everything in a head but a Location */
	RETRY_AFTER_S = 1, /* of a 503: servers come back in seconds */
	TEXT_MAX = 256,
};

/* A head in the making. Its body follows in the same buffer, or is of the configuration. */
struct answer {
	unsigned status;
	const char *type; /* NULL: no body */
	struct span body;
	struct span location[5]; /* its parts */
	const char *field;	 /* one more, whole, with its CRLF; NULL: none */
};

/* What the route sets on its answers; NULL: there is no route. */
static const struct config_headers *headers_of(const struct http_exchange *x)
{
	const struct config_listener *l = http_exchange_listener(x);

	return x->route >= 0 ? &l->routes[x->route].headers : NULL;
}

static size_t length_of(const struct http_exchange *x, const struct answer *a)
{
	const struct config_headers *h = headers_of(x);
	size_t n = HEAD_ROOM + (a->type ? strlen(a->type) : 0);

	for (size_t i = 0; h && i < h->n_response_set; i++)
		n += strlen(h->response_set[i].name) + strlen(h->response_set[i].value) + 4;

	for (unsigned i = 0; i < 5; i++)
		n += a->location[i].n;
	return n;
}

static void put(struct wire_writer *w, const char *text)
{
	wire_put_bytes(w, span_str(text));
}

static void put_location(struct wire_writer *w, const struct answer *a)
{
	if (a->location[0].n == 0)
		return;
	put(w, "Location: ");
	for (unsigned i = 0; i < 5; i++)
		wire_put_bytes(w, a->location[i]);
	put(w, "\r\n");
}

/* On every answer over TLS (RFC 6797 7.2). */
void http_answer_put_hsts(struct wire_writer *w, const struct http_exchange *x)
{
	const struct config_tls *tls = http_exchange_listener(x)->tls;
	char line[64];

	if (!tls || tls->hsts_ms == 0)
		return;
	snprintf(line, sizeof(line), "Strict-Transport-Security: max-age=%llu\r\n",
		(unsigned long long)tls->hsts_ms / 1000);
	put(w, line);
}

static void put_set(struct wire_writer *w, const struct config_headers *h)
{
	for (size_t i = 0; h && i < h->n_response_set; i++) {
		put(w, h->response_set[i].name);
		put(w, ": ");
		put(w, h->response_set[i].value);
		put(w, "\r\n");
	}
}

static void put_fields(struct wire_writer *w, struct http_exchange *x, const struct answer *a)
{
	char length[64];

	put(w, "Date: ");
	put(w, http_date(x->conn->worker->http));
	put(w, "\r\n");
	http_answer_put_hsts(w, x);
	put_location(w, a);
	put_set(w, headers_of(x));
	if (a->type) {
		put(w, "Content-Type: ");
		put(w, a->type);
		put(w, "\r\n");
	}
	if (a->field)
		put(w, a->field);
	snprintf(length, sizeof(length), "Content-Length: %zu\r\n", a->body.n);
	put(w, length);
}

static void put_head(struct wire_writer *w, struct http_exchange *x, const struct answer *a)
{
	char line[64];

	snprintf(line, sizeof(line), "HTTP/1.1 %u %s\r\n", a->status, http_reason(a->status));
	put(w, line);
	put_fields(w, x, a);
	if (!x->carrier->is_plain)
		;
	else if (x->closes)
		put(w, "Connection: close\r\n");
	else if (x->request.minor == 0)
		put(w, "Connection: keep-alive\r\n");
	put(w, "\r\n");
}

/* A body that does not live as long as the answer goes into the buffer behind the head. */
static bool begin(struct http_exchange *x, const struct answer *a, bool body_stays)
{
	struct buffers *pool = &x->conn->worker->buffers;
	bool with_body = x->request.method != HTTP_HEAD;
	size_t size = length_of(x, a) + (body_stays ? 0 : a->body.n);
	struct wire_writer w;

	if (!http_buffer_reserve(pool, &x->out, size))
		return false;
	w = wire_write(x->out->bytes + x->out->end, http_buffer_room(x->out));
	put_head(&w, x, a);
	if (with_body && !body_stays)
		wire_put_bytes(&w, a->body);
	if (w.failed)
		return false;
	x->out->end += (uint32_t)wire_written(&w);
	if (with_body && body_stays)
		x->rest = a->body;
	x->status = (uint16_t)a->status;
	return true;
}

/* A text that says the status, for people. */
static bool answer_text(struct http_exchange *x, const struct answer *head, const char *why)
{
	struct answer a = *head;
	char text[TEXT_MAX];
	int n = snprintf(text, sizeof(text), "%u %s%s%s\n", a.status, http_reason(a.status),
		why ? ": " : "", why ? why : "");

	a.type = "text/plain; charset=utf-8";
	a.body = span_of(text, (size_t)n);
	return begin(x, &a, false);
}

/* --- redirects --- */

/* Other methods than GET and HEAD must be kept as they are, and their bodies sent again. */
static unsigned redirect_status(const struct http_request *r, unsigned status)
{
	if (r->method == HTTP_GET || r->method == HTTP_HEAD)
		return status;
	if (status == 301)
		return 308;
	return status == 302 ? 307 : status;
}

static struct span scheme_of(const struct http_conn *c, const struct config_redirect *to)
{
	return span_str(to->scheme ? to->scheme : http_conn_scheme(c));
}

/* The port belongs to the scheme and host that it was asked with. */
static struct span host_of(const struct http_request *r, const struct config_redirect *to)
{
	if (to->host)
		return span_str(to->host);
	return to->scheme ? r->host.host : r->authority;
}

bool http_answer_redirect(struct http_exchange *x, const struct config_redirect *to)
{
	const struct http_request *r = &x->request;
	struct answer a = {.status = redirect_status(r, to->status)};
	bool has_path = r->path.p[0] == '/';

	a.location[0] = scheme_of(x->conn, to);
	a.location[1] = span_str("://");
	a.location[2] = host_of(r, to);
	a.location[3] = to->path ? span_str(to->path) : has_path ? r->path : span_str("/");
	a.location[4] = r->query;
	return answer_text(x, &a, NULL);
}

/* --- the others --- */

bool http_answer_respond(struct http_exchange *x, const struct config_respond *with)
{
	const struct answer a = {
		.status = with->status,
		.type = with->type,
		.body = span_of(with->body, with->body_len),
	};

	return begin(x, &a, true);
}

static bool has_server_up(const struct view_backend *b)
{
	const struct balance_draw any = {0};

	return b->plan && !b->failing_open && balance_pick(b->plan, &any) != BALANCE_NONE;
}

bool http_answer_health(struct http_exchange *x, const struct config_respond *of)
{
	const struct view *v = worker_view(x->conn->worker);
	const struct generation *g = http_exchange_generation(x);
	struct answer a = {.status = 200, .field = "Cache-Control: no-store\r\n"};
	const char *why = NULL;

	for (size_t i = 0; i < of->n_healthy_if && !why; i++) {
		uint16_t slot = generation_backend_slot(g, (int)of->healthy_if[i]);

		if (!has_server_up(&v->backends[slot]))
			why = g->backends[slot]->name;
	}
	if (!why)
		return answer_text(x, &a, NULL);
	a.status = 503;
	a.field = "Cache-Control: no-store\r\nRetry-After: 1\r\n";
	return answer_text(x, &a, "no server up");
}

bool http_answer_error(struct http_exchange *x, unsigned status, const char *why)
{
	struct answer a = {.status = status};

	if (status == 503)
		a.field = "Retry-After: 1\r\n";
	else if (status == 405)
		a.field = "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n";
	return answer_text(x, &a, why);
}

bool http_answer_unauthorized(struct http_exchange *x, const char *realm)
{
	struct answer a = {.status = 401};
	char field[256];

	snprintf(field, sizeof(field),
		"WWW-Authenticate: Basic realm=\"%s\", charset=\"UTF-8\"\r\n", realm);
	a.field = field;
	return answer_text(x, &a, NULL);
}

bool http_answer_limit(struct http_exchange *x, unsigned wait_s)
{
	struct answer a = {.status = 429};
	char field[40];

	snprintf(field, sizeof(field), "Retry-After: %u\r\n", wait_s);
	a.field = field;
	return answer_text(x, &a, NULL);
}

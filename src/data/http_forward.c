#include "data/http_forward.h"

#include "base/wire.h"
#include "data/http_answer.h"
#include "data/http_compress.h"
#include "data/http_sticky.h"
#include "data/worker_inside.h"
#include "http/bytes.h"

enum {
	ADDED_ROOM = 2048
}; /* for all that we say ourselves, but for what is as long as the client makes it */

static void put(struct wire_writer *w, const char *text)
{
	wire_put_bytes(w, span_str(text));
}

static void put_field(struct wire_writer *w, const char *name, struct span value)
{
	put(w, name);
	put(w, ": ");
	wire_put_bytes(w, value);
	put(w, "\r\n");
}

static void put_line(struct wire_writer *w, struct span name, struct span value)
{
	wire_put_bytes(w, name);
	put(w, ": ");
	wire_put_bytes(w, value);
	put(w, "\r\n");
}

enum { NUMBER_MAX = 20 };

/* By hand: snprintf four times a request was a twentieth of what one took. */
static struct span number_text(uint64_t n, char buf[NUMBER_MAX])
{
	size_t at = NUMBER_MAX;

	do
		buf[--at] = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	return span_of(buf + at, NUMBER_MAX - at);
}

static void put_length(struct wire_writer *w, uint64_t length)
{
	char buf[NUMBER_MAX];

	put_field(w, "Content-Length", number_text(length, buf));
}

/* --- what belongs to one connection --- */

static bool is_named(struct span list, struct span name)
{
	struct span word;

	while (http_next_word(&list, &word))
		if (http_same(word, name))
			return true;
	return false;
}

/* Connection may name fields that end here. Those that we know have rules of their own, so that nobody
 * can have them dropped. */
static bool ends_here(const struct http_head *h, struct span bytes, struct span name)
{
	for (unsigned i = 0; i < h->n_fields; i++)
		if (h->fields[i].id == HTTP_CONNECTION &&
			is_named(http_part(bytes, h->fields[i].value), name))
			return true;
	return false;
}

/* --- what the route says --- */

static const struct config_headers *headers_of(const struct http_exchange *x)
{
	return &http_exchange_listener(x)->routes[x->route].headers;
}

static bool names(const struct config_header *all, size_t n, struct span name)
{
	for (size_t i = 0; i < n; i++)
		if (http_is(name, all[i].name))
			return true;
	return false;
}

static size_t length_of(const struct config_header *all, size_t n)
{
	size_t length = 0;

	for (size_t i = 0; i < n; i++)
		length += strlen(all[i].name) + strlen(all[i].value) + 4;
	return length;
}

static void put_set(struct wire_writer *w, const struct config_header *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		put_field(w, all[i].name, span_str(all[i].value));
}

/* --- what is said of the client --- */

/* A request on its way, and the fields of it that are ours to write. */
struct forward {
	struct http_exchange *x;
	struct span bytes;
	bool trusted; /* what the client says of others is kept */
	struct wire_writer w;
};

static bool is_trusted(const struct http_conn *c)
{
	const struct config_listener *l = http_conn_listener(c);

	return addr_in_any(&c->client, l->trusted_proxies, l->n_trusted_proxies);
}

/* The first of these fields; empty: none, or not believed. */
static struct span said(const struct forward *f, enum http_field_id id)
{
	const struct http_head *h = &f->x->head;

	for (unsigned i = 0; f->trusted && i < h->n_fields; i++)
		if (h->fields[i].id == id)
			return http_part(f->bytes, h->fields[i].value);
	return span_of(NULL, 0);
}

bool http_forward_is_secure(struct http_exchange *x, struct span bytes)
{
	struct forward f = {.x = x, .bytes = bytes, .trusted = is_trusted(x->conn)};

	return x->conn->link.tls || http_is(said(&f, HTTP_X_FORWARDED_PROTO), "https");
}

/* `name: ` and what trusted proxies said, each with a comma behind it: our own word comes next. */
static void begin_list(struct forward *f, const char *name, enum http_field_id id)
{
	const struct http_head *h = &f->x->head;

	put(&f->w, name);
	put(&f->w, ": ");
	for (unsigned i = 0; f->trusted && i < h->n_fields; i++) {
		struct span value = http_part(f->bytes, h->fields[i].value);

		if (h->fields[i].id != id || value.n == 0)
			continue;
		wire_put_bytes(&f->w, value);
		put(&f->w, ", ");
	}
}

static bool is_changed(const struct http_exchange *x, struct span name)
{
	const struct config_headers *h = headers_of(x);

	return names(h->request_set, h->n_request_set, name) ||
	       names(h->request_remove, h->n_request_remove, name);
}

static void put_said_or(
	struct forward *f, const char *name, enum http_field_id id, struct span ours)
{
	struct span value = said(f, id);

	if (is_changed(f->x, span_str(name)))
		return;
	put_field(&f->w, name, value.n > 0 ? value : ours);
}

static struct span client_text(struct http_conn *c)
{
	if (!c->client_text[0])
		addr_format_ip(&c->client, c->client_text);
	return span_str(c->client_text);
}

/* RFC 7239: an address of IPv6 stands in brackets and quotes, a host in quotes. */
static void put_forwarded(struct forward *f, struct span client)
{
	bool quoted = f->x->conn->client.family != AF_INET;

	begin_list(f, "Forwarded", HTTP_FORWARDED);
	put(&f->w, quoted ? "for=\"[" : "for=");
	wire_put_bytes(&f->w, client);
	put(&f->w, quoted ? "]\"" : "");
	if (f->x->request.authority.n > 0) {
		put(&f->w, ";host=\"");
		wire_put_bytes(&f->w, f->x->request.authority);
		put(&f->w, "\"");
	}
	put(&f->w, ";proto=");
	put(&f->w, http_conn_scheme(f->x->conn));
	put(&f->w, "\r\n");
}

static void put_request_id(struct forward *f)
{
	struct prng *prng = &f->x->conn->worker->prng;
	char id[32];

	for (size_t i = 0; i < sizeof(id);) {
		uint64_t bits = prng_next(prng);

		for (unsigned k = 0; k < 16; k++, bits >>= 4)
			id[i++] = "0123456789abcdef"[bits & 15];
	}
	put_said_or(f, "X-Request-Id", HTTP_X_REQUEST_ID, span_of(id, sizeof(id)));
}

static void put_client(struct forward *f)
{
	struct http_conn *c = f->x->conn;
	struct span client = client_text(c);
	char port[NUMBER_MAX];

	if (c->local.family == AF_UNSPEC)
		link_local(&c->link, &c->local);
	if (!is_changed(f->x, span_str("X-Forwarded-For"))) {
		begin_list(f, "X-Forwarded-For", HTTP_X_FORWARDED_FOR);
		wire_put_bytes(&f->w, client);
		put(&f->w, "\r\n");
	}
	put_said_or(f, "X-Forwarded-Proto", HTTP_X_FORWARDED_PROTO, span_str(http_conn_scheme(c)));
	put_said_or(f, "X-Forwarded-Host", HTTP_X_FORWARDED_HOST, f->x->request.authority);
	put_said_or(f, "X-Forwarded-Port", HTTP_X_FORWARDED_PORT, number_text(c->local.port, port));
	put_said_or(f, "X-Real-IP", HTTP_X_REAL_IP, client);
	if (!is_changed(f->x, span_str("Forwarded")))
		put_forwarded(f, client);
	put_request_id(f);
}

/* --- requests --- */

/* What the route itself asked for is no business of the server, unless that wants it. */
static bool auth_goes_on(const struct http_exchange *x)
{
	const struct config_auth *auth = &http_exchange_listener(x)->routes[x->route].auth;

	return !auth->file || auth->forward;
}

static bool goes_on(const struct forward *f, const struct http_field *field)
{
	struct span name = http_part(f->bytes, field->name);

	if (is_changed(f->x, name))
		return false;
	switch ((enum http_field_id)field->id) {
	case HTTP_OTHER:
		return !http_field_is_disguised(name) && !ends_here(&f->x->head, f->bytes, name);
	case HTTP_AUTHORIZATION:
		return auth_goes_on(f->x);
	case HTTP_CONNECTION:
	case HTTP_CONTENT_LENGTH:
	case HTTP_EXPECT:
	case HTTP_FORWARDED:
	case HTTP_HOST:
	case HTTP_HTTP2_SETTINGS:
	case HTTP_KEEP_ALIVE:
	case HTTP_PROXY_CONNECTION:
	case HTTP_TE:
	case HTTP_TRANSFER_ENCODING:
	case HTTP_UPGRADE:
	case HTTP_X_FORWARDED_FOR:
	case HTTP_X_FORWARDED_HOST:
	case HTTP_X_FORWARDED_PORT:
	case HTTP_X_FORWARDED_PROTO:
	case HTTP_X_REAL_IP:
	case HTTP_X_REQUEST_ID:
		return false;
	default:
		return true;
	}
}

static void put_request_framing(struct forward *f)
{
	const struct http_request *r = &f->x->request;

	if (r->body.kind == HTTP_BODY_CHUNKED || r->body.kind == HTTP_BODY_CLOSE)
		put(&f->w, "Transfer-Encoding: chunked\r\n");
	else if (r->has_length)
		put_length(&f->w, r->body.length);
	if (r->expects_continue)
		put(&f->w, "Expect: 100-continue\r\n");
	if (r->upgrade.n > 0 || r->wants_trailers)
		put_field(&f->w, "Connection",
			span_str(r->upgrade.n == 0    ? "TE"
				 : !r->wants_trailers ? "Upgrade"
						      : "Upgrade, TE"));
	if (r->upgrade.n > 0)
		put_field(&f->w, "Upgrade", r->upgrade);
	if (r->wants_trailers)
		put(&f->w, "TE: trailers\r\n");
}

static void put_request(struct forward *f)
{
	const struct http_request *r = &f->x->request;
	const struct http_head *h = &f->x->head;

	wire_put_bytes(&f->w, r->method_text);
	put(&f->w, " ");
	wire_put_bytes(&f->w, r->path);
	wire_put_bytes(&f->w, r->query);
	put(&f->w, " HTTP/1.1\r\n");
	put_field(&f->w, "Host", r->authority);
	for (unsigned i = 0; i < h->n_fields; i++)
		if (goes_on(f, &h->fields[i]))
			put_line(&f->w, http_part(f->bytes, h->fields[i].name),
				http_part(f->bytes, h->fields[i].value));
	put_client(f);
	put_set(&f->w, headers_of(f->x)->request_set, headers_of(f->x)->n_request_set);
	put_request_framing(f);
	put(&f->w, "\r\n");
}

bool http_forward_request(struct http_exchange *x, struct span bytes)
{
	struct forward f = {.x = x, .bytes = bytes, .trusted = is_trusted(x->conn)};
	/* The authority is repeated in two more fields. */
	size_t room = x->head.len + ADDED_ROOM + 2 * x->request.authority.n +
		      length_of(headers_of(x)->request_set, headers_of(x)->n_request_set);

	if (!http_buffer_reserve(&x->conn->worker->buffers, &x->to_server, room))
		return false;
	f.w = wire_write(x->to_server->bytes + x->to_server->end, http_buffer_room(x->to_server));
	put_request(&f);
	if (f.w.failed)
		return false;
	x->to_server->end += (uint32_t)wire_written(&f.w);
	return true;
}

/* --- answers --- */

/* One of the two has the say of it, and who terminates TLS knows more. */
static bool has_hsts(const struct http_exchange *x)
{
	const struct config_tls *tls = http_exchange_listener(x)->tls;

	return tls && tls->hsts_ms > 0;
}

static bool comes_back(
	const struct http_exchange *x, struct span bytes, const struct http_field *field)
{
	const struct config_headers *rules = headers_of(x);
	struct span name = http_part(bytes, field->name);

	if (names(rules->response_set, rules->n_response_set, name) ||
		names(rules->response_remove, rules->n_response_remove, name))
		return false;
	if (!http_compress_keeps(x, name) ||
		(x->asks_tunnel && http_is(name, "sec-websocket-accept")))
		return false;
	switch ((enum http_field_id)field->id) {
	case HTTP_OTHER:
		return !ends_here(&x->head, bytes, name);
	case HTTP_STRICT_TRANSPORT_SECURITY:
		return !has_hsts(x);
	case HTTP_CONNECTION:
	case HTTP_CONTENT_LENGTH:
	case HTTP_KEEP_ALIVE:
	case HTTP_PROXY_CONNECTION:
	case HTTP_TRANSFER_ENCODING:
	case HTTP_UPGRADE:
		return false;
	default:
		return true;
	}
}

static void put_reply_framing(
	struct wire_writer *w, struct http_exchange *x, const struct http_reply *r)
{
	if (r->status == 101) {
		put(w, "Connection: Upgrade\r\n");
		put_field(w, "Upgrade", r->upgrade);
		return;
	}
	if (r->status < 200)
		return;
	if (x->deflater ? x->carrier->is_plain : x->reply_body.chunks)
		put(w, "Transfer-Encoding: chunked\r\n");
	else if (!x->deflater && r->has_length && r->status != 204)
		put_length(w, r->length);
	if (!x->carrier->is_plain)
		return;
	if (x->closes)
		put(w, "Connection: close\r\n");
	else if (x->request.minor == 0)
		put(w, "Connection: keep-alive\r\n");
}

/* A tag names bytes; of what was compressed here it names the same thing in other bytes (RFC 9110 8.8.1). */
static void put_reply_field(
	struct wire_writer *w, const struct http_exchange *x, struct span name, struct span value)
{
	bool weakens = x->deflater && http_is(name, "etag") && value.n > 0 && value.p[0] == '"';

	wire_put_bytes(w, name);
	put(w, weakens ? ": W/" : ": ");
	wire_put_bytes(w, value);
	put(w, "\r\n");
}

static void put_reply(struct wire_writer *w, struct http_exchange *x, struct span bytes,
	const struct http_reply *r)
{
	const struct http_head *h = &x->head;
	bool final = r->status >= 200 || (r->status == 101 && x->asks_tunnel);
	char status[NUMBER_MAX];

	put(w, "HTTP/1.1 ");
	wire_put_bytes(w, number_text(r->status, status));
	put(w, " ");
	wire_put_bytes(w, http_part(bytes, h->reason));
	put(w, "\r\n");
	for (unsigned i = 0; i < h->n_fields; i++)
		if (comes_back(x, bytes, &h->fields[i]))
			put_reply_field(w, x, http_part(bytes, h->fields[i].name),
				http_part(bytes, h->fields[i].value));
	if (x->deflater)
		put(w, "Content-Encoding: gzip\r\n");
	if (x->varies)
		put(w, "Vary: Accept-Encoding\r\n");
	if (!r->has_date && final)
		put_field(w, "Date", span_str(http_date(x->conn->worker->http)));
	if (final) {
		http_answer_put_hsts(w, x);
		put_set(w, headers_of(x)->response_set, headers_of(x)->n_response_set);
	}
	if (!http_reply_is_interim(r))
		http_sticky_put(w, x);
	put_reply_framing(w, x, r);
	put(w, "\r\n");
}

bool http_forward_reply(struct http_exchange *x, struct span bytes, const struct http_reply *reply)
{
	struct wire_writer w;

	size_t room = x->head.len + ADDED_ROOM +
		      length_of(headers_of(x)->response_set, headers_of(x)->n_response_set);

	if (!http_buffer_reserve(&x->conn->worker->buffers, &x->out, room))
		return false;
	w = wire_write(x->out->bytes + x->out->end, http_buffer_room(x->out));
	put_reply(&w, x, bytes, reply);
	if (w.failed)
		return false;
	x->out->end += (uint32_t)wire_written(&w);
	return true;
}

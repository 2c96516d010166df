#include "data/http_sticky.h"

#include "data/http_forward.h"
#include "data/worker_inside.h"
#include "http/bytes.h"
#include "http/cookie.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

/* Each costs an attempt to open it: who sends many is not looked at further. */
enum { COOKIES_MAX = 4 };

static const struct config_backend *backend_of(const struct http_exchange *x)
{
	return http_exchange_generation(x)->backends[x->backend];
}

static const struct config_sticky *sticky_of(const struct http_exchange *x)
{
	return &backend_of(x)->sticky;
}

static uint32_t wall_s(void)
{
	return (uint32_t)time(NULL);
}

/* --- the request's --- */

/* Clocks of nodes differ: a cookie of the future is a young one. */
static uint64_t age_ms(const struct sticky_place *place)
{
	uint32_t now = wall_s();

	return now > place->since_s ? (uint64_t)(now - place->since_s) * 1000 : 0;
}

static bool take(struct http_exchange *x, const struct sticky_place *place)
{
	uint64_t max_ms = sticky_of(x)->max_age_ms, age = age_ms(place);

	if (max_ms > 0 && age >= max_ms)
		return false;
	x->choice.wish = place->server;
	x->choice.has_wish = true;
	x->cookie_grows_old = max_ms > 0 && age >= max_ms / 2;
	return true;
}

/* Cookies of one name may come from several paths: the first that is ours counts. */
static bool read_field(struct http_exchange *x, struct span value, unsigned *left)
{
	const struct sticky *s = worker_view(x->conn->worker)->sticky;
	struct span name, text, backend = span_str(backend_of(x)->name);
	struct sticky_place place;

	while (*left > 0 && http_next_cookie(&value, &name, &text)) {
		if (!span_eq(name, span_str(sticky_of(x)->cookie)))
			continue;
		(*left)--;
		if (s && sticky_open(s, backend, text, &place) && take(x, &place))
			return true;
	}
	return false;
}

void http_sticky_read(struct http_exchange *x, struct span bytes)
{
	const struct http_head *h = &x->head;
	unsigned left = COOKIES_MAX;

	if (x->backend == UINT16_MAX || !sticky_of(x)->cookie)
		return;
	x->client_is_secure = http_forward_is_secure(x, bytes);
	for (unsigned i = 0; i < h->n_fields; i++)
		if (h->fields[i].id == HTTP_COOKIE &&
			read_field(x, http_part(bytes, h->fields[i].value), &left))
			return;
}

/* --- the answer's --- */

/* What is at its place in the present view, if that is still the same server. */
static const struct view_server *server_of(const struct http_exchange *x)
{
	const struct view_backend *b = &worker_view(x->conn->worker)->backends[x->backend];

	if (x->place < b->n_servers && b->servers[x->place].id == x->server_id)
		return &b->servers[x->place];
	for (size_t i = 0; i < b->n_servers; i++)
		if (b->servers[i].id == x->server_id)
			return &b->servers[i];
	return NULL;
}

/* Browsers take "None" only of what is sent over TLS (and then from everywhere). */
static const char *same_site_of(const struct http_exchange *x)
{
	switch (sticky_of(x)->same_site) {
	case SAME_SITE_NONE:
		return x->client_is_secure ? "None" : "Lax";
	case SAME_SITE_STRICT:
		return "Strict";
	case SAME_SITE_LAX:
		break;
	}
	return "Lax";
}

static void put_cookie(struct wire_writer *w, const struct http_exchange *x,
	const struct sticky *secrets, uint64_t server)
{
	const struct sticky_place place = {.server = server, .since_s = wall_s()};
	const struct config_sticky *conf = sticky_of(x);
	char text[STICKY_TEXT_LEN + 1], line[HTTP_STICKY_ROOM];
	int n;

	sticky_seal(secrets, span_str(backend_of(x)->name), &place, text);
	n = snprintf(line, sizeof(line), "Set-Cookie: %s=%s; Path=/; HttpOnly; SameSite=%s%s",
		conf->cookie, text, same_site_of(x), x->client_is_secure ? "; Secure" : "");
	if (conf->max_age_ms > 0)
		n += snprintf(line + n, sizeof(line) - (size_t)n, "; Max-Age=%" PRIu64,
			conf->max_age_ms / 1000);
	wire_put_bytes(w, span_of(line, (size_t)n));
	wire_put_bytes(w, span_str("\r\n"));
}

void http_sticky_put(struct wire_writer *w, struct http_exchange *x)
{
	const struct sticky *secrets = worker_view(x->conn->worker)->sticky;
	const struct view_server *server;

	if (x->backend == UINT16_MAX || !sticky_of(x)->cookie || !secrets)
		return;
	server = server_of(x);
	if (!server ||
		(x->choice.has_wish && x->choice.wish == server->name_hash && !x->cookie_grows_old))
		return;
	put_cookie(w, x, secrets, server->name_hash);
}

#include "explain.h"

#include "http/path.h"
#include "idna/idna.h"
#include "route.h"

#include <string.h>

enum { PATH_MAX_LEN = 8192 };

/* What is asked: the name as a client would send it, and the path behind it, if there is one. */
struct question {
	char sent[IDNA_SIZE];
	char normal[HOSTNAME_SIZE]; /* "" where it is no host name */
	const char *path;	    /* NULL: none */
};

static struct question question_of(const char *text)
{
	size_t n = strcspn(text, "/");
	struct question q = {.path = text[n] ? text + n : NULL};
	const char *wrong;

	if (idna_to_ascii(span_of(text, n), q.sent, &wrong) != IDNA_OK)
		snprintf(q.sent, sizeof(q.sent), "%.*s", n < IDNA_SIZE ? (int)n : IDNA_SIZE - 1,
			text);
	if (hostname_normalize(span_str(q.sent), q.normal) < 0)
		q.normal[0] = '\0';
	return q;
}

/* Whether "*.example.com" has the name. */
static bool is_under(const char *pattern, const char *name)
{
	size_t suffix = strlen(pattern) - 1, n = strlen(name);

	return pattern[0] == '*' && n > suffix && strcmp(name + n - suffix, pattern + 1) == 0;
}

/* The name of the route that made it the best: the exact one, else the longest wildcard. */
static const char *pattern_of(const struct config_route *route, const char *name)
{
	const char *best = "any name";
	size_t longest = 0;

	for (size_t i = 0; i < route->n_names; i++) {
		const char *pattern = route->names[i];

		if (strcmp(pattern, name) == 0)
			return pattern;
		if (is_under(pattern, name) && strlen(pattern) > longest) {
			best = pattern;
			longest = strlen(pattern);
		}
	}
	return best;
}

static const char *balance_name(enum balance_algo algo)
{
	switch (algo) {
	case BALANCE_ROUNDROBIN:
		return "roundrobin";
	case BALANCE_LEASTCONN:
		return "leastconn";
	case BALANCE_SOURCE:
		return "source";
	case BALANCE_RANDOM2:
		return "random2";
	}
	return "?";
}

static const char *proxy_name(enum config_proxy proxy)
{
	switch (proxy) {
	case PROXY_OFF:
		return "off";
	case PROXY_V1:
		return "v1";
	case PROXY_V2:
		return "v2";
	}
	return "?";
}

static void explain_server(const struct config_server *s, FILE *out)
{
	char addr[ADDR_TEXT_MAX];

	fprintf(out, "  server   %s %s", s->name, addr_format(&s->addr, addr));
	if (s->weight != 1)
		fprintf(out, ", weight %u%s", s->weight,
			s->weight == 0 ? " (gets no new connections)" : "");
	if (s->backup)
		fprintf(out, ", backup");
	fputc('\n', out);
}

static void explain_backend(const struct config_backend *b, FILE *out)
{
	fprintf(out, "  backend  %s (balance %s, proxy_protocol %s)\n", b->name,
		balance_name(b->balance), proxy_name(b->proxy_protocol));
	if (b->sticky.cookie)
		fprintf(out, "  sticky   by the cookie %s\n", b->sticky.cookie);
	for (size_t i = 0; i < b->n_servers; i++)
		explain_server(&b->servers[i], out);
}

static void explain_head(const struct config_listener *l, const char *mode, FILE *out)
{
	fprintf(out, "listener %s (%s)", l->name, mode);
	for (size_t i = 0; i < l->n_binds; i++)
		fprintf(out, "%s %s", i ? "," : "", l->binds[i].text);
	fputc('\n', out);
}

static void explain_pattern(
	const struct config_listener *l, const struct question *q, int route, FILE *out)
{
	const struct config_route *r = &l->routes[route];

	fprintf(out, "  pattern  %s%s (routes[%d], line %d)\n", pattern_of(r, q->normal),
		r->path ? r->path : "", route, r->line);
}

static void explain_passthrough(const struct config *c, const struct config_listener *l,
	const struct question *q, FILE *out)
{
	int route, backend = route_backend(l, span_str(q->sent), &route);

	explain_head(l, "passthrough", out);
	if (backend == ROUTE_NONE) {
		fprintf(out, "  no route: the client gets the TLS alert unrecognized_name (112)\n");
		return;
	}
	if (route == ROUTE_NONE)
		fprintf(out, "  pattern  default_backend: no route has the name\n");
	else
		explain_pattern(l, q, route, out);
	explain_backend(&c->backends[backend], out);
}

/* --- mode = "http" --- */

static void explain_redirect(const struct config_redirect *r, FILE *out)
{
	fprintf(out, "  redirect %u to %s://%s%s\n", r->status, r->scheme ? r->scheme : "SCHEME",
		r->host ? r->host : "HOST", r->path ? r->path : "/PATH");
}

static void explain_health(const struct config *c, const struct config_respond *r, FILE *out)
{
	fprintf(out, "  respond  200 while a server is up of each of");
	for (size_t i = 0; i < r->n_healthy_if; i++)
		fprintf(out, "%s %s", i ? "," : "", c->backends[r->healthy_if[i]].name);
	fprintf(out, "; else 503\n");
}

static void explain_networks(const char *what, const struct addr_prefix *all, size_t n, FILE *out)
{
	char text[ADDR_TEXT_MAX];

	if (n == 0)
		return;
	fprintf(out, "  %s", what);
	for (size_t i = 0; i < n; i++)
		fprintf(out, "%s%s/%u", i ? ", " : "", addr_format_ip(&all[i].addr, text),
			(unsigned)all[i].bits);
	fputc('\n', out);
}

static void explain_action(const struct config *c, const struct config_route *r, FILE *out)
{
	explain_networks("allow    ", r->allow, r->n_allow, out);
	explain_networks("deny     ", r->deny, r->n_deny, out);
	if (r->auth.file)
		fprintf(out, "  auth     the users of %s\n", r->auth.file);
	switch (r->action) {
	case ACTION_BACKEND:
		explain_backend(&c->backends[r->backend], out);
		break;
	case ACTION_REDIRECT:
		explain_redirect(&r->redirect, out);
		break;
	case ACTION_RESPOND:
		fprintf(out, "  respond  %u, %s, %zu bytes\n", r->respond.status, r->respond.type,
			r->respond.body_len);
		break;
	case ACTION_STATUS:
		fprintf(out, "  respond  the status of this node\n");
		break;
	case ACTION_HEALTH:
		explain_health(c, &r->respond, out);
		break;
	}
}

static void explain_http(const struct config *c, const struct config_listener *l,
	const struct question *q, FILE *out)
{
	const char *path = q->path ? q->path : "/";
	struct span bare = span_of(path, strcspn(path, "?"));
	uint8_t normal[PATH_MAX_LEN];
	int n = bare.n < sizeof(normal) ? http_path_normalize(bare, normal) : HTTP_PATH_BAD;
	int route;

	explain_head(l, "http", out);
	if (n < 0) {
		fprintf(out, "  the path is none: the client gets 400\n");
		return;
	}
	route = route_request(l, span_str(q->normal), span_of(normal, (size_t)n));
	if (route == ROUTE_NONE) {
		fprintf(out, "  no route: the client gets 404\n");
		return;
	}
	explain_pattern(l, q, route, out);
	explain_action(c, &l->routes[route], out);
}

static bool has_http(const struct config *c)
{
	for (size_t i = 0; i < c->n_listeners; i++)
		if (c->listeners[i].mode == MODE_HTTP)
			return true;
	return false;
}

void explain_name(const struct config *c, const char *name, FILE *out)
{
	struct question q = question_of(name);

	fprintf(out, "name     %s\n", q.sent[0] ? q.sent : "none: a hello without a server name");
	if (q.path)
		fprintf(out, "path     %s%s\n", q.path,
			has_http(c) ? "" : ": not seen in mode passthrough, it decides nothing");
	for (size_t i = 0; i < c->n_listeners; i++) {
		const struct config_listener *l = &c->listeners[i];

		if (l->mode == MODE_HTTP)
			explain_http(c, l, &q, out);
		else
			explain_passthrough(c, l, &q, out);
	}
	if (c->n_listeners == 0)
		fprintf(out, "no route: there is no listener\n");
}

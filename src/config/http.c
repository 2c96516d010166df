#include "config/http.h"

#include "config/address.h"
#include "config/auth.h"
#include "config/compress.h"
#include "config/hosts.h"
#include "config/listener.h"
#include "config/rate.h"
#include "config/tls.h"
#include "config/value.h"
#include "http/authority.h"
#include "http/bytes.h"
#include "http/field.h"
#include "http/path.h"

#include <string.h>

enum { BODY_MAX = 1 << 20, TEXT_MAX = 1024, HEALTHY_IF_MAX = 4096, HEADERS_MAX = 32 };

#define NOT_SAID UINT64_MAX

#define HOST_EXPECTED                                                                              \
	"a host name such as \"example.com\" or \"*.example.com\" (without host a route takes "    \
	"every name)"
#define PATH_EXPECTED "a path such as \"/health\", without query, \"..\" and \"//\""

/* --- time limits --- */

static const struct config_key timeouts_keys[] = {
	CONFIG_KEY_DURATION("request", config_listener_timeouts, request_ms, 0, CONFIG_DAY_MS),
	CONFIG_KEY_DURATION("idle", config_listener_timeouts, idle_ms, 0, CONFIG_DURATION_MAX_MS),
	CONFIG_KEY_DURATION("connect", config_listener_timeouts, connect_ms, 0, CONFIG_DAY_MS),
	CONFIG_KEY_DURATION("response", config_listener_timeouts, response_ms, 0, CONFIG_DAY_MS),
	CONFIG_KEY_DURATION(
		"tunnel", config_listener_timeouts, tunnel_ms, 0, CONFIG_DURATION_MAX_MS),
	CONFIG_KEY_PASSTHROUGH("hello", "use \"request\""),
	CONFIG_KEY_PASSTHROUGH("half_close", "use \"tunnel\""),
	{0},
};

/* --- texts that become a part of an answer --- */

static bool is_text(const char *text)
{
	return http_is_all(span_str(text), HTTP_BYTE_TEXT);
}

/* To a const char *. */
static void read_redirect_scheme(struct config_reader *r, const config_setting_t *s, void *to)
{
	const char *text = config_setting_get_string(s);
	const char *scheme = NULL;

	if (text && strcmp(text, "https") == 0)
		scheme = "https";
	else if (text && strcmp(text, "http") == 0)
		scheme = "http";
	if (scheme)
		memcpy(to, &scheme, sizeof(scheme));
	else
		config_error_found(r, s, "\"https\" or \"http\"");
}

static void read_redirect_host(struct config_reader *r, const config_setting_t *s, void *to)
{
	static const char expected[] =
		"a host name, perhaps with a port, such as \"example.com\" or \"example.com:8443\"";
	const char *text = config_read_text(r, s, TEXT_MAX, expected);
	struct http_authority authority;

	if (text && http_authority_parse(span_str(text), &authority))
		memcpy(to, &text, sizeof(text));
	else if (text)
		config_error_found(r, s, expected);
}

static bool is_target(const char *text)
{
	return text[0] == '/' && http_is_all(span_str(text), HTTP_BYTE_TARGET);
}

static void read_redirect_path(struct config_reader *r, const config_setting_t *s, void *to)
{
	static const char expected[] = "a path such as \"/new\", without query";
	const char *text = config_read_text(r, s, TEXT_MAX, expected);

	if (text && is_target(text) && !strchr(text, '?'))
		memcpy(to, &text, sizeof(text));
	else if (text)
		config_error_found(r, s, expected);
}

static void read_redirect_status(struct config_reader *r, const config_setting_t *s, void *to)
{
	int n = config_setting_get_int(s);
	uint16_t status = (uint16_t)n;

	if (n == 301 || n == 302 || n == 303 || n == 307 || n == 308)
		memcpy(to, &status, sizeof(status));
	else
		config_error_found(r, s, "301, 302, 303, 307 or 308");
}

static const struct config_key redirect_keys[] = {
	CONFIG_KEY_OWN("scheme", config_redirect, scheme, read_redirect_scheme),
	CONFIG_KEY_OWN("host", config_redirect, host, read_redirect_host),
	CONFIG_KEY_OWN("path", config_redirect, path, read_redirect_path),
	CONFIG_KEY_OWN("status", config_redirect, status, read_redirect_status),
	{0},
};

/* --- what a route does; each reader is given the whole route --- */

static void read_backend(struct config_reader *r, const config_setting_t *s, void *to)
{
	struct config_route *route = to;

	route->action = ACTION_BACKEND;
	config_read_backend_name(r, s, &route->backend);
}

static void read_redirect(struct config_reader *r, const config_setting_t *s, void *to)
{
	struct config_route *route = to;
	struct config_redirect *redirect = &route->redirect;
	size_t errors = r->errors->n_errors;

	route->action = ACTION_REDIRECT;
	redirect->status = 301;
	config_read_group(r, s, redirect_keys, redirect);
	if (r->errors->n_errors == errors && !redirect->scheme && !redirect->host &&
		!redirect->path)
		config_error(r, s, "leads to itself; expected scheme, host or path");
}

static void read_respond_status(struct config_reader *r, const config_setting_t *s, void *to)
{
	int n = config_setting_get_int(s);
	uint16_t status = (uint16_t)n;

	if (n >= 200 && n <= 599 && n != 204 && n != 304)
		memcpy(to, &status, sizeof(status));
	else
		config_error_found(r, s, "an integer from 200 to 599, but 204 and 304");
}

static void read_respond_type(struct config_reader *r, const config_setting_t *s, void *to)
{
	static const char expected[] = "a media type such as \"text/plain\"";
	const char *text = config_read_text(r, s, TEXT_MAX, expected);

	if (text && text[0] && is_text(text))
		memcpy(to, &text, sizeof(text));
	else if (text)
		config_error_found(r, s, expected);
}

/* To a whole struct config_respond. */
static void read_respond_body(struct config_reader *r, const config_setting_t *s, void *to)
{
	struct config_respond *respond = to;
	const char *text = config_read_text(r, s, BODY_MAX, "a text");

	if (!text)
		return;
	respond->body = text;
	respond->body_len = strlen(text);
}

static const struct config_key respond_keys[] = {
	CONFIG_KEY_OWN("status", config_respond, status, read_respond_status),
	CONFIG_KEY_OWN("type", config_respond, type, read_respond_type),
	{.name = "body", .type = CONFIG_OWN, .read = read_respond_body},
	{.name = "healthy_if",
		.type = CONFIG_LIST,
		.read = config_read_backend_name,
		.min = 1,
		.max = HEALTHY_IF_MAX,
		.expected = "a list of backends such as [\"dashboard\"]",
		CONFIG_ELEMENTS(config_respond, healthy_if, n_healthy_if)},
	CONFIG_KEY("status_page", CONFIG_FLAG, config_respond, status_page),
	{0},
};

static void read_respond(struct config_reader *r, const config_setting_t *s, void *to)
{
	struct config_route *route = to;
	size_t errors = r->errors->n_errors;

	route->action = ACTION_RESPOND;
	route->respond = (struct config_respond){
		.status = 200, .type = "text/plain; charset=utf-8", .body = ""};
	config_read_group(r, s, respond_keys, &route->respond);
	if (r->errors->n_errors > errors)
		return;
	if (route->respond.n_healthy_if > 0)
		route->action = ACTION_HEALTH;
	else if (route->respond.status_page)
		route->action = ACTION_STATUS;
	else
		return;
	if (config_setting_length(s) > 1)
		config_error(r, s, "%s stands beside other keys; expected it alone",
			route->action == ACTION_HEALTH ? "healthy_if" : "status_page");
	if (route->action == ACTION_STATUS && r->config->status.n_http_binds == 0)
		config_error(r, s,
			"there is no status over HTTP; expected status = { http = { bind = "
			"[\"127.0.0.1:8081\"]; }; }");
}

/* To a const char *. */
static void read_path(struct config_reader *r, const config_setting_t *s, void *to)
{
	const char *text = config_read_text(r, s, TEXT_MAX, PATH_EXPECTED);
	char normal[TEXT_MAX + 1];
	int n;

	if (!text)
		return;
	n = is_target(text) && !strchr(text, '?')
		    ? http_path_normalize(span_str(text), (uint8_t *)normal)
		    : HTTP_PATH_BAD;
	if (n < 0) {
		config_error_found(r, s, PATH_EXPECTED);
		return;
	}
	normal[n] = '\0';
	text = strcmp(normal, "/") == 0 ? "" : arena_strdup(r->config->arena, normal);
	memcpy(to, &text, sizeof(text));
}

static void read_host(struct config_reader *r, const config_setting_t *s, void *to)
{
	const char *name = NULL;

	config_read_host_name(r, s, HOST_EXPECTED, &name);
	if (name)
		memcpy(to, &name, sizeof(name));
}

/* --- what a route changes --- */

/* What frames a message, or belongs to one connection, is not the operator's to write. */
static bool is_ours(const char *name)
{
	switch (http_field_id(span_str(name))) {
	case HTTP_CONNECTION:
	case HTTP_CONTENT_LENGTH:
	case HTTP_EXPECT:
	case HTTP_HOST:
	case HTTP_HTTP2_SETTINGS:
	case HTTP_KEEP_ALIVE:
	case HTTP_PROXY_CONNECTION:
	case HTTP_TE:
	case HTTP_TRAILER:
	case HTTP_TRANSFER_ENCODING:
	case HTTP_UPGRADE:
		return true;
	default:
		return false;
	}
}

#define FIELD_EXPECTED "the name of a header field such as \"X-Frame-Options\""

static void read_field_name(struct config_reader *r, const config_setting_t *s, void *to)
{
	const char *name = config_read_text(r, s, TEXT_MAX, FIELD_EXPECTED);

	if (!name)
		return;
	if (!name[0] || !http_is_all(span_str(name), HTTP_BYTE_TOKEN))
		config_error_found(r, s, FIELD_EXPECTED);
	else if (is_ours(name))
		config_error_why(
			r, s, "it frames messages or belongs to one connection", FIELD_EXPECTED);
	else
		memcpy(to, &name, sizeof(name));
}

static void read_field_value(struct config_reader *r, const config_setting_t *s, void *to)
{
	static const char expected[] = "a header field's value: text without line ends";
	const char *value = config_read_text(r, s, TEXT_MAX, expected);

	if (value && is_text(value))
		memcpy(to, &value, sizeof(value));
	else if (value)
		config_error_found(r, s, expected);
}

static const struct config_key header_keys[] = {
	{.name = "name",
		.type = CONFIG_OWN,
		.read = read_field_name,
		.required = true,
		.expected = FIELD_EXPECTED,
		CONFIG_MEMBER(config_header, name)},
	{.name = "value",
		.type = CONFIG_OWN,
		.read = read_field_value,
		.required = true,
		.expected = "its value",
		CONFIG_MEMBER(config_header, value)},
	{0},
};

/* Both to a struct config_header. */
static void read_set(struct config_reader *r, const config_setting_t *s, void *to)
{
	config_read_group(r, s, header_keys, to);
}

static void read_remove(struct config_reader *r, const config_setting_t *s, void *to)
{
	struct config_header *header = to;

	read_field_name(r, s, &header->name);
}

#define HEADERS_KEY(key, by, array, count, text)                                                   \
	{                                                                                          \
		.name = (key), .type = CONFIG_LIST, .read = (by), .max = HEADERS_MAX,              \
		.expected = (text), CONFIG_ELEMENTS(config_headers, array, count)                  \
	}
#define SET_EXPECTED "a list of fields such as ( { name = \"X-Env\"; value = \"prod\"; } )"
#define REMOVE_EXPECTED "a list of names such as [\"Server\"]"

static const struct config_key headers_keys[] = {
	HEADERS_KEY("request_set", read_set, request_set, n_request_set, SET_EXPECTED),
	HEADERS_KEY(
		"request_remove", read_remove, request_remove, n_request_remove, REMOVE_EXPECTED),
	HEADERS_KEY("response_set", read_set, response_set, n_response_set, SET_EXPECTED),
	HEADERS_KEY("response_remove", read_remove, response_remove, n_response_remove,
		REMOVE_EXPECTED),
	{0},
};

static const struct config_key route_timeouts_keys[] = {
	CONFIG_KEY_DURATION("connect", config_listener_timeouts, connect_ms, 0, CONFIG_DAY_MS),
	CONFIG_KEY_DURATION("response", config_listener_timeouts, response_ms, 0, CONFIG_DAY_MS),
	CONFIG_KEY_DURATION("idle", config_listener_timeouts, idle_ms, 0, CONFIG_DURATION_MAX_MS),
	CONFIG_KEY_DURATION(
		"tunnel", config_listener_timeouts, tunnel_ms, 0, CONFIG_DURATION_MAX_MS),
	{0},
};

static void say_or(uint64_t *ms, uint64_t listeners)
{
	if (*ms == NOT_SAID)
		*ms = listeners;
}

/* What a route does not say is as its listener has it. */
static void complete_timeouts(
	struct config_listener_timeouts *t, const struct config_listener_timeouts *of)
{
	say_or(&t->connect_ms, of->connect_ms);
	say_or(&t->response_ms, of->response_ms);
	say_or(&t->idle_ms, of->idle_ms);
	say_or(&t->tunnel_ms, of->tunnel_ms);
	t->request_ms = of->request_ms;
}

static const struct config_key route_keys[] = {
	{.name = "host",
		.type = CONFIG_LIST,
		.read = read_host,
		.min = 1,
		.max = CONFIG_HOST_NAMES_MAX,
		.expected = "a list of names such as [\"example.com\", \"*.example.com\"]; "
			    "without host a route takes every name",
		CONFIG_ELEMENTS(config_route, names, n_names)},
	CONFIG_KEY_OWN("path", config_route, path, read_path),
	{.name = "backend", .type = CONFIG_OWN, .read = read_backend},
	{.name = "redirect", .type = CONFIG_OWN, .read = read_redirect},
	{.name = "respond", .type = CONFIG_OWN, .read = read_respond},
	{.name = "allow",
		.type = CONFIG_LIST,
		.read = config_read_prefix,
		.min = 1,
		.max = CONFIG_PREFIXES_MAX,
		.expected = "a list of networks such as [\"100.64.0.0/10\"]",
		CONFIG_ELEMENTS(config_route, allow, n_allow)},
	{.name = "deny",
		.type = CONFIG_LIST,
		.read = config_read_prefix,
		.max = CONFIG_PREFIXES_MAX,
		.expected = "a list of networks such as [\"192.0.2.0/24\"]",
		CONFIG_ELEMENTS(config_route, deny, n_deny)},
	CONFIG_KEY_PASSTHROUGH("sni", "use \"host\""),
	CONFIG_KEY_GROUP("headers", config_route, headers, headers_keys),
	CONFIG_KEY_OWN("auth", config_route, auth, config_read_auth),
	CONFIG_KEY_OWN("compress", config_route, compress, config_read_compress),
	CONFIG_KEY_GROUP("timeouts", config_route, timeouts, route_timeouts_keys),
	CONFIG_KEY_NUMBER("max_body", config_route, max_body, 1, INT64_MAX),
	CONFIG_KEY_OWN("rate_limit", config_route, limit, config_read_request_limit),
	{0},
};

static void read_route(struct config_reader *r, const config_setting_t *s, void *to)
{
	static const char *const actions[] = {"backend", "redirect", "respond"};
	struct config_route *route = to;
	unsigned n = 0;

	*route = (struct config_route){
		.path = "",
		.backend = CONFIG_NO_BACKEND,
		.timeouts = {.connect_ms = NOT_SAID,
			.response_ms = NOT_SAID,
			.idle_ms = NOT_SAID,
			.tunnel_ms = NOT_SAID},
		.line = (int)config_place_of(r, s).line,
	};
	config_read_group(r, s, route_keys, route);
	for (size_t i = 0; config_setting_is_group(s) && i < 3; i++)
		n += config_setting_get_member(s, actions[i]) != NULL;
	if (config_setting_is_group(s) && n != 1)
		config_error(r, s, "has %s; expected one of backend, redirect and respond",
			n == 0 ? "nothing to do" : "more than one thing to do");
	if (route->compress.on && route->action != ACTION_BACKEND && n == 1)
		config_warning(r, config_setting_get_member(s, "compress"),
			"has no effect where no backend answers");
}

/* --- the listener --- */

static const struct config_key listener_keys[] = {
	{.name = "name",
		.type = CONFIG_NAME,
		.required = true,
		.expected = "a name such as \"web\"",
		CONFIG_MEMBER(config_listener, name)},
	CONFIG_KEY_CHOICE("mode", config_listener, mode, config_modes),
	{.name = "bind",
		.type = CONFIG_LIST,
		.read = config_read_bind,
		.required = true,
		.min = 1,
		.max = CONFIG_BINDS_MAX,
		.expected = "a list of addresses such as [\"*:80\"] or [\"10.10.10.100:80\"]",
		CONFIG_ELEMENTS(config_listener, binds, n_binds)},
	{.name = "accept_proxy",
		.type = CONFIG_LIST,
		.read = config_read_prefix,
		.max = CONFIG_PREFIXES_MAX,
		.expected = "a list of networks such as [\"10.10.10.10/32\"]",
		CONFIG_ELEMENTS(config_listener, accept_proxy, n_accept_proxy)},
	CONFIG_KEY_GROUP("timeouts", config_listener, timeouts, timeouts_keys),
	CONFIG_KEY_OWN("rate_limit", config_listener, rate_limit, config_read_rate_limit),
	{.name = "routes",
		.type = CONFIG_LIST,
		.read = read_route,
		.required = true,
		.max = CONFIG_ROUTES_MAX,
		.expected = "a list of routes such as ( { host = [\"example.com\"]; redirect = { "
			    "scheme = \"https\"; }; } )",
		CONFIG_ELEMENTS(config_listener, routes, n_routes)},
	CONFIG_KEY_PASSTHROUGH("default_backend", "use a route without host"),
	CONFIG_KEY_OWN("tls", config_listener, tls, config_read_tls),
	{.name = "trusted_proxies",
		.type = CONFIG_LIST,
		.read = config_read_prefix,
		.max = CONFIG_PREFIXES_MAX,
		.expected = "a list of networks such as [\"10.10.10.0/24\"]",
		CONFIG_ELEMENTS(config_listener, trusted_proxies, n_trusted_proxies)},
	{0},
};

/* Its routes were read before all of it was known. */
static void complete_routes(struct config_reader *r, struct config_listener *l)
{
	struct config_route *routes =
		arena_array(r->config->arena, l->n_routes, sizeof(*l->routes));

	for (size_t i = 0; i < l->n_routes; i++) {
		routes[i] = l->routes[i];
		complete_timeouts(&routes[i].timeouts, &l->timeouts);
	}
	l->routes = routes;
}

void config_read_http_listener(
	struct config_reader *r, const config_setting_t *s, struct config_listener *l)
{
	const config_setting_t *routes = config_setting_get_member(s, "routes");

	l->timeouts.idle_ms = 60000;
	l->timeouts.response_ms = 60000;
	l->timeouts.tunnel_ms = 3600000;
	config_read_group(r, s, listener_keys, l);
	complete_routes(r, l);
	if (routes)
		config_build_hosts(r, routes, l);
}

#include "config/listener.h"

#include "config/address.h"
#include "config/http.h"
#include "config/nearest.h"
#include "config/rate.h"
#include "config/value.h"
#include "idna/idna.h"

#include <string.h>

const struct config_word config_modes[] = {
	{"passthrough", MODE_PASSTHROUGH},
	{"http", MODE_HTTP},
	{0},
};

static const struct config_key timeouts_keys[] = {
	CONFIG_KEY_DURATION("hello", config_listener_timeouts, hello_ms, 0, CONFIG_DAY_MS),
	CONFIG_KEY_DURATION("connect", config_listener_timeouts, connect_ms, 0, CONFIG_DAY_MS),
	CONFIG_KEY_DURATION("idle", config_listener_timeouts, idle_ms, 0, CONFIG_DURATION_MAX_MS),
	CONFIG_KEY_DURATION(
		"half_close", config_listener_timeouts, half_close_ms, 0, CONFIG_DURATION_MAX_MS),
	CONFIG_KEY_HTTP("request", "use \"hello\""),
	CONFIG_KEY_HTTP("response", NULL),
	CONFIG_KEY_HTTP("tunnel", "use \"idle\""),
	{0},
};

static void read_rate_by(struct config_reader *r, const config_setting_t *s, void *to)
{
	const char *by = config_setting_get_string(s);

	(void)to;
	if (by && (strcmp(by, "host") == 0 || strncmp(by, "header:", 7) == 0))
		config_error_why(r, s, "it belongs to mode = \"http\"",
			"\"source\" in mode = \"passthrough\"");
	else if (!by || strcmp(by, "source") != 0)
		config_error_found(r, s, "\"source\"");
}

static const struct config_key rate_limit_keys[] = {
	{.name = "connections",
		.type = CONFIG_NUMBER,
		.required = true,
		.min = 1,
		.max = 1000000000,
		.expected = "how many connections a source may make in `per`",
		CONFIG_MEMBER(config_rate_limit, count)},
	CONFIG_KEY_DURATION("per", config_rate_limit, per_ms, 1, CONFIG_DAY_MS),
	CONFIG_KEY_NUMBER("burst", config_rate_limit, burst, 1, 1000000000),
	{.name = "by", .type = CONFIG_OWN, .read = read_rate_by},
	{.name = "store", .type = CONFIG_OWN, .read = config_read_rate_store},
	CONFIG_KEY_HTTP("requests", "use \"connections\""),
	CONFIG_KEY_HTTP("on_failure", NULL),
	{0},
};

void config_read_rate_limit(struct config_reader *r, const config_setting_t *s, void *to)
{
	struct config_rate_limit *limit = to;

	limit->per_ms = 1000;
	config_read_group(r, s, rate_limit_keys, limit);
	if (limit->burst == 0)
		limit->burst = limit->count;
}

void config_read_backend_name(struct config_reader *r, const config_setting_t *s, void *to)
{
	const char *name = config_setting_get_string(s);
	struct nearest near = nearest_to(name ? name : "");
	const struct config *c = r->config;

	for (size_t i = 0; name && i < c->n_backends; i++) {
		int index = (int)i;

		if (!c->backends[i].name)
			continue;
		if (strcmp(c->backends[i].name, name) == 0) {
			memcpy(to, &index, sizeof(index));
			return;
		}
		nearest_try(&near, c->backends[i].name);
	}
	if (near.best) {
		char expected[CONFIG_QUOTED_MAX];

		snprintf(expected, sizeof(expected), "the name of a backend; did you mean \"%s\"?",
			near.best);
		config_error_found(r, s, expected);
	} else {
		config_error_found(r, s, "the name of a backend");
	}
}

#define NAME_EXPECTED                                                                              \
	"a host name such as \"example.com\" or \"*.example.com\" (without sni a route takes "     \
	"every name)"

void config_read_host_name(
	struct config_reader *r, const config_setting_t *s, const char *expected, const char **to)
{
	const char *text = config_read_text(r, s, 1024, expected);
	char ascii[IDNA_SIZE];
	const char *wrong;
	char *name;
	size_t n;

	if (!text)
		return;
	if (idna_to_ascii(span_str(text), ascii, &wrong) != IDNA_OK) {
		config_error_why(r, s, wrong, expected);
		return;
	}
	n = strlen(ascii);
	if (n > 1 && ascii[n - 1] == '.')
		ascii[n - 1] = '\0';
	name = arena_strdup(r->config->arena, ascii);
	for (char *c = name; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	*to = name;
}

/* To a const char *. */
static void read_sni_name(struct config_reader *r, const config_setting_t *s, void *to)
{
	const char *name = NULL;

	config_read_host_name(r, s, NAME_EXPECTED, &name);
	if (name)
		memcpy(to, &name, sizeof(name));
}

static const struct config_key route_keys[] = {
	{.name = "sni",
		.type = CONFIG_LIST,
		.read = read_sni_name,
		.min = 1,
		.max = CONFIG_HOST_NAMES_MAX,
		.expected = "a list of names such as [\"example.com\", \"*.example.com\"]; "
			    "without sni a route takes every name",
		CONFIG_ELEMENTS(config_route, names, n_names)},
	{.name = "backend",
		.type = CONFIG_OWN,
		.read = config_read_backend_name,
		.required = true,
		.expected = "the name of a backend",
		CONFIG_MEMBER(config_route, backend)},
	CONFIG_KEY_HTTP("host", "use \"sni\""),
	CONFIG_KEY_HTTP("path", NULL),
	CONFIG_KEY_HTTP("redirect", NULL),
	CONFIG_KEY_HTTP("respond", NULL),
	CONFIG_KEY_HTTP("allow", NULL),
	CONFIG_KEY_HTTP("deny", NULL),
	CONFIG_KEY_HTTP("headers", NULL),
	CONFIG_KEY_HTTP("auth", NULL),
	CONFIG_KEY_HTTP("compress", NULL),
	CONFIG_KEY_HTTP("timeouts", NULL),
	CONFIG_KEY_HTTP("max_body", NULL),
	CONFIG_KEY_HTTP("rate_limit", "use the listener's rate_limit"),
	{0},
};

static void read_route(struct config_reader *r, const config_setting_t *s, void *to)
{
	struct config_route *route = to;

	route->line = (int)config_place_of(r, s).line;
	config_read_group(r, s, route_keys, route);
}

#define LISTENER_BIND_EXPECTED "a list of addresses such as [\"*:443\"] or [\"10.10.10.100:443\"]"

static const struct config_key listener_keys[] = {
	{.name = "name",
		.type = CONFIG_NAME,
		.required = true,
		.expected = "a name such as \"https\"",
		CONFIG_MEMBER(config_listener, name)},
	CONFIG_KEY_CHOICE("mode", config_listener, mode, config_modes),
	{.name = "bind",
		.type = CONFIG_LIST,
		.read = config_read_bind,
		.required = true,
		.min = 1,
		.max = CONFIG_BINDS_MAX,
		.expected = LISTENER_BIND_EXPECTED,
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
		.max = CONFIG_ROUTES_MAX,
		.expected = "a list of routes such as ( { sni = [\"example.com\"]; backend = "
			    "\"web\"; } )",
		CONFIG_ELEMENTS(config_listener, routes, n_routes)},
	CONFIG_KEY_OWN(
		"default_backend", config_listener, default_backend, config_read_backend_name),
	CONFIG_KEY_HTTP("tls", NULL),
	CONFIG_KEY_HTTP("trusted_proxies", NULL),
	{0},
};

static void refuse_name(struct config_reader *r, const config_setting_t *s,
	const struct config_listener *l, enum hostmatch_status status, int other)
{
	char quoted[CONFIG_QUOTED_MAX];

	if (status != HOSTMATCH_DUPLICATE) {
		config_error_why(r, s, hostmatch_strerror(status), NAME_EXPECTED);
		return;
	}
	config_error(r, s,
		"found %s, which routes[%d] (line %d) takes already; expected each name once",
		config_quoted(config_setting_get_string(s), quoted), other, l->routes[other].line);
}

static void add_name(struct config_reader *r, const config_setting_t *s, struct config_listener *l,
	const char *name, int route)
{
	char normal[HOSTNAME_SIZE];
	enum hostmatch_status status;
	int n, other;

	n = hostname_normalize(span_str(name), normal);
	if (n > 0 && hostname_is_address(span_of(normal, (size_t)n))) {
		config_error_why(
			r, s, "no client sends an address as the server's name", NAME_EXPECTED);
		return;
	}
	status = hostmatch_add(l->match, span_str(name), route, &other);
	if (status != HOSTMATCH_ADDED)
		refuse_name(r, s, l, status, other);
}

/* A route without names takes any; two of them claim the same. */
static void add_any(
	struct config_reader *r, const config_setting_t *s, struct config_listener *l, int route)
{
	int other;

	if (hostmatch_add_any(l->match, route, &other) == HOSTMATCH_DUPLICATE)
		config_error(r, s,
			"takes every name, as routes[%d] (line %d) does already; expected sni = "
			"[...] in one of them",
			other, l->routes[other].line);
}

static void build_match(
	struct config_reader *r, const config_setting_t *listener, struct config_listener *l)
{
	const config_setting_t *routes = config_setting_get_member(listener, "routes");

	l->match = hostmatch_new(r->config->arena);
	for (size_t i = 0; i < l->n_routes; i++) {
		const struct config_route *route = &l->routes[i];
		const config_setting_t *s = config_setting_get_elem(routes, (unsigned)i);
		const config_setting_t *names = config_setting_get_member(s, "sni");

		if (!names && config_setting_is_group(s))
			add_any(r, s, l, (int)i);
		for (size_t j = 0; j < route->n_names; j++)
			if (route->names[j])
				add_name(r, config_setting_get_elem(names, (unsigned)j), l,
					route->names[j], (int)i);
	}
}

static bool is_http(const config_setting_t *s)
{
	const config_setting_t *mode = config_setting_get_member(s, "mode");
	const char *word = mode ? config_setting_get_string(mode) : NULL;

	return word && strcmp(word, "http") == 0;
}

static void read_passthrough(
	struct config_reader *r, const config_setting_t *s, struct config_listener *l)
{
	size_t errors = r->errors->n_errors;

	config_read_group(r, s, listener_keys, l);
	if (config_setting_is_group(s))
		build_match(r, s, l);
	if (r->errors->n_errors == errors && l->n_routes == 0 && l->default_backend < 0)
		config_warning(r, s,
			"neither routes nor default_backend: every connection will be refused");
}

void config_read_listener(struct config_reader *r, const config_setting_t *s, void *to)
{
	struct config_listener *l = to;

	*l = (struct config_listener){
		.timeouts = {.hello_ms = 5000,
			.connect_ms = 2000,
			.idle_ms = 3600000,
			.half_close_ms = 30000,
			.request_ms = 10000},
		.default_backend = -1,
		.line = (int)config_place_of(r, s).line,
	};
	if (config_setting_is_group(s) && is_http(s))
		config_read_http_listener(r, s, l);
	else
		read_passthrough(r, s, l);
}

#include "config/backend.h"

#include "config/address.h"
#include "config/value.h"
#include "http/bytes.h"
#include "idna/idna.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <string.h>
#include <unistd.h>

enum {
	SERVERS_MAX = 4096,
	EXPECT_MAX = 64,
	HEALTH_PATH_MAX = 1024,
	HOUR_MS = 60 * 60 * 1000,
	COOKIE_NAME_MAX = 64
};

static const struct config_word balance_words[] = {
	{"roundrobin", BALANCE_ROUNDROBIN},
	{"leastconn", BALANCE_LEASTCONN},
	{"source", BALANCE_SOURCE},
	{"random2", BALANCE_RANDOM2},
	{0},
};

static const struct config_word proxy_words[] = {
	{"off", PROXY_OFF},
	{"v1", PROXY_V1},
	{"v2", PROXY_V2},
	{0},
};

static const struct config_word protocol_words[] = {
	{"http/1.1", PROTOCOL_HTTP1},
	{"h2c", PROTOCOL_H2C},
	{0},
};

static const struct config_word on_gone_words[] = {
	{"keep", ON_GONE_KEEP},
	{"close", ON_GONE_CLOSE},
	{0},
};

static const struct config_word health_words[] = {
	{"none", HEALTH_NONE},
	{"tcp", HEALTH_TCP},
	{"tls", HEALTH_TLS},
	{"http", HEALTH_HTTP},
	{"https", HEALTH_HTTPS},
	{0},
};

/* As HAProxy takes it: what is neither an error nor an oddity is well. */
static const struct config_status_range expect_default[] = {{200, 399}};

#define HEALTH_PATH_EXPECTED "a path such as \"/health\""
#define HEALTH_HOST_EXPECTED "a host name such as \"example.com\""
#define HEALTH_CA_EXPECTED "a PEM file of the certificates to verify against"

/* It goes into the request line as it is. */
static void read_health_path(struct config_reader *r, const config_setting_t *s, void *to)
{
	const char *path = config_read_text(r, s, HEALTH_PATH_MAX, HEALTH_PATH_EXPECTED);

	if (!path)
		return;
	for (const char *c = path; *c; c++) {
		if (*c <= ' ' || *c > '~') {
			config_error_why(r, s, "spaces and bytes beyond ASCII are written as %XX",
				HEALTH_PATH_EXPECTED);
			return;
		}
	}
	if (path[0] == '/')
		memcpy(to, &path, sizeof(path));
	else
		config_error_found(r, s, HEALTH_PATH_EXPECTED);
}

/* It goes into the Host header and into the hello. */
static void read_health_host(struct config_reader *r, const config_setting_t *s, void *to)
{
	const char *text = config_read_text(r, s, 1024, HEALTH_HOST_EXPECTED);
	char ascii[IDNA_SIZE], normal[HOSTNAME_SIZE];
	const char *why, *host;

	if (!text)
		return;
	if (idna_to_ascii(span_str(text), ascii, &why) != IDNA_OK) {
		config_error_why(r, s, why, HEALTH_HOST_EXPECTED);
	} else if (strchr(ascii, ':')) {
		config_error_why(
			r, s, "the port is the server's, or health.port", HEALTH_HOST_EXPECTED);
	} else if (hostname_normalize(span_str(ascii), normal) < 0) {
		config_error_found(r, s, HEALTH_HOST_EXPECTED);
	} else {
		host = arena_strdup(r->config->arena, normal);
		memcpy(to, &host, sizeof(host));
	}
}

/* Why a file gives no certificate; NULL: it gives one at least. */
static const char *why_no_certificates(const char *file)
{
	X509_STORE *store;
	const char *why = NULL;

	if (access(file, R_OK) < 0)
		return strerror(errno);
	store = X509_STORE_new();
	if (!store || X509_STORE_load_file(store, file) != 1)
		why = "it holds no certificate in PEM";
	X509_STORE_free(store);
	ERR_clear_error();
	return why;
}

static void read_health_ca(struct config_reader *r, const config_setting_t *s, void *to)
{
	const char *file = config_read_text(r, s, 4095, HEALTH_CA_EXPECTED);
	const char *why = file ? why_no_certificates(file) : NULL;

	if (why)
		config_error_why(r, s, why, HEALTH_CA_EXPECTED);
	else if (file)
		memcpy(to, &file, sizeof(file));
}

static void read_expect(struct config_reader *r, const config_setting_t *s, void *to)
{
	const char *text = config_setting_get_string(s);

	if (!text || !config_status_range(text, to))
		config_error_found(r, s,
			"a status or a range within 100 to 599, such as \"200\" or \"200-299\"");
}

static const struct config_key health_keys[] = {
	CONFIG_KEY_CHOICE("type", config_health, type, health_words),
	CONFIG_KEY_OWN("path", config_health, path, read_health_path),
	CONFIG_KEY_OWN("host", config_health, host, read_health_host),
	CONFIG_KEY_OWN("ca", config_health, ca, read_health_ca),
	{.name = "expect",
		.type = CONFIG_LIST,
		.read = read_expect,
		.min = 1,
		.max = EXPECT_MAX,
		.expected = "a list of statuses such as [\"200-299\"]",
		CONFIG_ELEMENTS(config_health, expect, n_expect)},
	CONFIG_KEY_DURATION("interval", config_health, interval_ms, 10, CONFIG_DAY_MS),
	CONFIG_KEY_DURATION("timeout", config_health, timeout_ms, 1, HOUR_MS),
	CONFIG_KEY_NUMBER("fall", config_health, fall, 1, 1000),
	CONFIG_KEY_NUMBER("rise", config_health, rise, 1, 1000),
	CONFIG_KEY_NUMBER("port", config_health, port, 1, 65535),
	{0},
};

enum {
	ANY_TLS = 1 << HEALTH_TLS | 1 << HEALTH_HTTPS,
	ANY_HTTP = 1 << HEALTH_HTTP | 1 << HEALTH_HTTPS,
	ANY_CHECK = ANY_TLS | ANY_HTTP | 1 << HEALTH_TCP,
};

/* Keys that the type makes no use of were written in error more often than not. */
static void warn_unused(
	struct config_reader *r, const config_setting_t *s, enum config_health_type type)
{
	static const struct {
		const char *key;
		unsigned types; /* which use it, one bit each */
	} uses[] = {{"path", ANY_HTTP}, {"host", ANY_TLS | ANY_HTTP}, {"ca", ANY_TLS},
		{"expect", ANY_HTTP}, {"interval", ANY_CHECK}, {"timeout", ANY_CHECK},
		{"port", ANY_CHECK}};

	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
		const config_setting_t *key = config_setting_get_member(s, uses[i].key);

		if (key && !(uses[i].types & 1u << type))
			config_warning(r, key, "has no effect with type = \"%s\"",
				health_words[type].name);
	}
}

static void read_health(struct config_reader *r, const config_setting_t *s, void *to)
{
	struct config_health *health = to;
	size_t errors = r->errors->n_errors;

	config_read_group(r, s, health_keys, health);
	if (r->errors->n_errors == errors)
		warn_unused(r, s, health->type);
}

static const struct config_key server_health_keys[] = {
	CONFIG_KEY_NUMBER("port", config_server, health_port, 1, 65535),
	{0},
};

static void read_server_health(struct config_reader *r, const config_setting_t *s, void *to)
{
	config_read_group(r, s, server_health_keys, to);
}

static const struct config_key server_keys[] = {
	{.name = "name",
		.type = CONFIG_NAME,
		.required = true,
		.expected = "a name such as \"aegis-01\"",
		CONFIG_MEMBER(config_server, name)},
	{.name = "address",
		.type = CONFIG_OWN,
		.read = config_read_server_addr,
		.required = true,
		.expected = "an address and a port such as \"10.10.10.103:443\"",
		CONFIG_MEMBER(config_server, addr)},
	CONFIG_KEY_NUMBER("weight", config_server, weight, 0, 256),
	CONFIG_KEY_NUMBER("max_connections", config_server, max_connections, 0, 1000000000),
	{.name = "backup", .type = CONFIG_FLAG, CONFIG_MEMBER(config_server, backup)},
	CONFIG_KEY_DURATION("slow_start", config_server, slow_start_ms, 0, CONFIG_DAY_MS),
	{.name = "health", .type = CONFIG_OWN, .read = read_server_health},
	{0},
};

static void read_server(struct config_reader *r, const config_setting_t *s, void *to)
{
	struct config_server *server = to;

	*server = (struct config_server){.weight = 1, .line = (int)config_place_of(r, s).line};
	config_read_group(r, s, server_keys, server);
}

static const struct config_word same_site_words[] = {
	{"lax", SAME_SITE_LAX},
	{"strict", SAME_SITE_STRICT},
	{"none", SAME_SITE_NONE},
	{0},
};

#define COOKIE_EXPECTED                                                                            \
	"the name of a cookie such as \"aegis\": letters, digits and !#$%&'*+-.^_`|~, at most 64"

static void read_cookie_name(struct config_reader *r, const config_setting_t *s, void *to)
{
	const char *name = config_read_text(r, s, 1024, COOKIE_EXPECTED);

	if (!name)
		return;
	if (name[0] && strlen(name) <= COOKIE_NAME_MAX &&
		http_is_all(span_str(name), HTTP_BYTE_TOKEN))
		memcpy(to, &name, sizeof(name));
	else
		config_error_found(r, s, COOKIE_EXPECTED);
}

static const struct config_key sticky_keys[] = {
	{.name = "cookie",
		.type = CONFIG_OWN,
		.read = read_cookie_name,
		.required = true,
		.expected = COOKIE_EXPECTED,
		CONFIG_MEMBER(config_sticky, cookie)},
	CONFIG_KEY_DURATION("max_age", config_sticky, max_age_ms, 0, CONFIG_DURATION_MAX_MS),
	CONFIG_KEY_CHOICE("same_site", config_sticky, same_site, same_site_words),
	{0},
};

static const struct config_key queue_keys[] = {
	CONFIG_KEY_NUMBER("length", config_queue, length, 0, 1000000000),
	CONFIG_KEY_DURATION("timeout", config_queue, timeout_ms, 0, CONFIG_DAY_MS),
	{0},
};

static const struct config_key backend_keys[] = {
	{.name = "name",
		.type = CONFIG_NAME,
		.required = true,
		.expected = "a name such as \"aegis\"",
		CONFIG_MEMBER(config_backend, name)},
	CONFIG_KEY_CHOICE("balance", config_backend, balance, balance_words),
	CONFIG_KEY_CHOICE("proxy_protocol", config_backend, proxy_protocol, proxy_words),
	CONFIG_KEY_CHOICE("protocol", config_backend, protocol, protocol_words),
	CONFIG_KEY_NUMBER("retries", config_backend, retries, 0, 10),
	CONFIG_KEY_CHOICE("on_down", config_backend, on_down, on_gone_words),
	CONFIG_KEY_CHOICE("on_removed", config_backend, on_removed, on_gone_words),
	CONFIG_KEY_OWN("health", config_backend, health, read_health),
	{.name = "servers",
		.type = CONFIG_LIST,
		.read = read_server,
		.required = true,
		.min = 1,
		.max = SERVERS_MAX,
		.expected = "a list of servers such as ( { name = \"aegis-01\"; address = "
			    "\"10.10.10.103:443\"; } )",
		CONFIG_ELEMENTS(config_backend, servers, n_servers)},
	CONFIG_KEY_GROUP("sticky", config_backend, sticky, sticky_keys),
	CONFIG_KEY_GROUP("queue", config_backend, queue, queue_keys),
	{0},
};

void config_read_backend(struct config_reader *r, const config_setting_t *s, void *to)
{
	struct config_backend *b = to;

	*b = (struct config_backend){
		.balance = BALANCE_ROUNDROBIN,
		.retries = 2,
		.queue = {.length = CONFIG_QUEUE_ANY, .timeout_ms = CONFIG_NOT_SAID},
		.health = {.type = HEALTH_TCP,
			.path = "/",
			.expect = expect_default,
			.n_expect = 1,
			.interval_ms = 5000,
			.timeout_ms = 2000,
			.fall = 3,
			.rise = 2},
		.line = (int)config_place_of(r, s).line,
	};
	config_read_group(r, s, backend_keys, b);
}

#include "config-build.h"

#include "config/load.h"

#include "certs.h"
#include "config/address.h"
#include "config/backend.h"
#include "config/check.h"
#include "config/cluster.h"
#include "config/digest.h"
#include "config/errors.h"
#include "config/listener.h"
#include "config/parse.h"
#include "config/read.h"
#include "config/restart.h"
#include "config/text.h"
#include "config/value.h"
#include "users.h"

#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <pwd.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	FILE_NAME_MAX = 4095,
	LISTENERS_MAX = 256,
	BACKENDS_MAX = 4096,
	WORKERS_MAX = 256,
	CONNECTIONS_MAX = 100000000,
	SOCKET_NAME_MAX = sizeof(((struct sockaddr_un *)0)->sun_path) - 1,
};

/* --- log --- */

static const struct config_word level_words[] = {
	{"debug", LOG_LEVEL_DEBUG},
	{"info", LOG_LEVEL_INFO},
	{"notice", LOG_LEVEL_NOTICE},
	{"warning", LOG_LEVEL_WARNING},
	{"error", LOG_LEVEL_ERROR},
	{0},
};

static const struct config_word format_words[] = {
	{"text", LOG_FORMAT_TEXT},
	{"json", LOG_FORMAT_JSON},
	{0},
};

/* Why a log cannot be written to this file; NULL: it can be tried. */
static const char *why_no_log(const char *file)
{
	char folder[FILE_NAME_MAX + 1];
	struct stat st;

	if (stat(file, &st) == 0)
		return S_ISDIR(st.st_mode) ? "it is a directory" : NULL;
	if (errno != ENOENT)
		return strerror(errno);
	snprintf(folder, sizeof(folder), "%s", file);
	if (stat(dirname(folder), &st) < 0)
		return "its directory does not exist";
	return NULL;
}

static void read_log_file(struct config_reader *r, const config_setting_t *s, void *to, bool off)
{
	static const char with_off[] =
		"\"off\", \"stderr\", \"syslog\" or a file's path that begins with \"/\"";
	static const char without_off[] =
		"\"stderr\", \"syslog\" or a file's path that begins with \"/\"";
	const char *expected = off ? with_off : without_off, *why = NULL;
	const char *target = config_read_text(r, s, FILE_NAME_MAX, expected);

	if (!target)
		return;
	if (target[0] == '/')
		why = why_no_log(target);
	else if (strcmp(target, "stderr") != 0 && strcmp(target, "syslog") != 0 &&
		 (!off || strcmp(target, "off") != 0)) {
		config_error_found(r, s, expected);
		return;
	}
	if (why)
		config_error_why(r, s, why, "a file that a log can be written to");
	else
		memcpy(to, &target, sizeof(target));
}

static void read_log_target(struct config_reader *r, const config_setting_t *s, void *to)
{
	read_log_file(r, s, to, false);
}

static void read_log_access(struct config_reader *r, const config_setting_t *s, void *to)
{
	read_log_file(r, s, to, true);
}

static const struct config_key log_keys[] = {
	CONFIG_KEY_OWN("target", config_log, target, read_log_target),
	CONFIG_KEY_CHOICE("level", config_log, level, level_words),
	CONFIG_KEY_CHOICE("format", config_log, format, format_words),
	CONFIG_KEY_OWN("access", config_log, access, read_log_access),
	{0},
};

/* --- limits --- */

static const struct config_key limits_keys[] = {
	CONFIG_KEY_NUMBER("connections", config_limits, connections, 1, CONNECTIONS_MAX),
	CONFIG_KEY_NUMBER("connections_per_source", config_limits, connections_per_source, 0,
		CONNECTIONS_MAX),
	CONFIG_KEY_DURATION("graceful_stop", config_limits, graceful_stop_ms, 0, CONFIG_DAY_MS),
	{0},
};

/* --- status --- */

static void read_path(struct config_reader *r, const config_setting_t *s, size_t max,
	const char *expected, void *to)
{
	const char *path = config_read_text(r, s, max, expected);

	if (path && path[0] != '/')
		config_error_found(r, s, expected);
	else if (path)
		memcpy(to, &path, sizeof(path));
}

static void read_socket(struct config_reader *r, const config_setting_t *s, void *to)
{
	read_path(
		r, s, SOCKET_NAME_MAX, "a socket's path such as \"/run/aegislb/aegislb.sock\"", to);
}

static void read_state_dir(struct config_reader *r, const config_setting_t *s, void *to)
{
	read_path(r, s, FILE_NAME_MAX, "a directory's path such as \"/var/lib/aegislb\"", to);
}

static void read_socket_mode(struct config_reader *r, const config_setting_t *s, void *to)
{
	const char *text = config_setting_get_string(s);
	unsigned mode;

	if (text && config_file_mode(text, &mode))
		memcpy(to, &mode, sizeof(mode));
	else
		config_error_found(r, s, "octal digits in quotes such as \"0660\"");
}

static const struct config_key status_http_keys[] = {
	{.name = "bind",
		.type = CONFIG_LIST,
		.read = config_read_bind_addr,
		.required = true,
		.min = 1,
		.max = 16,
		.expected = "a list of addresses such as [\"127.0.0.1:8081\"]",
		CONFIG_ELEMENTS(config_status, http_binds, n_http_binds)},
	{.name = "allow",
		.type = CONFIG_LIST,
		.read = config_read_prefix,
		.max = 1024,
		.expected = "a list of networks such as [\"127.0.0.0/8\", \"100.64.0.0/10\"]",
		CONFIG_ELEMENTS(config_status, http_allow, n_http_allow)},
	{0},
};

/* To the whole struct config_status. Who may ask is this machine alone, if the file does not say more. */
static void read_status_http(struct config_reader *r, const config_setting_t *s, void *to)
{
	static const struct addr_prefix loopback[] = {
		{{.family = AF_INET, .ip = {127}}, 8},
		{{.family = AF_INET6, .ip = {[15] = 1}}, 128},
	};
	struct config_status *status = to;

	status->http_allow = loopback;
	status->n_http_allow = 2;
	config_read_group(r, s, status_http_keys, status);
}

static const struct config_key status_keys[] = {
	CONFIG_KEY_OWN("socket", config_status, socket, read_socket),
	CONFIG_KEY_OWN("socket_mode", config_status, socket_mode, read_socket_mode),
	{.name = "http", .type = CONFIG_OWN, .read = read_status_http},
	{0},
};

/* --- the whole --- */

static void read_user(struct config_reader *r, const config_setting_t *s, void *to)
{
	const char *name = config_read_text(r, s, 255, "the name of a user");

	if (name && !getpwnam(name))
		config_error_why(r, s, "this system has no such user", "the name of a user");
	else if (name)
		memcpy(to, &name, sizeof(name));
}

static void read_group_name(struct config_reader *r, const config_setting_t *s, void *to)
{
	const char *name = config_read_text(r, s, 255, "the name of a group");

	if (name && !getgrnam(name))
		config_error_why(r, s, "this system has no such group", "the name of a group");
	else if (name)
		memcpy(to, &name, sizeof(name));
}

/* Backends come before listeners, whose routes name them. */
static const struct config_key config_keys[] = {
	{.name = "node", .type = CONFIG_NAME, CONFIG_MEMBER(config, node)},
	CONFIG_KEY_NUMBER("workers", config, workers, 0, WORKERS_MAX),
	CONFIG_KEY_OWN("user", config, user, read_user),
	CONFIG_KEY_OWN("group", config, group, read_group_name),
	CONFIG_KEY_OWN("state_dir", config, state_dir, read_state_dir),
	CONFIG_KEY_GROUP("log", config, log, log_keys),
	CONFIG_KEY_GROUP("limits", config, limits, limits_keys),
	CONFIG_KEY_GROUP("status", config, status, status_keys),
	{.name = "backends",
		.type = CONFIG_LIST,
		.read = config_read_backend, /* whether it may be missing: check.c */
		.max = BACKENDS_MAX,
		.expected = CONFIG_BACKENDS_EXPECTED,
		CONFIG_ELEMENTS(config, backends, n_backends)},
	{.name = "listeners",
		.type = CONFIG_LIST,
		.read = config_read_listener,
		.required = true,
		.max = LISTENERS_MAX,
		.expected = "a list of listeners: listeners = ( { ... } );",
		CONFIG_ELEMENTS(config, listeners, n_listeners)},
	CONFIG_KEY_OWN("cluster", config, cluster, config_read_cluster),
	CONFIG_KEY_LATER("redis"),
	CONFIG_KEY_LATER("discovery"),
	{0},
};

static unsigned usable_cpus(void)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

	return n < WORKERS_MAX ? (unsigned)n : WORKERS_MAX;
}

static const char *host_name(struct arena *a)
{
	char name[256] = "";

	gethostname(name, sizeof(name) - 1);
	return arena_strdup(a, name[0] ? name : "localhost");
}

static struct config *config_new(const char *file)
{
	struct arena *arena = arena_new();
	struct config *c = arena_alloc(arena, sizeof(*c));

	*c = (struct config){
		.arena = arena,
		.file = arena_strdup(arena, file),
		.node = host_name(arena),
		.state_dir = "/var/lib/aegislb",
		.log = {.target = "stderr",
			.level = LOG_LEVEL_INFO,
			.format = LOG_FORMAT_TEXT,
			.access = "off"},
		.limits = {.connections = 100000, .graceful_stop_ms = 30000},
		.status = {.socket = "/run/aegislb/aegislb.sock", .socket_mode = 0660},
	};
	return c;
}

static void read_parsed(struct config_reader *r, const config_t *parsed)
{
	const config_setting_t *root = config_root_setting(parsed);
	struct config *c = r->config;

	config_read_group(r, root, config_keys, c);
	config_check(r, root);
	if (r->errors->n_errors == 0)
		c->digest = config_digest(c, root);
	if (c->workers == 0)
		c->workers = usable_cpus();
	if (r->running && r->errors->n_errors == 0)
		config_restart_check(r, root);
}

static void read_config(struct config_reader *r)
{
	config_t parsed;

	config_init(&parsed);
	if (config_parse(r->text, &parsed, r->errors))
		read_parsed(r, &parsed);
	config_destroy(&parsed);
}

struct config *config_load_next(
	const char *file, const struct config *running, struct config_report *report)
{
	struct config_errors errors = {0};
	struct config_text *text = config_text_read(file, &errors);
	struct config *c = config_new(file);
	struct config_reader r = {.config = c, .text = text, .errors = &errors, .running = running};

	if (text)
		read_config(&r);
	config_text_free(text);
	config_errors_report(&errors, report);
	if (report->n_errors == 0)
		return c;
	config_free(c);
	return NULL;
}

struct config *config_load(const char *file, struct config_report *report)
{
	return config_load_next(file, NULL, report);
}

void config_free(struct config *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n_listeners; i++) {
		if (c->listeners[i].tls)
			certs_drop(c->listeners[i].tls->certs);
		for (size_t k = 0; k < c->listeners[i].n_routes; k++)
			users_drop(c->listeners[i].routes[k].auth.users);
	}
	arena_free(c->arena);
}

/* `show health` and `show events` as JSON. */
#include "config-build.h"

#include "control/stat.h"

#include "log.h"

#include <string.h>

static const char *const admin_names[] = {
	[SERVER_READY] = "ready", [SERVER_DRAIN] = "drain", [SERVER_MAINT] = "maint"};

/* RFC 3339, or null where it never happened. */
static json_t *json_time(uint64_t wall_us)
{
	char buf[LOG_TIME_MAX];

	return wall_us ? json_string(log_time(wall_us, buf)) : json_null();
}

static const char *health_word(const struct server *s)
{
	return server_is_up(s) ? "UP" : "DOWN";
}

const char *check_words(const struct server *s, char buf[CHECK_CAUSE_MAX])
{
	return s->checks_enabled ? check_cause(&s->last_check, buf) : "not checked";
}

static json_t *server_health(const struct control *c, const struct server *s)
{
	char addr[ADDR_TEXT_MAX], status[32], words[CHECK_CAUSE_MAX];

	return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:o,s:[{s:s,s:s,s:o,s:s,s:s}]}", "backend",
		s->backend->conf->name, "server", s->name, "address", addr_format(&s->addr, addr),
		"state", health_word(s), "status", server_status(s, status), "admin",
		admin_names[s->admin], "cluster", health_word(s), "since",
		json_time(s->last_change_wall_us), "views", "node", c->config->node, "state",
		health_word(s), "checked", json_time(s->last_check_wall_us), "status",
		s->checks_enabled ? check_statuses[s->last_check.status].haproxy : "", "last",
		check_words(s, words));
}

json_t *health_json(struct control *c)
{
	json_t *array = json_array();

	for (size_t i = 0; i < servers_backends(c->servers); i++) {
		const struct backend *b = servers_backend(c->servers, i);

		for (size_t k = 0; array && k < b->n_servers; k++)
			if (json_array_append_new(array, server_health(c, b->servers[k])) < 0) {
				json_decref(array);
				array = NULL;
			}
	}
	return array;
}

/* An event's text is cut to its room, perhaps within a character: then what is whole of it. */
static json_t *json_text(const char *text)
{
	size_t n = strlen(text);
	json_t *o = json_stringn(text, n);

	while (!o && n > 0)
		o = json_stringn(text, --n);
	return o;
}

json_t *events_json(struct control *c, size_t max)
{
	size_t n = events_count(c->events), wanted = max && max < n ? max : n;
	json_t *array = json_array();

	for (size_t i = 0; array && i < wanted; i++) {
		const struct event_record *e = events_at(c->events, n - 1 - i);
		json_t *item = json_pack(
			"{s:o,s:o}", "time", json_time(e->wall_us), "text", json_text(e->text));

		if (json_array_append_new(array, item) < 0) {
			json_decref(array);
			array = NULL;
		}
	}
	return array;
}

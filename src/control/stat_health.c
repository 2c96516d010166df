/* `show health` and `show events` as JSON. */
#include "config-build.h"

#include "control/shared_health.h"
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

const char *shared_view_word(enum health_view state)
{
	static const char *const words[] = {
		[HEALTH_UNKNOWN] = "UNKNOWN", [HEALTH_UP] = "UP", [HEALTH_DOWN] = "DOWN"};

	return words[state];
}

const char *shared_view_last(const struct shared_view *v, char buf[CHECK_CAUSE_MAX])
{
	struct check_result r = {.status = v->status, .code = v->code};

	return check_cause(&r, buf);
}

const char *cluster_health_word(const struct control *c, const struct server *s)
{
	struct health_views v = shared_health_count(c->shared_health, s);
	enum health_view verdict = health_cluster(&v);

	return verdict == HEALTH_UNKNOWN ? health_word(s) : shared_view_word(verdict);
}

/* This node's own has more words than it tells the others, and goes by something before its first check, too. */
static json_t *view_json(const struct server *s, const struct shared_view *v, bool own)
{
	char words[CHECK_CAUSE_MAX];

	return json_pack("{s:s,s:s,s:o,s:s,s:s}", "node", v->node, "state",
		own ? health_word(s) : shared_view_word(v->fresh ? v->state : HEALTH_UNKNOWN),
		"checked", json_time(v->checked_wall_us), "status",
		s->checks_enabled ? check_statuses[v->status].haproxy : "", "last",
		own ? check_words(s, words) : shared_view_last(v, words));
}

static json_t *views_json(const struct control *c, const struct server *s)
{
	struct shared_view views[SHARED_VIEWS_MAX];
	size_t n = shared_health_views(c->shared_health, s, views);
	json_t *array = json_array();

	for (size_t i = 0; array && i < n; i++)
		if (json_array_append_new(array, view_json(s, &views[i], i == 0)) < 0) {
			json_decref(array);
			array = NULL;
		}
	return array;
}

static json_t *server_health(const struct control *c, const struct server *s)
{
	char addr[ADDR_TEXT_MAX];

	return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:o}", "backend", s->backend->conf->name,
		"server", s->name, "address", addr_format(&s->addr, addr), "state", health_word(s),
		"admin", admin_names[s->admin], "cluster", cluster_health_word(c, s), "views",
		views_json(c, s));
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

#include "control/access_log.h"

#include "access.h"
#include "expo/expo.h"
#include "log.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 512 }; /* of a route, cut where longer */

struct access_log {
	const struct control *control;
	struct expo line;
	json_t *object; /* the line in the making, where the format is JSON */
	uint64_t
		second_us; /* whose date and time stand in `second`: a line formats only milliseconds */
	char second[LOG_TIME_MAX];
};

struct access_log *access_log_new(const struct control *c)
{
	struct access_log *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->control = c;
	expo_init(&a->line);
	return a;
}

void access_log_free(struct access_log *a)
{
	if (!a)
		return;
	expo_release(&a->line);
	free(a);
}

/* --- fields: text without printf, because a line must cost a busy balancer about a microsecond --- */

static void put_key(struct access_log *a, const char *key)
{
	expo_char(&a->line, ' ');
	expo_str(&a->line, key);
	expo_char(&a->line, '=');
}

static void field_text(struct access_log *a, const char *key, const char *value)
{
	if (a->object) {
		json_object_set_new(a->object, key, json_string(value));
		return;
	}
	put_key(a, key);
	expo_str(&a->line, value);
}

static void field_number(struct access_log *a, const char *key, uint64_t v)
{
	if (a->object) {
		json_object_set_new(a->object, key, json_integer((json_int_t)v));
		return;
	}
	put_key(a, key);
	expo_u64(&a->line, v);
}

static void field_address(struct access_log *a, const char *key, const struct addr *addr)
{
	char text[ADDR_TEXT_MAX];

	if (a->object || addr->family != AF_INET) {
		field_text(a, key, addr->family == AF_UNSPEC ? "-" : addr_format(addr, text));
		return;
	}
	put_key(a, key);
	for (int i = 0; i < 4; i++) {
		expo_u64(&a->line, addr->ip[i]);
		expo_char(&a->line, i < 3 ? '.' : ':');
	}
	expo_u64(&a->line, addr->port);
}

/* In JSON, too, the escaped form: the same text wherever one searches. */
static void field_client_text(struct access_log *a, const char *key, const char *bytes, size_t n)
{
	struct span text = span_of(bytes, n);

	if (!a->object) {
		put_key(a, key);
		expo_log_word(&a->line, text);
		return;
	}
	expo_clear(&a->line);
	expo_log_word(&a->line, text);
	if (!a->line.failed)
		json_object_set_new(a->object, key, json_stringn(a->line.buf, a->line.len));
}

static void put_time(struct access_log *a, uint64_t wall_us)
{
	unsigned ms = (unsigned)(wall_us / 1000 % 1000);

	if (wall_us / 1000000 != a->second_us / 1000000) {
		log_time(wall_us, a->second);
		a->second_us = wall_us;
	}
	a->second[20] = (char)('0' + ms / 100); /* behind "2026-11-23T16:21:05." */
	a->second[21] = (char)('0' + ms / 10 % 10);
	a->second[22] = (char)('0' + ms % 10);
	if (a->object)
		json_object_set_new(a->object, "time", json_string(a->second));
	else
		expo_str(&a->line, a->second);
}

/* --- one record --- */

/* The first name of the route, in mode = "http" with its path. */
static void field_route(struct access_log *a, const struct access_record *r)
{
	const struct generation *g = generations_find(a->control->generations, r->generation);
	const struct config_listener *l = g ? generation_listener(g, r->listener) : NULL;
	char text[TEXT_MAX];
	const struct config_route *route;

	if (r->route < 0) {
		field_text(a, "route", r->backend != UINT16_MAX ? "default" : "-");
		return;
	}
	if (!l) {
		field_text(a, "route", "-");
		return;
	}
	route = &l->routes[r->route];
	snprintf(text, sizeof(text), "%s%s", route->n_names > 0 ? route->names[0] : "any",
		route->path ? route->path : "");
	field_text(a, "route", text);
}

static const char *server_name(const struct access_log *a, const struct access_record *r)
{
	const struct server *s = r->server_id == UINT32_MAX
					 ? NULL
					 : servers_by_id(a->control->servers, r->server_id);

	return s ? s->name : "-";
}

static const char *version_name(const struct access_record *r)
{
	switch ((enum access_version)r->version) {
	case ACCESS_HTTP_1_0:
		return "1.0";
	case ACCESS_HTTP_1_1:
		return "1.1";
	case ACCESS_HTTP_2:
		return "2.0";
	case ACCESS_HTTP_NONE:
	case ACCESS_PASSTHROUGH:
		break;
	}
	return "-";
}

/* `method` is followed by the target and the user agent. */
static void write_http(struct access_log *a, const struct access_record *r, const char *method)
{
	const char *path = method + r->method_len, *agent = path + r->path_len;

	field_number(a, "status", r->status);
	field_text(a, "version", version_name(r));
	field_client_text(a, "method", method, r->method_len);
	field_client_text(a, "path", path, r->path_len);
	field_client_text(a, "agent", agent, r->agent_len);
}

static void write_record(struct access_log *a, const struct access_record *r)
{
	const struct generations *all = a->control->generations;
	const char *name = (const char *)(r + 1), *alpn = name + r->name_len;
	bool http = r->version != ACCESS_PASSTHROUGH;

	put_time(a, r->end_wall_us);
	field_text(a, "listener", generations_listener_name(all, r->listener));
	field_address(a, "client", &r->client);
	field_client_text(a, http ? "host" : "sni", name, r->name_len);
	field_client_text(a, "alpn", alpn, r->alpn_len);
	field_route(a, r);
	field_text(a, "backend",
		r->backend == UINT16_MAX ? "-" : generations_backend_name(all, r->backend));
	field_text(a, "server", server_name(a, r));
	field_number(a, "bytes_in", r->bytes_in);
	field_number(a, "bytes_out", r->bytes_out);
	field_number(a, "hello_us", r->hello_us);
	field_number(a, "connect_us", r->connect_us);
	field_number(a, "first_byte_us", r->first_byte_us);
	field_number(a, "total_us", r->total_us);
	field_number(a, "retries", r->retries);
	field_text(a, "end", end_reasons[r->reason].code);
	field_text(a, "cause", end_reasons[r->reason].name);
	if (http)
		write_http(a, r, alpn + r->alpn_len);
}

static void log_text(struct access_log *a, const struct access_record *r)
{
	expo_clear(&a->line);
	write_record(a, r);
	if (!a->line.failed)
		log_access(a->line.buf, a->line.len);
}

static void log_json(struct access_log *a, const struct access_record *r)
{
	char *text;

	a->object = json_object();
	if (!a->object)
		return;
	write_record(a, r);
	text = json_dumps(a->object, JSON_COMPACT | JSON_PRESERVE_ORDER);
	if (text)
		log_access(text, strlen(text));
	free(text);
	json_decref(a->object);
	a->object = NULL;
}

static void drain_ring(struct access_log *a, struct ring *ring)
{
	const void *record;
	size_t n;

	while ((record = ring_peek(ring, &n)) != NULL) {
		if (log_format() == LOG_FORMAT_JSON)
			log_json(a, record);
		else
			log_text(a, record);
		ring_release(ring);
	}
}

void access_log_drain(struct access_log *a)
{
	for (size_t i = 0; i < a->control->n_workers; i++)
		drain_ring(a, a->control->workers[i].access);
	log_access_flush();
}

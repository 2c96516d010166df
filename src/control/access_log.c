#include "control/access_log.h"

#include "access.h"
#include "expo/expo.h"
#include "log.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum {
	RECORD_MAX = sizeof(struct access_record) + ACCESS_NAME_MAX + ACCESS_ALPN_MAX,
	LINE_BYTES = 3072
};

struct access_log {
	const struct control *control;
	size_t used;
	char line[LINE_BYTES];
	char second
		[LOG_TIME_MAX]; /* the date and time of `second_us`, so that a line formats only milliseconds */
	uint64_t second_us;
	json_t *object; /* the line in the making, where the format is JSON */
};

struct access_log *access_log_new(const struct control *c)
{
	struct access_log *a = calloc(1, sizeof(*a));

	if (a)
		a->control = c;
	return a;
}

void access_log_free(struct access_log *a)
{
	free(a);
}

/* --- writing: by hand, because a line must cost a busy balancer about a microsecond --- */

static void put(struct access_log *a, const char *p, size_t n)
{
	if (a->used + n > LINE_BYTES)
		n = LINE_BYTES - a->used;
	memcpy(a->line + a->used, p, n);
	a->used += n;
}

static void put_number(struct access_log *a, uint64_t v)
{
	char digits[20];
	size_t n = sizeof(digits);

	do {
		digits[--n] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	put(a, digits + n, sizeof(digits) - n);
}

static void put_key(struct access_log *a, const char *key)
{
	put(a, " ", 1);
	put(a, key, strlen(key));
	put(a, "=", 1);
}

static void field_text(struct access_log *a, const char *key, const char *value)
{
	if (a->object) {
		json_object_set_new(a->object, key, json_string(value));
		return;
	}
	put_key(a, key);
	put(a, value, strlen(value));
}

static void field_number(struct access_log *a, const char *key, uint64_t v)
{
	if (a->object) {
		json_object_set_new(a->object, key, json_integer((json_int_t)v));
		return;
	}
	put_key(a, key);
	put_number(a, v);
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
		put_number(a, addr->ip[i]);
		put(a, i < 3 ? "." : ":", 1);
	}
	put_number(a, addr->port);
}

static void field_client_text(struct access_log *a, const char *key, const char *bytes, size_t n)
{
	char escaped[4 * ACCESS_NAME_MAX + 1];

	if (n == 0) {
		field_text(a, key, "-");
		return;
	}
	expo_escape_log(span_of(bytes, n), escaped, sizeof(escaped));
	field_text(a, key, escaped);
}

static void put_time(struct access_log *a, uint64_t wall_us)
{
	char when[LOG_TIME_MAX], ms[3];
	unsigned part = (unsigned)(wall_us / 1000 % 1000);

	if (a->object) {
		json_object_set_new(a->object, "time", json_string(log_time(wall_us, when)));
		return;
	}
	if (wall_us / 1000000 != a->second_us / 1000000) {
		log_time(wall_us, a->second);
		a->second_us = wall_us;
	}
	ms[0] = (char)('0' + part / 100);
	ms[1] = (char)('0' + part / 10 % 10);
	ms[2] = (char)('0' + part % 10);
	put(a, a->second, 20); /* "2026-11-23T16:21:05." */
	put(a, ms, 3);
	put(a, "Z", 1);
}

/* --- one record --- */

static const char *route_name(const struct config_listener *l, const struct access_record *r)
{
	if (r->route < 0)
		return r->backend != UINT16_MAX ? "default" : "-";
	return l->routes[r->route].n_names > 0 ? l->routes[r->route].names[0] : "any";
}

static const char *server_name(const struct access_log *a, const struct access_record *r)
{
	const struct server *s = r->server_id == UINT32_MAX
					 ? NULL
					 : servers_by_id(a->control->servers, r->server_id);

	return s ? s->name : "-";
}

static void write_record(struct access_log *a, const struct access_record *r)
{
	const struct config *config = a->control->config;
	const struct config_listener *l = &config->listeners[r->listener];
	const char *name = (const char *)(r + 1);

	put_time(a, r->end_wall_us);
	field_text(a, "listener", l->name);
	field_address(a, "client", &r->client);
	field_client_text(a, "sni", name, r->name_len);
	field_client_text(a, "alpn", name + r->name_len, r->alpn_len);
	field_text(a, "route", route_name(l, r));
	field_text(
		a, "backend", r->backend == UINT16_MAX ? "-" : config->backends[r->backend].name);
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
}

static void log_record(struct access_log *a, const struct access_record *r)
{
	char *text;

	a->used = 0;
	if (log_format() == LOG_FORMAT_TEXT) {
		write_record(a, r);
		log_access(a->line, a->used);
		return;
	}
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
	union {
		struct access_record record;
		char bytes[RECORD_MAX];
	} u;
	size_t n;

	while ((n = ring_take(ring, &u, sizeof(u))) > 0)
		if (n >= sizeof(u.record))
			log_record(a, &u.record);
}

void access_log_drain(struct access_log *a)
{
	for (size_t i = 0; i < a->control->n_workers; i++)
		drain_ring(a, a->control->workers[i].access);
	log_access_flush();
}

#include "config-build.h"

#include "control/carry.h"

#include "control/certificates.h"
#include "control/sampler.h"
#include "control/server_table.h"
#include "control/sticky_secrets.h"
#include "log.h"

#include <jansson.h>
#include <sodium.h>
#include <stddef.h>

/* Counters go as arrays, in the order of their struct; an array of another length is of another version, and is left
 * out: those counters begin again. */
enum {
	LISTENER_COUNTERS = sizeof(struct tally_listener) / sizeof(tally_t),
	BACKEND_COUNTERS = sizeof(struct tally_backend) / sizeof(tally_t),
	SERVER_COUNTERS = sizeof(struct tally_server) / sizeof(tally_t),
};

/* --- out --- */

/* What was cleared stays so. */
typedef uint64_t sum_fn(const struct sampler *s, unsigned i, size_t offset);

static uint64_t sum_server(const struct sampler *s, unsigned id, size_t offset)
{
	return sampler_count_server(s, id, offset);
}

static json_t *counters(const struct control *c, sum_fn *sum, unsigned slot, unsigned n)
{
	json_t *a = json_array();

	for (unsigned i = 0; i < n; i++)
		json_array_append_new(
			a, json_integer((json_int_t)sum(c->sampler, slot, i * sizeof(tally_t))));
	return a;
}

static json_t *server_text(const struct control *c, const struct server *s)
{
	const struct check_result *r = &s->last_check;
	json_t *by_status = json_array();

	for (unsigned i = 0; i < CHECK_STATUSES; i++)
		json_array_append_new(by_status, json_integer((json_int_t)s->checks_by_status[i]));
	return json_pack(
		"{s:s,s:s,s:i,s:b,s:i,s:i,s:I,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o}",
		"backend", s->backend->conf->name, "server", s->name, "score", s->health.score,
		"judged", s->judged, "status", (int)r->status, "code", r->code, "duration_us",
		(json_int_t)r->duration_us, "detail", r->detail, "check_at",
		(json_int_t)s->last_check_at.us, "check_wall_us", (json_int_t)s->last_check_wall_us,
		"change", (json_int_t)s->last_change.us, "change_wall_us",
		(json_int_t)s->last_change_wall_us, "down_since", (json_int_t)s->down_since.us,
		"down_total_us", (json_int_t)s->down_total_us, "checks_failed",
		(json_int_t)s->checks_failed, "checks_passed", (json_int_t)s->checks_passed,
		"times_down", (json_int_t)s->times_down, "by_status", by_status, "counters",
		counters(c, sum_server, s->id, SERVER_COUNTERS));
}

/* Of the process as a whole: by what connections and requests ended. By name, for the order is free. */
static json_t *ended(const struct control *c, size_t offset)
{
	json_t *o = json_object();

	for (unsigned i = 0; i < END_REASONS; i++)
		json_object_set_new(o, end_reasons[i].name,
			json_integer((json_int_t)sampler_count(
				c->sampler, offset + i * sizeof(tally_t))));
	return o;
}

static void add_secret(json_t *o, const char *name, const uint8_t *secret)
{
	char hex[2 * CARRY_SECRET_BYTES + 1];

	if (secret)
		json_object_set_new(o, name,
			json_string(sodium_bin2hex(hex, sizeof(hex), secret, CARRY_SECRET_BYTES)));
	sodium_memzero(hex, sizeof(hex));
}

/* The memory between the two processes is theirs alone. */
static json_t *secrets(const struct control *c)
{
	json_t *o = json_object();

	add_secret(o, "tickets", certificates_secret(c->certificates));
	add_secret(o, "sticky", sticky_secrets_own(c->sticky_secrets));
	return o;
}

char *carry_text(const struct control *c)
{
	json_t *servers = json_array(), *backends = json_object(), *listeners = json_object(), *all;
	char *text;

	for (size_t i = 0; i < servers_backends(c->servers); i++) {
		const struct backend *b = servers_backend(c->servers, i);

		json_object_set_new(backends, b->conf->name,
			counters(c, sampler_count_backend, (unsigned)i, BACKEND_COUNTERS));
		for (size_t k = 0; k < b->n_servers; k++)
			json_array_append_new(servers, server_text(c, b->servers[k]));
	}
	for (unsigned i = 0; i < c->config->n_listeners; i++)
		json_object_set_new(listeners, c->config->listeners[i].name,
			counters(c, sampler_count_listener, i, LISTENER_COUNTERS));
	all = json_pack("{s:o,s:o,s:o,s:o,s:o,s:o}", "servers", servers, "backends", backends,
		"listeners", listeners, "ended", ended(c, offsetof(struct tally, ended)),
		"requests_ended", ended(c, offsetof(struct tally, requests_ended)), "secrets",
		secrets(c));
	text = all ? json_dumps(all, JSON_COMPACT) : NULL;
	json_decref(all);
	return text;
}

/* --- in --- */

/* Into the first worker's, which does not run yet. Those that are up and down are even: nothing is open here. */
static void load_counters(tally_t *to, const json_t *a, unsigned n)
{
	if (json_array_size(a) != n)
		return;
	for (unsigned i = 0; i < n; i++)
		tally_add(&to[i], (uint64_t)json_integer_value(json_array_get(a, i)));
}

static void even(tally_t *up, const tally_t *down)
{
	atomic_store_explicit(up, tally_get(down), memory_order_relaxed);
}

static uint64_t number(const json_t *o, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(o, name));
}

static void load_check(struct server *s, const json_t *o)
{
	const char *detail = json_string_value(json_object_get(o, "detail"));
	const json_t *by_status = json_object_get(o, "by_status");
	uint64_t status = number(o, "status");

	if (status >= CHECK_STATUSES)
		return;
	s->last_check = (struct check_result){.status = (enum check_status)status,
		.code = (int)number(o, "code"),
		.duration_us = number(o, "duration_us")};
	if (detail)
		snprintf(s->last_check.detail, sizeof(s->last_check.detail), "%s", detail);
	s->last_check_at.us = number(o, "check_at");
	s->last_check_wall_us = number(o, "check_wall_us");
	for (unsigned i = 0; i < CHECK_STATUSES; i++)
		s->checks_by_status[i] = (uint64_t)json_integer_value(json_array_get(by_status, i));
}

static void load_server(struct control *c, const json_t *o)
{
	const char *backend = json_string_value(json_object_get(o, "backend"));
	const char *name = json_string_value(json_object_get(o, "server"));
	struct backend *b = backend ? servers_find_backend(c->servers, backend) : NULL;
	struct server *s = b && name ? servers_find(b, name) : NULL;
	uint64_t score = number(o, "score");
	struct tally_server *t;

	if (!s)
		return;
	if (score < (uint64_t)s->health.rise + (uint64_t)s->health.fall)
		s->health.score = (int)score;
	s->judged = json_is_true(json_object_get(o, "judged"));
	load_check(s, o);
	s->last_change.us = number(o, "change");
	s->last_change_wall_us = number(o, "change_wall_us");
	s->down_since.us = number(o, "down_since");
	s->down_total_us = number(o, "down_total_us");
	s->checks_failed = number(o, "checks_failed");
	s->checks_passed = number(o, "checks_passed");
	s->times_down = number(o, "times_down");
	t = &c->workers[0].tally->servers[s->id];
	load_counters(&t->opened, json_object_get(o, "counters"), SERVER_COUNTERS);
	even(&t->closed, &t->opened);
	servers_settle(c->servers, b, mono_now());
}

static void load_ended(tally_t *to, const json_t *o)
{
	for (unsigned i = 0; i < END_REASONS; i++)
		tally_add(&to[i], number(o, end_reasons[i].name));
}

void carry_load(struct control *c, const char *text)
{
	json_t *all = json_loads(text, 0, NULL), *backends = json_object_get(all, "backends"),
	       *listeners = json_object_get(all, "listeners"),
	       *listed = json_object_get(all, "servers");

	if (!all) {
		log_warning("upgrade", "what the earlier process counted cannot be read");
		return;
	}
	for (size_t i = 0; i < json_array_size(listed); i++)
		load_server(c, json_array_get(listed, i));
	for (size_t k = 0; k < servers_backends(c->servers); k++) {
		const struct backend *b = servers_backend(c->servers, k);
		struct tally_backend *t = &c->workers[0].tally->backends[b->slot];

		load_counters(
			&t->opened, json_object_get(backends, b->conf->name), BACKEND_COUNTERS);
		even(&t->closed, &t->opened);
		even(&t->queued_now_down, &t->queued_now_up);
	}
	for (unsigned k = 0; k < c->config->n_listeners; k++) {
		struct tally_listener *t =
			&c->workers[0].tally->listeners[c->generation->listener_slots[k]];

		load_counters(&t->accepted,
			json_object_get(listeners, c->config->listeners[k].name),
			LISTENER_COUNTERS);
		even(&t->closed, &t->opened);
	}
	load_ended(c->workers[0].tally->ended, json_object_get(all, "ended"));
	load_ended(c->workers[0].tally->requests_ended, json_object_get(all, "requests_ended"));
	sampler_begin(c->sampler);
	json_decref(all);
}

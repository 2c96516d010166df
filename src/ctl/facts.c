#include "config-build.h"

#include "ctl/facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

json_t *facts_ask(const char *socket, const char *command, enum ask_status *ret_status)
{
	char *answer;
	json_error_t error;
	json_t *json = NULL;

	*ret_status = ask(socket, command, &answer);
	if (*ret_status == ASK_OK) {
		json = json_loads(answer, 0, &error);
		if (!json)
			fprintf(stderr,
				"aegisctl: `%s` was answered by something that is not JSON: %s\n",
				command, error.text);
	} else if (*ret_status == ASK_REFUSED) {
		fprintf(stderr, "aegisctl: %s", answer);
	}
	if (!json && *ret_status == ASK_OK)
		*ret_status = ASK_REFUSED;
	free(answer);
	return json;
}

/* [{"field": {"name": N}, "value": {"value": V}}, …] to {N: V, …}. */
static json_t *by_name(const json_t *items)
{
	json_t *object = json_object();

	for (size_t i = 0; i < json_array_size(items); i++) {
		const json_t *item = json_array_get(items, i);
		json_t *name = json_object_get(json_object_get(item, "field"), "name");
		json_t *value = json_object_get(json_object_get(item, "value"), "value");

		if (name && value)
			json_object_set(object, json_string_value(name), value);
	}
	return object;
}

enum ask_status facts_fetch(const char *socket, struct facts *ret)
{
	enum ask_status status;
	json_t *info, *stat = NULL, *health = NULL, *cluster = NULL;

	*ret = (struct facts){0};
	info = facts_ask(socket, "show info json", &status);
	if (info)
		stat = facts_ask(socket, "show stat json", &status);
	if (stat)
		health = facts_ask(socket, "show health json", &status);
	if (health)
		cluster = facts_ask(socket, "show cluster json", &status);
	if (cluster) {
		ret->cluster = cluster;
		ret->info = by_name(info);
		ret->health = health;
		ret->rows = json_array();
		for (size_t i = 0; i < json_array_size(stat); i++)
			json_array_append_new(ret->rows, by_name(json_array_get(stat, i)));
	}
	if (!cluster)
		json_decref(health);
	json_decref(info);
	json_decref(stat);
	return status;
}

void facts_release(struct facts *f)
{
	json_decref(f->info);
	json_decref(f->rows);
	json_decref(f->health);
	json_decref(f->cluster);
	*f = (struct facts){0};
}

const char *fact_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

uint64_t fact_number(const json_t *object, const char *name)
{
	json_int_t n = json_integer_value(json_object_get(object, name));

	return n > 0 ? (uint64_t)n : 0;
}

uint64_t fact_age(const json_t *object, const char *name)
{
	struct tm tm = {0};
	time_t then;

	if (!strptime(fact_text(object, name), "%Y-%m-%dT%H:%M:%S", &tm))
		return 0;
	then = timegm(&tm);
	return time(NULL) > then ? (uint64_t)(time(NULL) - then) : 0;
}

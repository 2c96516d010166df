#include "config/read.h"

#include "base/bug.h"
#include "config/nearest.h"
#include "config/value.h"

#include <stdio.h>
#include <string.h>

static bool is_integer(const config_setting_t *s)
{
	int type = config_setting_type(s);

	return type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64;
}

static bool is_list(const config_setting_t *s)
{
	int type = config_setting_type(s);

	return type == CONFIG_TYPE_ARRAY || type == CONFIG_TYPE_LIST;
}

const char *config_read_text(
	struct config_reader *r, const config_setting_t *s, size_t max, const char *expected)
{
	const char *text = config_setting_get_string(s);

	if (!text) {
		config_error_found(r, s, expected);
		return NULL;
	}
	if (strlen(text) > max) {
		config_error(
			r, s, "found a text of %zu bytes; expected at most %zu", strlen(text), max);
		return NULL;
	}
	return arena_strdup(r->config->arena, text);
}

static void read_name(struct config_reader *r, const config_setting_t *s, void *to)
{
	static const char expected[] = "a name of up to 63 letters, digits, '-', '_', '.' and ':'";
	const char *name = config_setting_get_string(s);

	if (!name || !config_name(name)) {
		config_error_found(r, s, expected);
		return;
	}
	name = arena_strdup(r->config->arena, name);
	memcpy(to, &name, sizeof(name));
}

static void store_number(void *to, size_t size, uint64_t v)
{
	uint16_t v16 = (uint16_t)v;
	uint32_t v32 = (uint32_t)v;

	switch (size) {
	case sizeof(v16):
		memcpy(to, &v16, size);
		break;
	case sizeof(v32):
		memcpy(to, &v32, size);
		break;
	default:
		BUG_ON(size != sizeof(v));
		memcpy(to, &v, size);
	}
}

static void read_number(
	struct config_reader *r, const config_setting_t *s, const struct config_key *k, void *to)
{
	long long v = config_setting_get_int64(s);

	if (!is_integer(s) || v < 0 || (uint64_t)v < k->min || (uint64_t)v > k->max) {
		char expected[96];

		snprintf(expected, sizeof(expected), "an integer from %llu to %llu",
			(unsigned long long)k->min, (unsigned long long)k->max);
		config_error_found(r, s, expected);
		return;
	}
	store_number(to, k->size, (uint64_t)v);
}

static void read_flag(
	struct config_reader *r, const config_setting_t *s, const struct config_key *k, void *to)
{
	bool v = config_setting_get_bool(s);

	BUG_ON(k->size != sizeof(v));
	if (config_setting_type(s) == CONFIG_TYPE_BOOL)
		memcpy(to, &v, sizeof(v));
	else
		config_error_found(r, s, "true or false");
}

static const char *duration_text(uint64_t ms, char buf[32])
{
	static const struct {
		uint64_t ms;
		const char *unit;
	} units[] = {{CONFIG_DAY_MS, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}};

	for (size_t i = 0; ms > 0 && i < sizeof(units) / sizeof(units[0]); i++) {
		if (ms % units[i].ms == 0) {
			snprintf(buf, 32, "%llu%s", (unsigned long long)(ms / units[i].ms),
				units[i].unit);
			return buf;
		}
	}
	snprintf(buf, 32, "%llu%s", (unsigned long long)ms, ms ? "ms" : "");
	return buf;
}

/* Zero needs no unit; any other bare number does. */
static bool duration_of(const config_setting_t *s, uint64_t *ret)
{
	const char *text = config_setting_get_string(s);

	if (text)
		return config_duration(text, ret);
	*ret = 0;
	return is_integer(s) && config_setting_get_int64(s) == 0;
}

static void read_duration(
	struct config_reader *r, const config_setting_t *s, const struct config_key *k, void *to)
{
	char expected[96], from[32], until[32];
	uint64_t v;

	BUG_ON(k->size != sizeof(v));
	if (!duration_of(s, &v)) {
		config_error_found(r, s, k->expected ? k->expected : "a duration such as \"5s\"");
	} else if (v < k->min || v > k->max) {
		snprintf(expected, sizeof(expected), "a duration from %s to %s",
			duration_text(k->min, from), duration_text(k->max, until));
		config_error_found(r, s, expected);
	} else {
		memcpy(to, &v, sizeof(v));
	}
}

static void append(char *buf, size_t size, const char *text)
{
	size_t n = strlen(buf);

	snprintf(buf + n, size - n, "%s", text);
}

/* "a", "b" or "c": the words that are supported. */
static void list_words(const struct config_word *words, char *buf, size_t size)
{
	const struct config_word *w, *last = NULL;

	for (w = words; w->name; w++)
		if (w->value != CONFIG_WORD_LATER)
			last = w;
	buf[0] = '\0';
	for (w = words; w->name; w++) {
		if (w->value == CONFIG_WORD_LATER)
			continue;
		if (buf[0])
			append(buf, size, w == last ? " or " : ", ");
		append(buf, size, "\"");
		append(buf, size, w->name);
		append(buf, size, "\"");
	}
}

static void refuse_word(
	struct config_reader *r, const config_setting_t *s, const struct config_word *words)
{
	const char *text = config_setting_get_string(s);
	struct nearest near = nearest_to(text ? text : "");
	char expected[256];

	list_words(words, expected, sizeof(expected));
	for (; text && words->name; words++)
		if (words->value != CONFIG_WORD_LATER)
			nearest_try(&near, words->name);
	if (near.best) {
		append(expected, sizeof(expected), "; did you mean \"");
		append(expected, sizeof(expected), near.best);
		append(expected, sizeof(expected), "\"?");
	}
	config_error_found(r, s, expected);
}

static void read_choice(
	struct config_reader *r, const config_setting_t *s, const struct config_key *k, void *to)
{
	const char *text = config_setting_get_string(s);
	const struct config_word *w = k->words;

	BUG_ON(k->size != sizeof(w->value));
	while (w->name && (!text || strcmp(w->name, text) != 0))
		w++;
	if (!w->name)
		refuse_word(r, s, k->words);
	else if (w->value == CONFIG_WORD_LATER)
		config_error(r, s, "\"%s\" is not supported yet by this version", text);
	else
		memcpy(to, &w->value, sizeof(w->value));
}

static void read_list(
	struct config_reader *r, const config_setting_t *s, const struct config_key *k, void *to)
{
	size_t n = (size_t)config_setting_length(s);
	char *elements;

	if (!is_list(s)) {
		config_error_found(r, s, k->expected);
		return;
	}
	if (n > k->max) {
		config_error(r, s, "found %zu elements; expected at most %llu", n,
			(unsigned long long)k->max);
		return;
	}
	if (n < k->min) {
		config_error_found(r, s, k->expected);
		return;
	}
	elements = arena_array(r->config->arena, n, k->size);
	memcpy((char *)to + k->offset, &elements, sizeof(elements));
	memcpy((char *)to + k->count_offset, &n, sizeof(n));
	for (size_t i = 0; i < n; i++)
		k->read(r, config_setting_get_elem(s, (unsigned)i), elements + i * k->size);
}

static void refuse_in_mode(struct config_reader *r, const config_setting_t *s,
	const struct config_key *k, const char *belongs, const char *mode)
{
	config_error(r, s, "belongs to mode = \"%s\"; this listener has mode = \"%s\"%s%s", belongs,
		mode, k->expected ? ": " : "", k->expected ? k->expected : "");
}

static void read_key(
	struct config_reader *r, const config_setting_t *s, const struct config_key *k, void *to)
{
	char *member = (char *)to + k->offset;

	switch (k->type) {
	case CONFIG_NAME:
		read_name(r, s, member);
		break;
	case CONFIG_NUMBER:
		read_number(r, s, k, member);
		break;
	case CONFIG_FLAG:
		read_flag(r, s, k, member);
		break;
	case CONFIG_DURATION:
		read_duration(r, s, k, member);
		break;
	case CONFIG_CHOICE:
		read_choice(r, s, k, member);
		break;
	case CONFIG_GROUP:
		config_read_group(r, s, k->keys, member);
		break;
	case CONFIG_LIST:
		read_list(r, s, k, to);
		break;
	case CONFIG_OWN:
		k->read(r, s, member);
		break;
	case CONFIG_LATER:
		config_error(r, s, "not supported yet by this version");
		break;
	case CONFIG_HTTP:
		refuse_in_mode(r, s, k, "http", "passthrough");
		break;
	case CONFIG_PASSTHROUGH:
		refuse_in_mode(r, s, k, "passthrough", "http");
		break;
	}
}

static bool is_supported(const struct config_key *k)
{
	return k->type != CONFIG_LATER && k->type != CONFIG_HTTP && k->type != CONFIG_PASSTHROUGH;
}

static void refuse_unknown(
	struct config_reader *r, const config_setting_t *s, const struct config_key *keys)
{
	struct nearest near = nearest_to(config_setting_name(s));
	char known[512] = "";

	for (const struct config_key *k = keys; k->name; k++) {
		nearest_try(&near, k->name);
		if (!is_supported(k))
			continue;
		append(known, sizeof(known), known[0] ? ", " : "");
		append(known, sizeof(known), k->name);
	}
	if (near.best)
		config_error(r, s, "unknown key; did you mean \"%s\"?", near.best);
	else
		config_error(r, s, "unknown key; expected one of %s", known);
}

static bool is_known(const struct config_key *keys, const char *name)
{
	for (const struct config_key *k = keys; k->name; k++)
		if (strcmp(k->name, name) == 0)
			return true;
	return false;
}

void config_read_group(struct config_reader *r, const config_setting_t *group,
	const struct config_key *keys, void *to)
{
	if (config_setting_type(group) != CONFIG_TYPE_GROUP) {
		config_error_found(r, group, "a group { key = value; ... }");
		return;
	}
	for (int i = 0; i < config_setting_length(group); i++) {
		const config_setting_t *s = config_setting_get_elem(group, (unsigned)i);

		if (!is_known(keys, config_setting_name(s)))
			refuse_unknown(r, s, keys);
	}
	for (const struct config_key *k = keys; k->name; k++) {
		const config_setting_t *s = config_setting_get_member(group, k->name);

		if (s)
			read_key(r, s, k, to);
		else if (k->required)
			config_error_missing(r, group, k->name, k->expected);
	}
}

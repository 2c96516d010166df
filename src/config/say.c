#include "config-build.h"

#include "config/say.h"

#include <stdio.h>
#include <string.h>

enum { PATH_MAX_BYTES = 256, FOUND_MAX = CONFIG_QUOTED_MAX + 32 };

static unsigned line_order(const config_setting_t *s)
{
	return (unsigned)config_setting_source_line(s);
}

/* libconfig notes the line of a text in an array only when it has seen what follows it: back to the line that
 * holds it, if that is one of the array's. */
static unsigned element_order(const struct config_reader *r, const config_setting_t *s)
{
	const config_setting_t *parent = config_setting_parent(s);
	const char *text = config_setting_get_string(s);
	unsigned last = line_order(s);

	for (unsigned i = last; i >= line_order(parent) && i > 0; i--) {
		struct span line = config_text_line(r->text, i);

		if (memmem(line.p, line.n, text, strlen(text)))
			return i;
	}
	return last;
}

struct config_place config_place_of(const struct config_reader *r, const config_setting_t *s)
{
	unsigned order = line_order(s);

	if (!config_setting_name(s) && config_setting_type(s) == CONFIG_TYPE_STRING)
		order = element_order(r, s);
	return config_text_place(r->text, order);
}

/* "listeners[0].timeouts.hello", built from its end. */
static const char *path_of(const config_setting_t *s, char buf[PATH_MAX_BYTES])
{
	size_t at = PATH_MAX_BYTES - 1;
	char part[PATH_MAX_BYTES];

	buf[at] = '\0';
	for (; !config_setting_is_root(s); s = config_setting_parent(s)) {
		const char *name = config_setting_name(s);
		bool dot = name && !config_setting_is_root(config_setting_parent(s));
		int n = name ? snprintf(part, sizeof(part), "%s%s", dot ? "." : "", name)
			     : snprintf(part, sizeof(part), "[%d]", config_setting_index(s));

		if (n < 0 || (size_t)n > at)
			break;
		at -= (size_t)n;
		memcpy(buf + at, part, (size_t)n);
	}
	return buf + at;
}

static void say(struct config_reader *r, enum config_severity severity, const config_setting_t *at,
	const char *fmt, va_list ap)
{
	char path[PATH_MAX_BYTES], text[1024];
	const char *where = path_of(at, path);

	vsnprintf(text, sizeof(text), fmt, ap);
	config_errors_add(r->errors, severity, config_place_of(r, at), "%s%s%s", where,
		*where ? ": " : "", text);
}

void config_error(struct config_reader *r, const config_setting_t *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(r, CONFIG_ERROR, at, fmt, ap);
	va_end(ap);
}

void config_warning(struct config_reader *r, const config_setting_t *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(r, CONFIG_WARNING, at, fmt, ap);
	va_end(ap);
}

const char *config_quoted(const char *text, char buf[CONFIG_QUOTED_MAX])
{
	size_t n = 0;

	buf[n++] = '"';
	for (; *text && n < CONFIG_QUOTED_MAX - 8; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x20 || c == 0x7f)
			n += (size_t)snprintf(buf + n, 5, "\\x%02x", c);
		else
			buf[n++] = *text;
	}
	snprintf(buf + n, CONFIG_QUOTED_MAX - n, *text ? "...\"" : "\"");
	return buf;
}

/* What a setting is, in words: integer 5, "text", a group. */
static const char *found(const config_setting_t *s, char buf[FOUND_MAX])
{
	char quoted[CONFIG_QUOTED_MAX];

	switch (config_setting_type(s)) {
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		snprintf(buf, FOUND_MAX, "integer %lld", config_setting_get_int64(s));
		break;
	case CONFIG_TYPE_FLOAT:
		snprintf(buf, FOUND_MAX, "number %g", config_setting_get_float(s));
		break;
	case CONFIG_TYPE_STRING:
		snprintf(buf, FOUND_MAX, "%s", config_quoted(config_setting_get_string(s), quoted));
		break;
	case CONFIG_TYPE_BOOL:
		snprintf(buf, FOUND_MAX, "%s", config_setting_get_bool(s) ? "true" : "false");
		break;
	case CONFIG_TYPE_GROUP:
		snprintf(buf, FOUND_MAX, "a group { ... }");
		break;
	default:
		if (config_setting_length(s) == 0)
			snprintf(buf, FOUND_MAX, "an empty list");
		else
			snprintf(buf, FOUND_MAX, "a list of %d", config_setting_length(s));
	}
	return buf;
}

void config_error_found(struct config_reader *r, const config_setting_t *at, const char *expected)
{
	char buf[FOUND_MAX];

	config_error(r, at, "found %s; expected %s", found(at, buf), expected);
}

void config_error_why(
	struct config_reader *r, const config_setting_t *at, const char *why, const char *expected)
{
	char buf[FOUND_MAX];

	config_error(r, at, "found %s: %s; expected %s", found(at, buf), why, expected);
}

void config_error_missing(struct config_reader *r, const config_setting_t *group, const char *key,
	const char *expected)
{
	char path[PATH_MAX_BYTES];
	const char *where = path_of(group, path);

	config_errors_add(r->errors, CONFIG_ERROR, config_place_of(r, group),
		"%s%s%s: missing; expected %s", where, *where ? "." : "", key, expected);
}

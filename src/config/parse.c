#include "config-build.h"

#include "config/parse.h"

#include "config/say.h"

#include <stdio.h>
#include <string.h>

static bool is_key_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-' || c == '*';
}

static struct span without_blanks(struct span line)
{
	while (line.n > 0 && line.p[0] <= ' ')
		line = span_of(line.p + 1, line.n - 1);
	while (line.n > 0 && line.p[line.n - 1] <= ' ')
		line.n--;
	return line;
}

static size_t skip_blanks(struct span s, size_t i)
{
	while (i < s.n && s.p[i] <= ' ')
		i++;
	return i;
}

/* The next key of a line: a word and a "=" or ":" behind it. Advances `rest` past it; empty at the end. */
static struct span next_key(struct span *rest)
{
	while (rest->n > 0) {
		struct span from = *rest;
		size_t n = 0, after;

		while (n < from.n && is_key_byte(from.p[n]))
			n++;
		after = skip_blanks(from, n);
		*rest = span_of(from.p + (n ? n : 1), from.n - (n ? n : 1));
		if (n > 0 && after < from.n && (from.p[after] == '=' || from.p[after] == ':'))
			return span_of(from.p, n);
	}
	return span_of("", 0);
}

static bool is_among_keys(struct span key, struct span line)
{
	struct span other;

	while ((other = next_key(&line)).n > 0)
		if (span_eq(key, other))
			return true;
	return false;
}

/* libconfig says in which line a key stands that its group has already, but not which of the line's it is: the one that
 * stands there twice, or the only one. */
static struct span duplicate_key(struct span line)
{
	struct span rest = line, key, only = span_of("", 0);
	unsigned n = 0;

	while ((key = next_key(&rest)).n > 0) {
		if (is_among_keys(key, rest))
			return key;
		only = key;
		n++;
	}
	return n == 1 ? only : span_of("", 0);
}

static void refuse_duplicate(struct config_errors *errors, struct config_place at, struct span line)
{
	struct span key = duplicate_key(line);

	if (key.n > 0)
		config_errors_add(errors, CONFIG_ERROR, at,
			"%.*s: given twice in the same group; expected once", (int)key.n,
			(const char *)key.p);
	else
		config_errors_add(errors, CONFIG_ERROR, at,
			"a key of this line is given twice in the same group; expected once");
}

static void refuse(
	const struct config_text *text, const config_t *parsed, struct config_errors *errors)
{
	unsigned order = (unsigned)config_error_line(parsed);
	struct config_place at = config_text_place(text, order);
	struct span line = without_blanks(config_text_line(text, order));
	const char *said = config_error_text(parsed);
	char near[CONFIG_QUOTED_MAX], quoted[CONFIG_QUOTED_MAX];

	if (strcmp(said, "duplicate setting name") == 0) {
		refuse_duplicate(errors, at, line);
		return;
	}
	snprintf(near, sizeof(near), "%.*s",
		line.n < sizeof(near) ? (int)line.n : (int)sizeof(near), (const char *)line.p);
	config_quoted(near, quoted);
	config_errors_add(errors, CONFIG_ERROR, at,
		"%s near %s; expected KEY = VALUE; look here and on the line before for a missing "
		"comma or =",
		said, quoted);
}

bool config_parse(const struct config_text *text, config_t *parsed, struct config_errors *errors)
{
	if (config_read_string(parsed, config_text_string(text)) == CONFIG_TRUE)
		return true;
	refuse(text, parsed, errors);
	return false;
}

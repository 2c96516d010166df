#include "config-build.h"

#include "config/errors.h"

#include "base/bug.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_control(char c)
{
	return (unsigned char)c < ' ' || c == 127;
}

/* Takes a text. Names of files in it may hold anything; what a terminal would obey is written as \xNN. */
static char *printable(char *text)
{
	size_t n = strlen(text), i = 0;
	char *said;

	while (text[i] && !is_control(text[i]))
		i++;
	if (i == n)
		return text;
	said = malloc(4 * n + 1);
	BUG_ON(!said);
	memcpy(said, text, i);
	n = i;
	for (; text[i]; i++)
		if (is_control(text[i]))
			n += (size_t)snprintf(said + n, 5, "\\x%02x", text[i]);
		else
			said[n++] = text[i];
	said[n] = '\0';
	free(text);
	return said;
}

__attribute__((format(printf, 2, 0))) static char *message_text(
	struct config_place at, const char *fmt, va_list ap)
{
	char *said, *text;
	int n;

	n = vasprintf(&said, fmt, ap);
	BUG_ON(n < 0);
	if (at.line != 0)
		n = asprintf(&text, "%s:%u: %s", at.file, at.line, said);
	else
		n = asprintf(&text, "%s: %s", at.file, said);
	BUG_ON(n < 0);
	free(said);
	return printable(text);
}

void config_errors_vadd(struct config_errors *e, enum config_severity severity,
	struct config_place at, const char *fmt, va_list ap)
{
	struct config_message *m;

	if (severity == CONFIG_ERROR)
		e->n_errors++;
	if (e->n_messages == CONFIG_MESSAGES_MAX) {
		e->n_unsaid++;
		return;
	}
	if ((e->n_messages & (e->n_messages - 1)) == 0) {
		size_t room = e->n_messages ? e->n_messages * 2 : 1;

		e->messages = reallocarray(e->messages, room, sizeof(*e->messages));
		BUG_ON(!e->messages);
	}
	m = &e->messages[e->n_messages];
	m->text = message_text(at, fmt, ap);
	m->order = at.order;
	m->number = (unsigned)e->n_messages++;
	m->severity = severity;
}

void config_errors_add(struct config_errors *e, enum config_severity severity,
	struct config_place at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	config_errors_vadd(e, severity, at, fmt, ap);
	va_end(ap);
}

/* By line; what stands on one line in the order it was found. */
static int by_order(const void *a, const void *b)
{
	const struct config_message *x = a, *y = b;

	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

void config_errors_report(struct config_errors *e, struct config_report *ret)
{
	if (e->n_messages > 1)
		qsort(e->messages, e->n_messages, sizeof(*e->messages), by_order);
	ret->errors = calloc(e->n_messages + 1, sizeof(char *));
	ret->warnings = calloc(e->n_messages + 1, sizeof(char *));
	BUG_ON(!ret->errors || !ret->warnings);
	ret->n_errors = ret->n_warnings = 0;
	for (size_t i = 0; i < e->n_messages; i++) {
		if (e->messages[i].severity == CONFIG_ERROR)
			ret->errors[ret->n_errors++] = e->messages[i].text;
		else
			ret->warnings[ret->n_warnings++] = e->messages[i].text;
	}
	if (e->n_unsaid) {
		char **last = &ret->errors[ret->n_errors++];

		BUG_ON(asprintf(last, "%zu more are not shown", e->n_unsaid) < 0);
	}
	free(e->messages);
	*e = (struct config_errors){0};
}

static void release_texts(char **texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(texts[i]);
	free(texts);
}

void config_report_release(struct config_report *r)
{
	release_texts(r->errors, r->n_errors);
	release_texts(r->warnings, r->n_warnings);
	*r = (struct config_report){0};
}

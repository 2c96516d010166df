#include "control/command.h"

#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct command_def *const tables[] = {
	commands_stat,
	commands_show,
	commands_server,
	commands_bans,
	commands_health,
	commands_sessions,
	commands_routes,
	commands_diagnose,
	commands_cluster,
	commands_members,
	commands_vip,
	commands_reload,
	commands_certs,
	commands_later,
	commands_upgrade,
	commands_cli,
};
enum { TABLES = sizeof(tables) / sizeof(tables[0]) };

/* --- finding a command --- */

/* How many of the definition's words the given ones repeat, from the first on. */
static unsigned words_in_common(const struct command_def *def, const char *const *words)
{
	const char *p = def->words;
	unsigned n = 0;

	while (*p) {
		size_t len = strcspn(p, " ");

		if (strlen(words[n]) != len || strncmp(words[n], p, len) != 0)
			return n;
		n++;
		p += len + (p[len] == ' ');
	}
	return n;
}

static unsigned count_words(const char *text)
{
	unsigned n = 1;

	for (; *text; text++)
		n += *text == ' ';
	return n;
}

static const struct command_def *find(const char *const *words)
{
	for (unsigned t = 0; t < TABLES; t++)
		for (const struct command_def *d = tables[t]; d->words; d++)
			if (words_in_common(d, words) == count_words(d->words))
				return d;
	return NULL;
}

/* --- help --- */

static void list_command(struct command *cmd, const struct command_def *d)
{
	char call[96];

	snprintf(call, sizeof(call), "%s%s", d->words, d->usage);
	expo_fmt(cmd->out, "  %-40s: %s\n", call, d->help);
}

/* Those that begin with the words given; at the end, always, how to get on. */
static unsigned list_matching(struct command *cmd, const char *const *words)
{
	unsigned best = 0, listed = 0;

	for (unsigned t = 0; t < TABLES; t++)
		for (const struct command_def *d = tables[t]; d->words; d++)
			if (words_in_common(d, words) > best)
				best = words_in_common(d, words);
	for (unsigned t = 0; t < TABLES; t++)
		for (const struct command_def *d = tables[t]; d->words; d++)
			if (words_in_common(d, words) >= best &&
				(best > 0 || words[0][0] == '\0')) {
				list_command(cmd, d);
				listed++;
			}
	return listed;
}

void command_help(struct command *cmd)
{
	static const char *const all[] = {""};
	const char *const *words = cmd->words + 1;

	expo_str(cmd->out, "The following commands are valid at this level:\n");
	if (list_matching(cmd, words) == 0)
		list_matching(cmd, all);
}

static void unknown(struct command *cmd)
{
	static const char *const all[] = {""};
	bool close = false;

	for (unsigned t = 0; t < TABLES && !close; t++)
		for (const struct command_def *d = tables[t]; d->words && !close; d++)
			close = words_in_common(d, cmd->words) > 0;
	if (close) {
		command_say(cmd, SEVERITY_ERROR,
			"Unknown command, but maybe one of the following ones is a better match:");
		list_matching(cmd, cmd->words);
	} else {
		command_say(cmd, SEVERITY_ERROR,
			"Unknown command. Please enter one of the following commands only:");
		list_matching(cmd, all);
	}
}

/* --- running --- */

/* Once it is known that the client may: what it asked for and who it is, whatever comes of it. */
static void log_change(const struct command *cmd, struct span text)
{
	struct expo e;

	expo_init(&e);
	expo_log_quoted(&e, text);
	if (!e.failed)
		log_notice("admin", "%.*s %s", (int)e.len, e.buf, cmd->by);
	expo_release(&e);
}

void command_run(struct command *cmd, struct span text)
{
	const struct command_def *d = find(cmd->words);

	if (!d)
		return unknown(cmd);
	if (cmd->session->level < d->level)
		return command_error(cmd, "Permission denied");
	cmd->local = d->flags & COMMAND_LOCAL && cmd->n_words > 1 &&
		     strcmp(cmd->words[cmd->n_words - 1], "local") == 0;
	if (cmd->local)
		cmd->words[--cmd->n_words] = "";
	if (d->flags & COMMAND_CHANGES)
		log_change(cmd, text);
	if (d->flags & COMMAND_CHANGES && cmd->control->holds)
		return command_error(cmd, "%s", cmd->control->holds);
	d->run(cmd);
}

void command_end(struct command *cmd)
{
	if (cmd->state_free)
		cmd->state_free(cmd->state);
	cmd->state_free = NULL;
	cmd->state = NULL;
	cmd->more = NULL;
	cmd->waiting = false;
}

/* --- answers --- */

__attribute__((format(printf, 3, 0))) static void say(
	struct command *cmd, enum command_severity severity, const char *fmt, va_list ap)
{
	static const char *const names[] = {[SEVERITY_ERROR] = "err",
		[SEVERITY_WARNING] = "warning",
		[SEVERITY_NOTICE] = "notice",
		[SEVERITY_INFO] = "info"};
	char text[512];

	vsnprintf(text, sizeof(text), fmt, ap);
	if (cmd->session->severity == SEVERITY_AS_NUMBER)
		expo_fmt(cmd->out, "[%d]: ", severity);
	else if (cmd->session->severity == SEVERITY_AS_STRING)
		expo_fmt(cmd->out, "[%s]: ", names[severity]);
	expo_fmt(cmd->out, "%s\n", text);
}

void command_say(struct command *cmd, enum command_severity severity, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(cmd, severity, fmt, ap);
	va_end(ap);
}

void command_error(struct command *cmd, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(cmd, SEVERITY_ERROR, fmt, ap);
	va_end(ap);
}

void command_json(struct command *cmd, json_t *json)
{
	char *line = json ? json_dumps(json, JSON_COMPACT) : NULL;

	if (line)
		expo_fmt(cmd->out, "%s\n", line);
	else
		command_error(cmd, "Out of memory.");
	free(line);
	json_decref(json);
}

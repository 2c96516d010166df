/* show info, show stat, clear counters. */
#include "control/command.h"
#include "control/sampler.h"
#include "control/stat.h"
#include "control/stat_row.h"

#include <stdlib.h>
#include <string.h>

static bool has_word(const struct command *cmd, unsigned from, const char *word)
{
	for (unsigned i = from; i < cmd->n_words; i++)
		if (strcmp(cmd->words[i], word) == 0)
			return true;
	return false;
}

static void run_info(struct command *cmd)
{
	if (has_word(cmd, 2, "json"))
		command_json(cmd, info_json(cmd->control));
	else if (has_word(cmd, 2, "typed"))
		info_typed(cmd->control, cmd->out);
	else
		info_text(cmd->control, cmd->out);
}

/* --- show stat: a row at a time --- */

enum stat_format { FORMAT_CSV, FORMAT_TYPED, FORMAT_JSON };

struct stat_dump {
	struct stat_filter filter;
	struct stat_cursor at;
	enum stat_format format;
	bool begun;
	char proxy[256];
};

static void dump_row(struct command *cmd, struct stat_dump *d, const struct stat_row *row)
{
	switch (d->format) {
	case FORMAT_CSV:
		stat_row_csv(row, cmd->out);
		break;
	case FORMAT_TYPED:
		stat_row_typed(row, cmd->out);
		break;
	case FORMAT_JSON:
		expo_char(cmd->out, d->begun ? ',' : '[');
		stat_row_json(row, cmd->out);
		break;
	}
	d->begun = true;
}

static bool dump_more(struct command *cmd)
{
	struct stat_dump *d = cmd->state;
	struct stat_row row;

	if (stat_next(cmd->control, &d->filter, &d->at, &row)) {
		dump_row(cmd, d, &row);
		return true;
	}
	if (d->format == FORMAT_JSON)
		expo_str(cmd->out, d->begun ? "]\n" : "[]\n");
	return false;
}

static bool is_format_word(const char *word)
{
	static const char *const words[] = {"json", "typed", "up", "no-maint", "desc"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(word, words[i]) == 0)
			return true;
	return false;
}

static bool proxy_exists(const struct control *c, const char *name)
{
	for (size_t i = 0; i < c->config->n_listeners; i++)
		if (strcmp(c->config->listeners[i].name, name) == 0)
			return true;
	return servers_find_backend(c->servers, name) != NULL;
}

/* "IID|NAME TYPE SID", all three or none of them. False: there is no such proxy. */
static bool parse_filter(const struct command *cmd, unsigned from, struct stat_dump *d)
{
	const char *const *w = cmd->words + from;

	d->filter = stat_all;
	d->filter.up = has_word(cmd, from, "up");
	d->filter.no_maint = has_word(cmd, from, "no-maint");
	if (!w[0][0] || !w[1][0] || !w[2][0] || is_format_word(w[0]))
		return true;
	d->filter.iid = (int)strtol(w[0], NULL, 10);
	d->filter.types = (int)strtol(w[1], NULL, 10);
	d->filter.sid = (int)strtol(w[2], NULL, 10);
	if (d->filter.iid != 0)
		return true;
	if (!proxy_exists(cmd->control, w[0]) || strlen(w[0]) >= sizeof(d->proxy))
		return false;
	memcpy(d->proxy, w[0], strlen(w[0]) + 1);
	d->filter.proxy = d->proxy;
	return true;
}

static void run_stat(struct command *cmd)
{
	bool domain = strcmp(cmd->words[2], "domain") == 0;
	struct stat_dump *d;

	if (domain && strcmp(cmd->words[3], "proxy") != 0)
		return command_error(cmd, "Invalid statistics domain.");
	d = calloc(1, sizeof(*d));
	if (!d)
		return command_error(cmd, "Out of memory.");
	cmd->state = d;
	cmd->state_free = free;
	if (!parse_filter(cmd, domain ? 4 : 2, d))
		return command_error(cmd, "No such proxy.");
	if (has_word(cmd, 2, "json"))
		d->format = FORMAT_JSON;
	else if (has_word(cmd, 2, "typed"))
		d->format = FORMAT_TYPED;
	else
		stat_header_csv(cmd->out);
	cmd->more = dump_more;
}

static void run_clear(struct command *cmd)
{
	sampler_clear(cmd->control->sampler, strcmp(cmd->words[2], "all") == 0);
}

const struct command_def commands_stat[] = {
	{.words = "show info",
		.usage = " [json|typed]",
		.run = run_info,
		.help = "report information about the running process"},
	{.words = "show stat",
		.usage = " [<iid> <type> <sid>] [json|typed|up|no-maint]*",
		.run = run_stat,
		.help = "report counters for each listener, backend and server"},
	{.words = "clear counters",
		.usage = " [all]",
		.run = run_clear,
		.level = LEVEL_OPERATOR,
		.flags = COMMAND_CHANGES,
		.help = "clear max statistics counters (or all counters)"},
	{0},
};

/* Commands about the connection itself. */
#include "control/command.h"

#include <stdlib.h>
#include <string.h>

static void run_prompt(struct command *cmd)
{
	cmd->session->prompt = !cmd->session->prompt;
}

static void run_quit(struct command *cmd)
{
	cmd->session->quit = true;
}

static void run_operator(struct command *cmd)
{
	cmd->session->level = LEVEL_OPERATOR;
}

static void run_user(struct command *cmd)
{
	cmd->session->level = LEVEL_USER;
}

static void run_show_level(struct command *cmd)
{
	static const char *const names[] = {
		[LEVEL_USER] = "user", [LEVEL_OPERATOR] = "operator", [LEVEL_ADMIN] = "admin"};

	expo_fmt(cmd->out, "%s\n", names[cmd->session->level]);
}

/* Seconds, or a number with HAProxy's units. 0: it is not a time, or less than a second. */
static unsigned long parse_timeout(const char *word)
{
	static const struct {
		const char *unit;
		unsigned long ms;
	} units[] = {
		{"", 1000}, {"s", 1000}, {"ms", 1}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
	char *end;
	unsigned long n;

	if (word[0] < '0' || word[0] > '9')
		return 0;
	n = strtoul(word, &end, 10);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(end, units[i].unit) == 0 && n <= 86400000ul * 24 / units[i].ms)
			return (n * units[i].ms + 999) / 1000;
	return 0;
}

static void run_set_timeout(struct command *cmd)
{
	unsigned long seconds;

	if (strcmp(cmd->words[2], "cli") != 0)
		return command_error(cmd, "'set timeout' only supports 'cli'.");
	if (!cmd->words[3][0])
		return command_error(cmd, "Expects an integer value.");
	seconds = parse_timeout(cmd->words[3]);
	if (seconds == 0)
		return command_error(cmd, "Invalid timeout value.");
	cmd->session->timeout_s = (unsigned)seconds;
}

static void run_severity(struct command *cmd)
{
	static const char *const names[] = {[SEVERITY_NONE] = "none",
		[SEVERITY_AS_NUMBER] = "number",
		[SEVERITY_AS_STRING] = "string"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(cmd->words[2], names[i]) == 0) {
			cmd->session->severity = i;
			return;
		}
	command_error(cmd, "one of 'none', 'number', 'string' is a required argument");
}

const struct command_def commands_cli[] = {
	{.words = "set severity-output",
		.usage = " [none|number|string]",
		.run = run_severity,
		.help = "set presence of severity level in feedback information"},
	{.words = "set timeout",
		.usage = " cli <delay>",
		.run = run_set_timeout,
		.help = "change how long this connection may idle"},
	{.words = "show cli level",
		.usage = "",
		.run = run_show_level,
		.help = "display the level of the current CLI session"},
	{.words = "operator",
		.usage = "",
		.run = run_operator,
		.level = LEVEL_OPERATOR,
		.help = "lower the level of the current CLI session to operator"},
	{.words = "user",
		.usage = "",
		.run = run_user,
		.help = "lower the level of the current CLI session to user"},
	{.words = "help",
		.usage = " [<command>]",
		.run = command_help,
		.help = "list matching or all commands"},
	{.words = "prompt",
		.usage = "",
		.run = run_prompt,
		.help = "toggle interactive mode with prompt"},
	{.words = "quit", .usage = "", .run = run_quit, .help = "disconnect"},
	{0},
};

/* Commands that change a server. Words and messages are HAProxy's. */
#include "control/command.h"
#include "control/server_words.h"
#include "control/state.h"
#include "control/truth.h"

#include <stdio.h>
#include <string.h>

/* "BACKEND/SERVER" in word `at`. NULL: the answer says what is wrong. */
static struct server *server_in(struct command *cmd, unsigned at)
{
	const char *word = cmd->words[at], *slash = strchr(word, '/');
	struct backend *b = NULL;
	struct server *s = NULL;
	char name[256];

	if (!slash) {
		command_error(cmd, "Require 'backend/server'.");
		return NULL;
	}
	if ((size_t)(slash - word) < sizeof(name)) {
		snprintf(name, sizeof(name), "%.*s", (int)(slash - word), word);
		b = servers_find_backend(cmd->control->servers, name);
	}
	if (b)
		s = servers_find(b, slash + 1);
	if (!s)
		command_error(cmd, b ? "No such server." : "No such backend.");
	return s;
}

/* --- state, weight, limits --- */

/* Says it to all nodes, or to this one alone; the answer waits for the disk. False: it says what is wrong. */
static bool say(struct command *cmd, struct server *s, enum server_attr attr, const char *value)
{
	struct truth_by by = {cmd->by, cmd->local};
	const char *wrong = truth_set(cmd->control->truth, s, attr, value, &by);

	if (wrong)
		command_error(cmd, "%s", wrong);
	else
		state_save(cmd->control);
	return !wrong;
}

static void say_number(struct command *cmd, struct server *s, enum server_attr attr, uint32_t n)
{
	char value[16];

	snprintf(value, sizeof(value), "%u", n);
	say(cmd, s, attr, value);
}

static void set_state(struct command *cmd, struct server *s, const char *word)
{
	if (strcmp(word, "ready") == 0 || strcmp(word, "drain") == 0 || strcmp(word, "maint") == 0)
		say(cmd, s, ATTR_ADMIN, word);
	else
		command_error(
			cmd, "'set server <srv> state' expects 'ready', 'drain' and 'maint'.");
}

static void set_weight(struct command *cmd, struct server *s, const char *word)
{
	uint32_t weight;
	const char *wrong = server_words_weight(word, s->initial.weight, &weight);

	if (wrong)
		return command_error(cmd, "%s", wrong);
	say_number(cmd, s, ATTR_WEIGHT, weight);
}

static void set_health(struct command *cmd, struct server *s, const char *word)
{
	bool up = strcmp(word, "up") == 0;

	if (!up && strcmp(word, "down") != 0)
		return command_error(cmd, "'set server <srv> health' expects 'up' or 'down'.");
	servers_force_health(cmd->control->servers, s, up, cmd->by);
}

static void set_addr(struct command *cmd, struct server *s)
{
	struct addr addr = s->addr;
	char done[256], text[ADDR_TEXT_MAX];
	enum server_words_change change;

	if (!cmd->words[4][0])
		return command_error(
			cmd, "set server <b>/<s> addr requires an address and optionally a port.");
	change = server_words_addr(&cmd->words[4], &addr, done, sizeof(done));
	if (change == SERVER_WORDS_WRONG)
		return command_error(cmd, "%s by 'stats socket command'", done);
	if (change == SERVER_WORDS_CHANGED && !say(cmd, s, ATTR_ADDRESS, addr_format(&addr, text)))
		return;
	command_say(cmd, SEVERITY_WARNING, "%s by 'stats socket command'", done);
}

static void run_set_server(struct command *cmd)
{
	struct server *s = server_in(cmd, 2);
	const char *what = cmd->words[3];

	if (!s)
		return;
	if (strcmp(what, "state") == 0)
		set_state(cmd, s, cmd->words[4]);
	else if (strcmp(what, "weight") == 0)
		set_weight(cmd, s, cmd->words[4]);
	else if (strcmp(what, "health") == 0)
		set_health(cmd, s, cmd->words[4]);
	else if (strcmp(what, "addr") == 0)
		set_addr(cmd, s);
	else
		command_error(
			cmd, "usage: set server <backend>/<server> addr | health | state | weight");
}

static void run_enable(struct command *cmd)
{
	struct server *s = server_in(cmd, 2);

	if (s)
		say(cmd, s, ATTR_ADMIN, "ready");
}

static void run_disable(struct command *cmd)
{
	struct server *s = server_in(cmd, 2);

	if (s)
		say(cmd, s, ATTR_ADMIN, "maint");
}

static void run_set_weight(struct command *cmd)
{
	struct server *s = server_in(cmd, 2);

	if (s)
		set_weight(cmd, s, cmd->words[3]);
}

static void run_get_weight(struct command *cmd)
{
	const struct server *s = server_in(cmd, 2);

	if (s)
		expo_fmt(cmd->out, "%u (initial %u)\n", s->weight, s->initial.weight);
}

static void run_set_maxconn(struct command *cmd)
{
	struct server *s = server_in(cmd, 3);
	uint32_t max;

	if (!s)
		return;
	if (!cmd->words[4][0])
		return command_error(cmd, "Require <maxconn>.");
	if (!server_words_number(cmd->words[4], UINT32_MAX, &max))
		return command_error(cmd, "maxconn string empty or preceded by garbage");
	say_number(cmd, s, ATTR_MAX_CONNECTIONS, max);
}

/* --- servers that come and go --- */

static void run_add(struct command *cmd)
{
	struct config_server conf;
	struct truth_by by = {cmd->by, cmd->local};
	struct backend *b;
	const char *error;
	char name[256], wrong[256];
	const char *slash = strchr(cmd->words[2], '/');

	if (!slash)
		return command_error(cmd, "Require 'backend/server'.");
	snprintf(name, sizeof(name), "%.*s", (int)(slash - cmd->words[2]), cmd->words[2]);
	b = servers_find_backend(cmd->control->servers, name);
	if (!b)
		return command_error(cmd, "No such backend.");
	if (!server_words_new(slash + 1, &cmd->words[3], &conf, wrong, sizeof(wrong)))
		return command_error(cmd, "%s", wrong);
	error = truth_add(cmd->control->truth, b, &conf, &by);
	if (error)
		return command_error(cmd, "%s", error);
	state_save(cmd->control);
	command_say(cmd, SEVERITY_INFO, "New server registered.");
}

static void run_del(struct command *cmd)
{
	struct server *s = server_in(cmd, 2);
	struct truth_by by = {cmd->by, cmd->local};
	const char *error;

	if (!s)
		return;
	error = truth_del(cmd->control->truth, s, &by);
	if (error)
		return command_error(cmd, "%s", error);
	state_save(cmd->control);
	command_say(cmd, SEVERITY_INFO, "Server deleted.");
}

static void run_shutdown(struct command *cmd)
{
	const struct server *s = server_in(cmd, 3);
	struct order order = {.kind = ORDER_CLOSE_SERVER, .reason = END_SERVER_SHUTDOWN};

	if (!s)
		return;
	order.server = s->id;
	control_order_all(cmd->control, &order);
}

enum { CHANGES = COMMAND_CHANGES | COMMAND_LOCAL };

const struct command_def commands_server[] = {
	{.words = "add server",
		.usage = " <bk>/<srv> <addr>:<port> [opts]*",
		.run = run_add,
		.level = LEVEL_ADMIN,
		.flags = CHANGES,
		.help = "create a new server, in maintenance"},
	{.words = "del server",
		.usage = " <bk>/<srv>",
		.run = run_del,
		.level = LEVEL_ADMIN,
		.flags = CHANGES,
		.help = "remove a server that is in maintenance"},
	{.words = "disable server",
		.usage = " <bk>/<srv>",
		.run = run_disable,
		.level = LEVEL_ADMIN,
		.flags = CHANGES,
		.help = "disable a server for maintenance"},
	{.words = "enable server",
		.usage = " <bk>/<srv>",
		.run = run_enable,
		.level = LEVEL_ADMIN,
		.flags = CHANGES,
		.help = "enable a disabled server"},
	{.words = "get weight",
		.usage = " <bk>/<srv>",
		.run = run_get_weight,
		.help = "report a server's current weight"},
	{.words = "set maxconn server",
		.usage = " <bk>/<srv> <n>",
		.run = run_set_maxconn,
		.level = LEVEL_ADMIN,
		.flags = CHANGES,
		.help = "change a server's connection limit"},
	{.words = "set server",
		.usage = " <bk>/<srv> [opts]",
		.run = run_set_server,
		.level = LEVEL_ADMIN,
		.flags = CHANGES,
		.help = "change a server's state, weight, address or health"},
	{.words = "set weight",
		.usage = " <bk>/<srv> <n>|<n>%",
		.run = run_set_weight,
		.level = LEVEL_ADMIN,
		.flags = CHANGES,
		.help = "change a server's weight"},
	{.words = "shutdown sessions server",
		.usage = " <bk>/<srv>",
		.run = run_shutdown,
		.level = LEVEL_ADMIN,
		.flags = CHANGES,
		.help = "kill sessions on a server"},
	{0},
};

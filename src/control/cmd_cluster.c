/* What this node and the cluster think: health and events. */
#include "control/command.h"
#include "control/server_words.h"
#include "control/stat.h"
#include "log.h"

#include <stdlib.h>
#include <string.h>

static bool wants_json(const struct command *cmd)
{
	return strcmp(cmd->words[cmd->n_words - 1], "json") == 0;
}

/* --- show health --- */

static const char *time_or_never(uint64_t wall_us, char buf[LOG_TIME_MAX])
{
	return wall_us ? log_time(wall_us, buf) : "never";
}

static void write_health(struct command *cmd, const struct server *s)
{
	static const char *const admin_names[] = {
		[SERVER_READY] = "ready", [SERVER_DRAIN] = "drain", [SERVER_MAINT] = "maint"};
	char words[CHECK_CAUSE_MAX];
	char addr[ADDR_TEXT_MAX], status[32], since[LOG_TIME_MAX], checked[LOG_TIME_MAX];

	expo_fmt(cmd->out, "%s/%s %s: %s since %s, admin %s", s->backend->conf->name, s->name,
		addr_format(&s->addr, addr), server_status(s, status),
		time_or_never(s->last_change_wall_us, since), admin_names[s->admin]);
	if (s->checks_enabled) {
		expo_fmt(cmd->out, "; %s checked %s: %s %s", cmd->control->config->node,
			time_or_never(s->last_check_wall_us, checked),
			check_statuses[s->last_check.status].haproxy, check_words(s, words));
	} else {
		expo_str(cmd->out, "; not checked");
	}
	expo_char(cmd->out, '\n');
}

static void run_health(struct command *cmd)
{
	const struct servers *all = cmd->control->servers;

	if (wants_json(cmd))
		return command_json(cmd, health_json(cmd->control));
	for (size_t i = 0; i < servers_backends(all); i++) {
		const struct backend *b = servers_backend(all, i);

		for (size_t k = 0; k < b->n_servers; k++)
			write_health(cmd, b->servers[k]);
	}
}

/* --- show events --- */

static void run_events(struct command *cmd)
{
	const struct events *e = cmd->control->events;
	size_t n = events_count(e);
	uint32_t wanted = 0;
	char when[LOG_TIME_MAX];

	if (cmd->words[2][0] && strcmp(cmd->words[2], "json") != 0 &&
		!server_words_number(cmd->words[2], UINT32_MAX, &wanted))
		return command_error(cmd, "Expects the number of events.");
	if (wants_json(cmd))
		return command_json(cmd, events_json(cmd->control, wanted));
	for (size_t i = wanted && wanted < n ? n - wanted : 0; i < n; i++)
		expo_fmt(cmd->out, "%s %s\n", log_time(events_at(e, i)->wall_us, when),
			events_at(e, i)->text);
}

const struct command_def commands_cluster[] = {
	{.words = "show events",
		.usage = " [<n>] [json]",
		.run = run_events,
		.help = "the last state changes, with time and cause"},
	{.words = "show health",
		.usage = " [json]",
		.run = run_health,
		.help = "each server's health, as this node sees it, and why"},
	{0},
};

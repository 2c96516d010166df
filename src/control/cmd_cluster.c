/* What has happened: events. */
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
	{0},
};

/* `reload`: answered when the configuration was taken up, or refused with every error. */
#include "control/command.h"
#include "control/reload.h"

#include <stdlib.h>

struct reload_state {
	struct reload_waiter waiter;
	struct command *cmd;
	struct expo errors;
	bool refused, done;
};

static void on_done(void *arg, char *const *errors, size_t n_errors)
{
	struct reload_state *s = arg;

	for (size_t i = 0; i < n_errors; i++)
		expo_fmt(&s->errors, "%s%s", i > 0 ? "\n" : "", errors[i]);
	s->refused = n_errors > 0;
	s->done = true;
	command_resume(s->cmd);
}

static bool answer(struct command *cmd)
{
	struct reload_state *s = cmd->state;

	if (s->refused)
		command_error(cmd, "%.*s", (int)s->errors.len, s->errors.buf);
	return false;
}

static void state_free(void *state)
{
	struct reload_state *s = state;

	reload_forget(&s->waiter);
	expo_release(&s->errors);
	free(s);
}

static void run_reload(struct command *cmd)
{
	struct reload_state *s = calloc(1, sizeof(*s));

	if (!s)
		return command_error(cmd, "Out of memory.");
	s->cmd = cmd;
	expo_init(&s->errors);
	s->waiter = (struct reload_waiter){.done = on_done, .arg = s};
	list_init(&s->waiter.waits);
	cmd->state = s;
	cmd->state_free = state_free;
	cmd->more = answer;
	cmd->waiting = true;
	cmd->control->request_reload(cmd->control->reload, cmd->by, &s->waiter);
}

const struct command_def commands_reload[] = {
	{.words = "reload",
		.usage = "",
		.run = run_reload,
		.help = "takes up the configuration file as it is now",
		.level = LEVEL_ADMIN,
		.flags = COMMAND_CHANGES},
	{0},
};

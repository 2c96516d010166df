/* `upgrade`: answered when the new program serves, or with why it does not. */
#include "control/command.h"
#include "control/upgrade.h"

#include <stdlib.h>
#include <string.h>

struct upgrade_state {
	struct upgrade_waiter waiter;
	struct command *cmd;
	char why[512];
	int pid;
	bool failed, done;
	bool starting; /* the answer may come before it is waited for */
};

static void on_done(void *arg, const char *why, int pid)
{
	struct upgrade_state *s = arg;

	s->failed = why != NULL;
	s->pid = pid;
	s->done = true;
	snprintf(s->why, sizeof(s->why), "%s", why ? why : "");
	if (!s->starting)
		command_resume(s->cmd);
}

static bool answer(struct command *cmd)
{
	struct upgrade_state *s = cmd->state;

	if (s->failed)
		command_error(cmd, "%s", s->why);
	else
		command_say(cmd, SEVERITY_INFO, "Process %d has taken over.", s->pid);
	return false;
}

static void state_free(void *state)
{
	struct upgrade_state *s = state;

	upgrade_forget(&s->waiter);
	free(s);
}

static void run_upgrade(struct command *cmd)
{
	struct upgrade_state *s = calloc(1, sizeof(*s));

	if (!s)
		return command_error(cmd, "Out of memory.");
	s->cmd = cmd;
	s->waiter = (struct upgrade_waiter){.done = on_done, .arg = s};
	list_init(&s->waiter.waits);
	cmd->state = s;
	cmd->state_free = state_free;
	cmd->more = answer;
	s->starting = true;
	cmd->control->request_upgrade(cmd->control->upgrade, cmd->by, &s->waiter);
	s->starting = false;
	cmd->waiting = !s->done;
}

const struct command_def commands_upgrade[] = {
	{.words = "upgrade",
		.usage = "",
		.run = run_upgrade,
		.help = "replaces the running program by the one on disk",
		.level = LEVEL_ADMIN,
		.flags = COMMAND_CHANGES},
	{0},
};

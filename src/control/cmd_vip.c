/* Planned moves of virtual addresses. */
#include "control/command.h"
#include "control/vip.h"

#include <stdlib.h>
#include <string.h>

/* A command that waits for the handover. */
struct move {
	struct command *cmd;
	struct vip *vip;
	bool started, ended, ok;
	char address[64], node[256];
	const char *text;
};

static void on_moved(void *arg, bool ok, const char *text)
{
	struct move *m = arg;

	m->ended = true;
	m->ok = ok;
	m->text = text;
	if (m->started)
		command_resume(m->cmd);
}

static bool answer(struct command *cmd)
{
	const struct move *m = cmd->state;

	if (!m->ended)
		return true;
	if (m->ok)
		command_say(cmd, SEVERITY_INFO, "%s is on %s.", m->address, m->node);
	else
		command_error(cmd, "%s was not moved to %s: %s.", m->address, m->node, m->text);
	return false;
}

static void free_move(void *state)
{
	struct move *m = state;

	vip_move_cancel(m->vip, m);
	free(m);
}

static void refuse(struct command *cmd, enum elect_order order)
{
	const char *address = cmd->words[2], *node = cmd->words[4];

	if (order == ELECT_THERE)
		return command_say(cmd, SEVERITY_INFO, "%s is on %s already.", address, node);
	if (order == ELECT_NO_NODE)
		return command_error(cmd, "No such balancer, or it is not alive: %s.", node);
	command_error(cmd, "%s cannot be moved to %s: %s.", address, node, elect_order_text(order));
}

static void start_move(struct command *cmd, size_t slot)
{
	struct move *m = calloc(1, sizeof(*m));
	enum elect_order order;

	if (!m)
		return command_error(cmd, "Out of memory.");
	m->cmd = cmd;
	m->vip = cmd->control->vip;
	strncpy(m->address, cmd->words[2], sizeof(m->address) - 1);
	strncpy(m->node, cmd->words[4], sizeof(m->node) - 1);
	cmd->state = m;
	cmd->state_free = free_move;
	cmd->more = answer;
	order = vip_move(m->vip, slot, m->node, (struct vip_wait){on_moved, m});
	if (order != ELECT_STARTED) {
		command_end(cmd);
		return refuse(cmd, order);
	}
	m->started = true;
	cmd->waiting = !m->ended;
}

static void run_move(struct command *cmd)
{
	size_t slot;

	if (cmd->n_words != 5 || strcmp(cmd->words[3], "to") != 0)
		return command_error(
			cmd, "Expects an address and a node: move vip <addr> to <node>.");
	if (!cmd->control->vip)
		return command_error(cmd, "This node has no virtual addresses: ask a balancer.");
	if (!vip_find(cmd->control->vip, cmd->words[2], &slot))
		return command_error(cmd, "No such virtual address: %s.", cmd->words[2]);
	start_move(cmd, slot);
}

const struct command_def commands_vip[] = {
	{.words = "move vip",
		.usage = " <addr> to <node>",
		.run = run_move,
		.help = "hands a virtual address over to a node",
		.level = LEVEL_ADMIN,
		.flags = COMMAND_CHANGES},
	{0},
};

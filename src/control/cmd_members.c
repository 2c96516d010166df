/* Who is in the cluster: to show it, to leave it, to strike off who will not return. */
#include "control/command.h"
#include "control/stat.h"
#include "control/state.h"
#include "control/store.h"
#include "control/vip.h"

#include <stdlib.h>
#include <string.h>

static void run_show(struct command *cmd)
{
	if (strcmp(cmd->words[cmd->n_words - 1], "json") == 0)
		return command_json(cmd, cluster_json(cmd->control));
	cluster_text(cmd->control, cmd->out);
}

static bool refuse_alone(struct command *cmd)
{
	if (cluster_enabled(cmd->control->cluster))
		return false;
	command_error(cmd, "No cluster is configured: this node stands alone.");
	return true;
}

/* --- leave --- */

/* Outlives its command where the client goes away: addresses are handed over all the same. */
struct leaving {
	struct control *control;
	struct command *cmd; /* NULL: nobody waits any more */
	struct store_waiter kept;
	bool done;
};

static void finish_leaving(void *arg)
{
	struct leaving *l = arg;

	l->done = true;
	if (l->cmd)
		command_resume(l->cmd);
	else
		free(l);
}

static void on_handed_over(void *arg)
{
	struct leaving *l = arg;

	cluster_leave(l->control->cluster);
	state_save(l->control);
	l->kept = (struct store_waiter){.cb = finish_leaving, .arg = l};
	if (!store_wait(l->control->store, &l->kept))
		finish_leaving(l);
}

static void forget_client(void *state)
{
	struct leaving *l = state;

	l->cmd = NULL;
	if (l->done)
		free(l);
}

static bool say_left(struct command *cmd)
{
	command_say(cmd, SEVERITY_NOTICE,
		"This node has left the cluster%s. It serves what reaches its own addresses until "
		"it "
		"is stopped; a restart joins again.",
		cmd->control->vip ? ", its addresses are handed over, and it votes no more" : "");
	return false;
}

static void run_leave(struct command *cmd)
{
	struct cluster_standing s;
	struct leaving *l;

	if (refuse_alone(cmd))
		return;
	cluster_standing(cmd->control->cluster, &s);
	if (s.left)
		return command_error(cmd, "This node has left the cluster already.");
	if (!cmd->control->vip) {
		cluster_leave(cmd->control->cluster);
		say_left(cmd);
		return;
	}
	l = calloc(1, sizeof(*l));
	if (!l)
		return command_error(cmd, "Out of memory.");
	*l = (struct leaving){.control = cmd->control, .cmd = cmd};
	cmd->state = l;
	cmd->state_free = forget_client;
	cmd->more = say_left;
	cmd->waiting = true;
	vip_stop(cmd->control->vip, true, on_handed_over, l);
}

/* --- forget --- */

static void refuse_forget(struct command *cmd, const struct cluster_member *m)
{
	if (m->self)
		command_error(cmd, "%s is this node: `leave` it.", m->name);
	else
		command_error(cmd, "%s is %s: stop it, or `leave` the cluster there.", m->name,
			cluster_state_word(m->state));
}

/* Its voice, where it had one. False: said why not. */
static bool strike_voter(struct command *cmd, const char *name, bool is_member)
{
	enum elect_order order = vip_forget(cmd->control->vip, name);

	if (order == ELECT_STRUCK || (order == ELECT_NO_NODE && is_member))
		return true;
	if (order == ELECT_NO_NODE)
		command_error(cmd, "No such node.");
	else
		command_error(cmd, "%s: %s.", name, elect_order_text(order));
	return false;
}

static void run_forget(struct command *cmd)
{
	struct cluster *cl = cmd->control->cluster;
	const char *name = cmd->words[1];
	const struct cluster_member *m;
	uint64_t id;

	if (refuse_alone(cmd))
		return;
	if (!name[0] || cmd->words[2][0])
		return command_error(cmd, "Expects the name of a node.");
	m = cluster_find_name(cl, name);
	if (m && (m->self || m->state == CLUSTER_ALIVE || m->state == CLUSTER_SUSPECT))
		return refuse_forget(cmd, m);
	if (!cmd->control->vip && (!m || m->balancer))
		return command_error(cmd,
			m ? "%s is a balancer, and votes: forget it on another balancer."
			  : "No such node: %s.",
			name);
	id = m ? m->id : 0;
	if (cmd->control->vip && !strike_voter(cmd, name, id != 0))
		return;
	if (id)
		cluster_forget(cl, id);
	state_save(cmd->control);
	command_say(cmd, SEVERITY_NOTICE, "%s is forgotten.", name);
}

const struct command_def commands_members[] = {
	{.words = "show cluster",
		.usage = " [json]",
		.run = run_show,
		.help = "members, virtual addresses, quorum, and what to look at"},
	{.words = "leave",
		.usage = "",
		.run = run_leave,
		.help = "leave the cluster: addresses are handed over, and this node votes no more",
		.level = LEVEL_ADMIN,
		.flags = COMMAND_CHANGES},
	{.words = "forget",
		.usage = " <node>",
		.run = run_forget,
		.help = "strike off a node that is dead, or has left, and will not return",
		.level = LEVEL_ADMIN,
		.flags = COMMAND_CHANGES},
	{0},
};

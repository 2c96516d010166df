/* What this node and the others see of each server, and what the cluster makes of it. */
#include "control/command.h"
#include "control/shared_health.h"
#include "control/stat.h"
#include "log.h"

#include <string.h>

static const char *time_or_never(uint64_t wall_us, char buf[LOG_TIME_MAX])
{
	return wall_us ? log_time(wall_us, buf) : "never";
}

/* Why this node goes by what it goes by, where that is not its own check alone. */
static const char *remark(
	const struct shared_health *h, const struct server *s, const struct health_views *v)
{
	if (!s->checks_enabled || s->admin == SERVER_MAINT)
		return "";
	if (!s->judged)
		return health_adopted(v) == HEALTH_UNKNOWN ? ", not checked here yet"
							   : ", as the others see it until it is "
							     "checked here";
	if (shared_health_is_lost(h, s))
		return ", unreachable from here only";
	return "";
}

static void write_server(struct command *cmd, const struct server *s)
{
	static const char *const admin_names[] = {
		[SERVER_READY] = "ready", [SERVER_DRAIN] = "drain", [SERVER_MAINT] = "maint"};
	const struct shared_health *h = cmd->control->shared_health;
	struct health_views v = shared_health_count(h, s);
	char addr[ADDR_TEXT_MAX], status[32], since[LOG_TIME_MAX];

	expo_fmt(cmd->out, "%s/%s %s: %s%s since %s, admin %s; cluster %s", s->backend->conf->name,
		s->name, addr_format(&s->addr, addr), server_status(s, status), remark(h, s, &v),
		time_or_never(s->last_change_wall_us, since), admin_names[s->admin],
		cluster_health_word(cmd->control, s));
	if (v.others_up + v.others_down > 0)
		expo_fmt(cmd->out, " (%u up, %u down)", v.others_up + (v.own == HEALTH_UP),
			v.others_down + (v.own == HEALTH_DOWN));
	expo_str(cmd->out, s->checks_enabled ? "\n" : "; not checked\n");
}

static void write_view(
	struct command *cmd, const struct server *s, const struct shared_view *v, bool own)
{
	char words[CHECK_CAUSE_MAX], checked[LOG_TIME_MAX];

	expo_fmt(cmd->out, "  %s: %s, checked %s: %s %s%s\n", v->node, shared_view_word(v->state),
		time_or_never(v->checked_wall_us, checked), check_statuses[v->status].haproxy,
		own ? check_words(s, words) : shared_view_last(v, words),
		v->fresh ? "" : " (that node does not answer: its view counts for nothing)");
}

static void write_health(struct command *cmd, const struct server *s)
{
	struct shared_view views[SHARED_VIEWS_MAX];
	size_t n = shared_health_views(cmd->control->shared_health, s, views);

	write_server(cmd, s);
	for (size_t i = 0; s->checks_enabled && i < n; i++)
		write_view(cmd, s, &views[i], i == 0);
}

static void run_health(struct command *cmd)
{
	const struct servers *all = cmd->control->servers;

	if (strcmp(cmd->words[2], "json") == 0)
		return command_json(cmd, health_json(cmd->control));
	for (size_t i = 0; i < servers_backends(all); i++) {
		const struct backend *b = servers_backend(all, i);

		for (size_t k = 0; k < b->n_servers; k++)
			write_health(cmd, b->servers[k]);
	}
}

const struct command_def commands_health[] = {
	{.words = "show health",
		.usage = " [json]",
		.run = run_health,
		.help = "each server's health, as each node sees it, and why"},
	{0},
};

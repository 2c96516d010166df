/* Tables about backends and servers, and the views for debugging. */
#include "config-build.h"

#include "control/command.h"
#include "control/sampler.h"

#include <stdlib.h>
#include <string.h>

static void run_version(struct command *cmd)
{
	command_say(cmd, SEVERITY_INFO, "%s", PACKAGE_VERSION);
}

static void run_backend(struct command *cmd)
{
	const struct servers *all = cmd->control->servers;

	expo_str(cmd->out, "# name\n");
	for (size_t i = 0; i < servers_backends(all); i++)
		expo_fmt(cmd->out, "%s\n", servers_backend(all, i)->conf->name);
}

/* --- show servers state: HAProxy's format 1, read by its own reload and by scripts --- */

enum { OP_STOPPED = 0, OP_RUNNING = 2, ADMIN_FORCED_MAINT = 1, ADMIN_FORCED_DRAIN = 8 };
enum { RESULT_UNKNOWN = 0, RESULT_FAILED = 2, RESULT_PASSED = 3 };
enum { CHECK_CONFIGURED = 2, CHECK_ENABLED = 4, CHECK_PAUSED = 8 };

/* The number that HAProxy 2.6 gives to one of its check statuses. */
static unsigned haproxy_check_number(const struct server *s)
{
	static const struct {
		const char *code;
		unsigned number;
	} known[] = {{"SOCKERR", 5}, {"L4OK", 6}, {"L4TOUT", 7}, {"L4CON", 8}, {"L6OK", 9},
		{"L6TOUT", 10}, {"L6RSP", 11}, {"L7TOUT", 12}, {"L7RSP", 13}, {"L7OK", 15},
		{"L7STS", 17}};
	const char *code = check_statuses[s->last_check.status].haproxy;

	for (size_t i = 0; s->checks_enabled && i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(code, known[i].code) == 0)
			return known[i].number;
	return 1; /* INI: none done yet */
}

static unsigned check_result(const struct server *s)
{
	if (!s->checks_enabled || s->last_check.status == CHECK_INI)
		return RESULT_UNKNOWN;
	return check_statuses[s->last_check.status].ok ? RESULT_PASSED : RESULT_FAILED;
}

static unsigned check_state(const struct server *s)
{
	if (!s->checks_enabled)
		return 0;
	return CHECK_CONFIGURED | CHECK_ENABLED | (s->admin == SERVER_MAINT ? CHECK_PAUSED : 0);
}

static unsigned op_state(const struct server *s)
{
	return server_is_up(s) && s->admin != SERVER_MAINT ? OP_RUNNING : OP_STOPPED;
}

static unsigned admin_state(const struct server *s)
{
	if (s->admin == SERVER_MAINT)
		return ADMIN_FORCED_MAINT;
	return s->admin == SERVER_DRAIN ? ADMIN_FORCED_DRAIN : 0;
}

static void write_server_state(struct command *cmd, const struct server *s)
{
	unsigned iid = (unsigned)cmd->control->config->n_listeners + s->backend->index + 1;
	char addr[ADDR_TEXT_MAX];

	expo_fmt(cmd->out, "%u %s %u %s %s %u %u %u %u %llu %u %u %d %u 0 0 0 - %u - 0 %u - - 0\n",
		iid, s->backend->conf->name, s->number, s->name, addr_format_ip(&s->addr, addr),
		op_state(s), admin_state(s), s->weight, s->initial.weight,
		(unsigned long long)mono_diff_us(s->last_change, mono_now()) / 1000000,
		haproxy_check_number(s), check_result(s), s->checks_enabled ? s->health.score : 0,
		check_state(s), s->addr.port, s->health_port);
}

struct state_dump {
	size_t backend, server;
	bool one; /* only the backend it begins with */
};

static bool state_more(struct command *cmd)
{
	const struct servers *all = cmd->control->servers;
	struct state_dump *d = cmd->state;

	while (d->backend < servers_backends(all)) {
		const struct backend *b = servers_backend(all, d->backend);

		if (d->server < b->n_servers) {
			write_server_state(cmd, b->servers[d->server++]);
			return true;
		}
		if (d->one)
			break;
		d->backend++;
		d->server = 0;
	}
	return false;
}

static void run_servers_state(struct command *cmd)
{
	const struct backend *b = servers_find_backend(cmd->control->servers, cmd->words[3]);
	struct state_dump *d;

	if (cmd->words[3][0] && !b)
		return command_error(cmd, "Can't find backend.");
	d = calloc(1, sizeof(*d));
	if (!d)
		return command_error(cmd, "Out of memory.");
	d->backend = b ? b->index : 0;
	d->one = b != NULL;
	expo_str(cmd->out,
		"1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state "
		"srv_uweight "
		"srv_iweight srv_time_since_last_change srv_check_status srv_check_result "
		"srv_check_health "
		"srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port "
		"srvrecord "
		"srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port\n");
	cmd->state = d;
	cmd->state_free = free;
	cmd->more = state_more;
}

/* --- show activity: what each worker's loop does --- */

static void activity_line(struct command *cmd, const char *name, size_t offset)
{
	const struct control *c = cmd->control;

	expo_fmt(cmd->out, "%s: %llu [", name, (unsigned long long)control_sum(c, offset));
	for (size_t i = 0; i < c->n_workers; i++) {
		const void *at = (const char *)c->workers[i].tally + offset;

		expo_fmt(cmd->out, " %llu", (unsigned long long)tally_get(at));
	}
	expo_str(cmd->out, " ]\n");
}

static void run_activity(struct command *cmd)
{
	static const struct {
		const char *name;
		size_t offset;
	} lines[] = {
		{"loops", offsetof(struct tally, loops)},
		{"busy_us", offsetof(struct tally, busy_us)},
		{"accept_pauses", offsetof(struct tally, accept_pauses)},
		{"pipes_free", offsetof(struct tally, pipes_free)},
		{"spliced_bytes", offsetof(struct tally, spliced_bytes)},
		{"access_dropped", offsetof(struct tally, access_dropped)},
	};
	const struct sampler_process *p = sampler_process(cmd->control->sampler);

	expo_fmt(cmd->out,
		"workers: %zu\nconfigurations: %u\nidle_pct: %u\nlongest_loop_us: %llu\n",
		cmd->control->n_workers, generations_in_use(cmd->control->generations), p->idle_pct,
		(unsigned long long)p->loop_delay_max_us);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		activity_line(cmd, lines[i].name, lines[i].offset);
	for (unsigned i = 0; i < END_REASONS; i++) {
		char name[64] = "ended_";

		strncat(name, end_reasons[i].name, sizeof(name) - sizeof("ended_"));
		activity_line(cmd, name, offsetof(struct tally, ended) + i * sizeof(tally_t));
	}
}

const struct command_def commands_show[] = {
	{.words = "show activity",
		.usage = "",
		.run = run_activity,
		.level = LEVEL_OPERATOR,
		.help = "what each worker's loop did, and why connections ended"},
	{.words = "show backend",
		.usage = "",
		.run = run_backend,
		.help = "list backends in the current running config"},
	{.words = "show servers state",
		.usage = " [<backend>]",
		.run = run_servers_state,
		.help = "dump volatile server information (all or for a single backend)"},
	{.words = "show version",
		.usage = "",
		.run = run_version,
		.help = "show version of the current process"},
	{0},
};

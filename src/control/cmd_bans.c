/* Bans: who is refused on every node of the cluster. */
#include "control/bans.h"
#include "control/cluster.h"
#include "control/command.h"
#include "control/state.h"
#include "log.h"

#include <stdio.h>
#include <string.h>

/* --- what is said --- */

/* "10.1.2.3/24" means 10.1.2.0/24 to most people, but who bans a network should have written one. */
static bool read_prefix(struct command *cmd, const char *word, struct addr_prefix *ret)
{
	if (!*word) {
		command_error(cmd, "Require an address, or a network such as 192.0.2.0/24.");
		return false;
	}
	if (addr_parse_prefix(word, ret))
		return true;
	command_error(cmd,
		"'%.64s' is no address and no network; expected 192.0.2.1, 192.0.2.0/24 or "
		"2001:db8::/32, with no bits set behind the length.",
		word);
	return false;
}

/* Words from `at` on, one space between them; what is not printable ASCII becomes '?'. */
static void read_reason(const struct command *cmd, unsigned at, char reason[BAN_REASON_MAX + 1])
{
	size_t n = 0;

	for (; at < cmd->n_words && n < BAN_REASON_MAX; at++) {
		if (n > 0)
			reason[n++] = ' ';
		for (const char *p = cmd->words[at]; *p && n < BAN_REASON_MAX; p++)
			reason[n++] = *p >= ' ' && *p <= '~' ? *p : '?';
	}
	reason[n] = '\0';
}

static void run_ban(struct command *cmd)
{
	bool timed = strcmp(cmd->words[2], "for") == 0;
	struct ban_value v = {0};
	struct addr_prefix p;
	const char *wrong;

	if (!read_prefix(cmd, cmd->words[1], &p))
		return;
	if (timed && !ban_duration(cmd->words[3], &v.for_ms))
		return command_error(cmd,
			"'%.32s' is no time; expected one such as 2h, 30m, or seconds.",
			cmd->words[3]);
	read_reason(cmd, timed ? 4 : 2, v.reason);
	wrong = bans_set(cmd->control->bans, &p, &v);
	if (wrong)
		return command_error(cmd, "%s", wrong);
	state_save(cmd->control);
}

static void run_unban(struct command *cmd)
{
	struct addr_prefix p;
	const char *wrong;

	if (!read_prefix(cmd, cmd->words[1], &p))
		return;
	wrong = bans_lift(cmd->control->bans, &p);
	if (wrong)
		return command_error(cmd, "%s", wrong);
	state_save(cmd->control);
}

/* --- show bans --- */

static const char *node_of(const struct control *c, const struct ban *ban)
{
	const struct cluster_member *m = cluster_find(c->cluster, ban->origin);

	return m ? m->name : "?";
}

static uint64_t left_s(const struct ban *ban, struct mono now)
{
	return mono_diff_us(now, ban->due) / 1000000;
}

/* "1d2h", "2h5m", "3m20s", "9s" */
static const char *spell(uint64_t s, char buf[32])
{
	if (s >= 86400)
		snprintf(buf, 32, "%llud%lluh", (unsigned long long)s / 86400,
			(unsigned long long)s % 86400 / 3600);
	else if (s >= 3600)
		snprintf(buf, 32, "%lluh%llum", (unsigned long long)s / 3600,
			(unsigned long long)s % 3600 / 60);
	else if (s >= 60)
		snprintf(buf, 32, "%llum%llus", (unsigned long long)s / 60,
			(unsigned long long)s % 60);
	else
		snprintf(buf, 32, "%llus", (unsigned long long)s);
	return buf;
}

static void write_ban(struct command *cmd, const struct ban *ban, struct mono now)
{
	char key[BAN_KEY_MAX], since[LOG_TIME_MAX], left[32];

	expo_str(cmd->out, ban_key_format(&ban->prefix, key));
	if (ban->due.us)
		expo_fmt(cmd->out, " for another %s", spell(left_s(ban, now), left));
	else
		expo_str(cmd->out, " until unban");
	expo_fmt(cmd->out, ", since %s by %s", log_time(ban->stamp * 1000, since),
		node_of(cmd->control, ban));
	if (ban->value.reason[0])
		expo_fmt(cmd->out, ": %s", ban->value.reason);
	expo_char(cmd->out, '\n');
}

static void run_show(struct command *cmd)
{
	const struct bans *b = cmd->control->bans;
	struct mono now = mono_now();

	if (strcmp(cmd->words[2], "json") == 0)
		return command_json(cmd, bans_json(cmd->control));
	for (size_t i = 0; i < bans_count(b); i++)
		write_ban(cmd, bans_at(b, i), now);
}

static json_t *ban_json(const struct control *c, const struct ban *ban, struct mono now)
{
	char key[BAN_KEY_MAX], since[LOG_TIME_MAX], until[LOG_TIME_MAX];
	uint64_t left_us = mono_diff_us(now, ban->due);

	return json_pack("{s:s,s:s,s:o,s:o,s:s,s:s}", "address", ban_key_format(&ban->prefix, key),
		"since", log_time(ban->stamp * 1000, since), "until",
		ban->due.us ? json_string(log_time(log_wall_us() + left_us, until)) : json_null(),
		"left_s", ban->due.us ? json_integer((json_int_t)left_s(ban, now)) : json_null(),
		"node", node_of(c, ban), "reason", ban->value.reason);
}

json_t *bans_json(struct control *c)
{
	json_t *array = json_array();
	struct mono now = mono_now();

	for (size_t i = 0; array && i < bans_count(c->bans); i++)
		if (json_array_append_new(array, ban_json(c, bans_at(c->bans, i), now)) < 0) {
			json_decref(array);
			array = NULL;
		}
	return array;
}

const struct command_def commands_bans[] = {
	{.words = "ban",
		.usage = " <addr>[/<len>] [for <time>] [reason]*",
		.run = run_ban,
		.level = LEVEL_ADMIN,
		.flags = COMMAND_CHANGES,
		.help = "refuse a source on every node"},
	{.words = "unban",
		.usage = " <addr>[/<len>]",
		.run = run_unban,
		.level = LEVEL_ADMIN,
		.flags = COMMAND_CHANGES,
		.help = "lift a ban"},
	{.words = "show bans",
		.usage = " [json]",
		.run = run_show,
		.help = "who is refused, for how long and why"},
	{0},
};

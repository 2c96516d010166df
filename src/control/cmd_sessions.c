/* Commands about open sessions and refused hellos: the workers know them, so these wait for
 * their lists. */
#include "control/admin.h"
#include "control/command.h"
#include "control/listing.h"
#include "log.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Of the whole process: what one answer costs in memory is bounded, whatever is open. */
enum { SESSIONS_LISTED = 16384, ERRORS_LISTED = 256 };

struct sessions_dump {
	struct listing *listing;
	size_t report, entry; /* the next to be written */
	uint64_t wanted;      /* one session only; 0: all */
	size_t written;
	uint32_t max; /* asked of each worker */
};

static void dump_free(void *state)
{
	struct sessions_dump *d = state;

	listing_free(d->listing);
	free(d);
}

static void on_listed(void *arg)
{
	command_resume(arg);
}

/* `more` is called when the workers have answered. NULL: the answer says why not. */
static struct sessions_dump *ask_workers(
	struct command *cmd, enum order_kind kind, size_t total, bool (*more)(struct command *cmd))
{
	struct sessions_dump *d = calloc(1, sizeof(*d));

	if (!d) {
		command_error(cmd, "Out of memory.");
		return NULL;
	}
	d->max = (uint32_t)(total / cmd->control->n_workers + 1);
	d->listing =
		listing_start(admin_listings(cmd->control->admin), kind, d->max, on_listed, cmd);
	cmd->state = d;
	cmd->state_free = dump_free;
	if (!d->listing) {
		command_error(cmd, "Too many listings under way, try again.");
		return NULL;
	}
	cmd->more = more;
	cmd->waiting = true;
	return d;
}

/* --- show sess --- */

static void write_age(struct expo *out, uint64_t ms)
{
	uint64_t s = ms / 1000;

	if (s >= 86400)
		expo_fmt(out, "%llud%lluh", (unsigned long long)s / 86400,
			(unsigned long long)s / 3600 % 24);
	else if (s >= 3600)
		expo_fmt(out, "%lluh%llum", (unsigned long long)s / 3600,
			(unsigned long long)s / 60 % 60);
	else if (s >= 60)
		expo_fmt(out, "%llum%llus", (unsigned long long)s / 60, (unsigned long long)s % 60);
	else
		expo_fmt(out, "%llus", (unsigned long long)s);
}

static const char *backend_name(const struct control *c, uint16_t backend)
{
	return backend == UINT16_MAX ? "<NONE>" : generations_backend_name(c->generations, backend);
}

static const char *server_name(const struct control *c, uint32_t id)
{
	const struct server *s = id != UINT32_MAX ? servers_by_id(c->servers, id) : NULL;

	return s ? s->name : "<none>";
}

static void write_session(struct command *cmd, const struct order_session *s)
{
	const struct control *c = cmd->control;
	char client[ADDR_TEXT_MAX], server[ADDR_TEXT_MAX];

	expo_fmt(cmd->out, "0x%llx: proto=tcpv%c src=%s fe=%s be=%s srv=%s",
		(unsigned long long)s->number, s->client.family == AF_INET6 ? '6' : '4',
		addr_format(&s->client, client),
		generations_listener_name(c->generations, s->listener), backend_name(c, s->backend),
		server_name(c, s->server_id));
	if (s->server.family != AF_UNSPEC)
		expo_fmt(cmd->out, " dst=%s", addr_format(&s->server, server));
	expo_fmt(cmd->out, " state=%s age=", s->state);
	write_age(cmd->out, s->age_ms);
	expo_str(cmd->out, " idle=");
	write_age(cmd->out, s->idle_ms);
	expo_fmt(cmd->out, " in=%llu out=%llu name=", (unsigned long long)s->bytes_in,
		(unsigned long long)s->bytes_out);
	expo_log_word(cmd->out, span_of(s->name, strnlen(s->name, sizeof(s->name))));
	expo_char(cmd->out, '\n');
}

/* The next session that came; NULL: there is none left. */
static const struct order_session *next_session(struct sessions_dump *d)
{
	for (; d->report < listing_reports(d->listing); d->report++, d->entry = 0) {
		const struct report *r = listing_report(d->listing, d->report);

		if (d->entry < r->n)
			return &r->items.sessions[d->entry++];
	}
	return NULL;
}

static bool some_are_left_out(const struct sessions_dump *d)
{
	for (size_t i = 0; i < listing_reports(d->listing); i++)
		if (listing_report(d->listing, i)->n >= d->max)
			return true;
	return listing_missing(d->listing) > 0;
}

static bool sessions_more(struct command *cmd)
{
	struct sessions_dump *d = cmd->state;
	const struct order_session *s = next_session(d);

	if (!s) {
		if (d->wanted && d->written == 0)
			command_error(cmd, "Session not found.");
		else if (some_are_left_out(d))
			expo_fmt(cmd->out,
				"# not all: at most %u of each worker, %zu workers did not "
				"answer\n",
				d->max, listing_missing(d->listing));
		return false;
	}
	if (!d->wanted || d->wanted == s->number) {
		write_session(cmd, s);
		d->written++;
	}
	return true;
}

/* "0x…" as `show sess` prints it. 0: it is none. */
static uint64_t parse_session(const char *word)
{
	char *end;
	uint64_t n;

	if (strncmp(word, "0x", 2) != 0)
		return 0;
	n = strtoull(word, &end, 16);
	return *end ? 0 : n;
}

static void run_sessions(struct command *cmd)
{
	struct sessions_dump *d =
		ask_workers(cmd, ORDER_LIST_SESSIONS, SESSIONS_LISTED, sessions_more);

	if (d)
		d->wanted = parse_session(cmd->words[2]);
}

/* --- shutdown session --- */

static bool shutdown_more(struct command *cmd)
{
	struct sessions_dump *d = cmd->state;
	struct order order = {.kind = ORDER_CLOSE_SESSION, .reason = END_SERVER_SHUTDOWN};
	const struct order_session *s;

	order.session = d->wanted;
	while ((s = next_session(d)) && s->number != d->wanted)
		;
	/* Where the list is not whole it may be one that was left out: the workers know. */
	if (s || some_are_left_out(d))
		control_order_all(cmd->control, &order);
	else
		command_error(cmd, "No such session (use 'show sess').");
	return false;
}

static void run_shutdown(struct command *cmd)
{
	uint64_t wanted = parse_session(cmd->words[2]);
	struct sessions_dump *d;

	if (wanted == 0)
		return command_error(cmd, "Session pointer expected (use 'show sess').");
	d = ask_workers(cmd, ORDER_LIST_SESSIONS, SESSIONS_LISTED, shutdown_more);
	if (d)
		d->wanted = wanted;
}

/* --- show errors --- */

static const char *date_of(uint64_t wall_us, char *buf, size_t size)
{
	time_t s = (time_t)(wall_us / 1000000);
	char day[32];
	struct tm tm;

	gmtime_r(&s, &tm);
	strftime(day, sizeof(day), "%d/%b/%Y:%H:%M:%S", &tm);
	snprintf(buf, size, "%s.%03u", day, (unsigned)(wall_us / 1000 % 1000));
	return buf;
}

static void write_error(struct command *cmd, const struct order_error *e)
{
	char when[48], client[ADDR_TEXT_MAX];

	expo_fmt(cmd->out, "\n[%s] frontend %s (#%u): %s\n",
		date_of(log_wall_us() - e->age_ms * 1000, when, sizeof(when)),
		generations_listener_name(cmd->control->generations, e->listener), e->listener + 1u,
		end_reasons[e->reason].text);
	expo_fmt(cmd->out, "  src %s, name ", addr_format(&e->client, client));
	expo_log_word(cmd->out, span_of(e->name, strnlen(e->name, sizeof(e->name))));
	expo_fmt(cmd->out, ", %u bytes shown:\n  00000  ", e->n_bytes);
	for (unsigned i = 0; i < e->n_bytes; i++)
		expo_fmt(cmd->out, "%02x ", e->bytes[i]);
	expo_log_word(cmd->out, span_of(e->bytes, e->n_bytes));
	expo_char(cmd->out, '\n');
}

static bool is_wanted_error(const struct command *cmd, const struct order_error *e)
{
	const char *listener = generations_listener_name(cmd->control->generations, e->listener);

	return !cmd->words[2][0] || strcmp(cmd->words[2], listener) == 0;
}

static bool errors_more(struct command *cmd)
{
	struct sessions_dump *d = cmd->state;
	char when[48];
	size_t n = 0;

	for (size_t i = 0; i < listing_reports(d->listing); i++)
		for (size_t k = 0; k < listing_report(d->listing, i)->n; k++)
			n += is_wanted_error(cmd, &listing_report(d->listing, i)->items.errors[k]);
	expo_fmt(cmd->out, "Total events captured on [%s] : %zu\n",
		date_of(log_wall_us(), when, sizeof(when)), n);
	for (size_t i = 0; i < listing_reports(d->listing); i++)
		for (size_t k = 0; k < listing_report(d->listing, i)->n; k++) {
			const struct order_error *e =
				&listing_report(d->listing, i)->items.errors[k];

			if (is_wanted_error(cmd, e))
				write_error(cmd, e);
		}
	return false;
}

static void run_errors(struct command *cmd)
{
	const char *name = cmd->words[2];
	bool known = !name[0] || servers_find_backend(cmd->control->servers, name);

	for (size_t i = 0; i < cmd->control->config->n_listeners; i++)
		known |= strcmp(cmd->control->config->listeners[i].name, name) == 0;
	if (!known)
		return command_error(cmd, "No such proxy.");
	ask_workers(cmd, ORDER_LIST_ERRORS, ERRORS_LISTED, errors_more);
}

const struct command_def commands_sessions[] = {
	{.words = "show errors",
		.usage = " [<listener>]",
		.run = run_errors,
		.level = LEVEL_OPERATOR,
		.help = "report the last hellos that were refused, and why"},
	{.words = "show sess",
		.usage = " [id]",
		.run = run_sessions,
		.level = LEVEL_OPERATOR,
		.help = "report the list of current sessions or this exact session"},
	{.words = "shutdown session",
		.usage = " [id]",
		.run = run_shutdown,
		.level = LEVEL_ADMIN,
		.flags = COMMAND_CHANGES,
		.help = "kill a specific session"},
	{0},
};

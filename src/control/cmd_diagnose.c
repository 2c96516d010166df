/* `diagnose NAME`: why a name does not work, from the listener to the servers, and what to do
 * about it. */
#include "control/admin.h"
#include "control/command.h"
#include "control/listing.h"
#include "control/sampler.h"
#include "control/stat.h"
#include "idna/idna.h"
#include "log.h"
#include "route.h"

#include <stdlib.h>
#include <string.h>

enum { ERRORS_ASKED = 64, ERRORS_SHOWN = 5 };

/* owner: the command; findings are collected while the facts are written, and come last. */
struct diagnosis {
	struct listing *listing; /* NULL: the workers were not asked */
	char sent[IDNA_SIZE];	 /* the name as a client would send it */
	char normal[HOSTNAME_SIZE];
	struct expo findings;
	unsigned n_findings;
};

static void diagnosis_free(void *state)
{
	struct diagnosis *d = state;

	listing_free(d->listing);
	expo_release(&d->findings);
	free(d);
}

static struct expo *finding(struct diagnosis *d)
{
	d->n_findings++;
	expo_str(&d->findings, "  - ");
	return &d->findings;
}

/* --- servers --- */

/* What to look at, for what the last check found. */
static const char *advice(enum check_status status)
{
	switch (status) {
	case CHECK_L4REFUSED:
		return "nothing listens there: start the service, or correct the address";
	case CHECK_L4TIMEOUT:
		return "no answer: is the host up, does a firewall drop the packets?";
	case CHECK_L4UNREACHABLE:
		return "the network does not lead there: look at routes and addresses";
	case CHECK_L4RESET:
	case CHECK_L6RESET:
	case CHECK_L7RESET:
		return "the service hangs up: look at its log; does it expect a PROXY header, or "
		       "none?";
	case CHECK_L6TIMEOUT:
	case CHECK_L6RESPONSE:
		return "it does not speak TLS as expected: is it the right port, does it expect a "
		       "PROXY header?";
	case CHECK_L6CERTIFICATE:
		return "its certificate is not accepted: renew it, or correct health.ca and "
		       "health.host";
	case CHECK_L7TIMEOUT:
	case CHECK_L7ENDLESS:
		return "it accepts but does not finish its answer in time: is the service "
		       "overloaded?";
	case CHECK_L7STATUS:
		return "it answers, but with a status that health.expect does not have: look at "
		       "its log";
	case CHECK_L7MALFORMED:
		return "what it answers is not HTTP: is it the right port?";
	case CHECK_L4ERROR:
	case CHECK_SOCKET:
		return "this node could not even try: look at its own log and limits";
	case CHECK_INI:
	case CHECK_L4OK:
	case CHECK_L6OK:
	case CHECK_L7OK:
		return "its last check passed: wait for more of them, or see who forced it down";
	case CHECK_STATUSES:
		break;
	}
	return "";
}

static bool fails_its_checks(const struct server *s)
{
	enum check_status last = s->last_check.status;

	return s->checks_enabled && last != CHECK_INI && !check_statuses[last].ok;
}

static void judge_server(struct diagnosis *d, const struct server *s)
{
	const char *backend = s->backend->conf->name;
	char addr[ADDR_TEXT_MAX], status[32], words[CHECK_CAUSE_MAX];

	if (s->admin != SERVER_READY)
		expo_fmt(finding(d),
			"%s/%s is in %s by an operator: `set server %s/%s state ready` ends it\n",
			backend, s->name, s->admin == SERVER_DRAIN ? "drain" : "maintenance",
			backend, s->name);
	else if (!server_is_up(s) || fails_its_checks(s))
		expo_fmt(finding(d), "%s/%s is %s (%s at %s): %s\n", backend, s->name,
			server_status(s, status), check_words(s, words),
			addr_format(&s->addr, addr), advice(s->last_check.status));
	else if (s->weight == 0)
		expo_fmt(finding(d),
			"%s/%s has weight 0 and gets no connections: `set weight %s/%s 1`\n",
			backend, s->name, backend, s->name);
}

static void write_server(struct command *cmd, const struct server *s)
{
	char words[CHECK_CAUSE_MAX];
	uint32_t active =
		atomic_load_explicit(&cmd->control->load->active[s->id], memory_order_relaxed);
	char addr[ADDR_TEXT_MAX], status[32], since[LOG_TIME_MAX];

	expo_fmt(cmd->out, "    %s %s %s", s->name, addr_format(&s->addr, addr),
		server_status(s, status));
	if (s->last_change_wall_us)
		expo_fmt(cmd->out, " since %s", log_time(s->last_change_wall_us, since));
	if (s->checks_enabled)
		expo_fmt(cmd->out, ", last check %s %s",
			check_statuses[s->last_check.status].haproxy, check_words(s, words));
	expo_fmt(cmd->out, ", %u sessions\n", active);
}

/* --- a backend --- */

static void judge_backend(struct diagnosis *d, const struct backend *b)
{
	if (backend_usable(b, false) == 0 && backend_usable(b, true) == 0)
		expo_fmt(finding(d), "no server of %s is usable%s\n", b->conf->name,
			b->failing_open ? ": all that are ready are tried all the same" : "");
	for (size_t i = 0; i < b->n_servers; i++)
		judge_server(d, b->servers[i]);
}

static void judge_counters(struct command *cmd, struct diagnosis *d, const struct backend *b)
{
	const struct sampler *s = cmd->control->sampler;
	uint64_t failed =
		sampler_count_backend(s, b->index, offsetof(struct tally_backend, connect_errors));
	uint64_t full =
		sampler_count_backend(s, b->index, offsetof(struct tally_backend, full)) +
		sampler_count_backend(s, b->index, offsetof(struct tally_backend, queue_full));

	if (failed > 0)
		expo_fmt(finding(d),
			"%llu connections found no server of %s that took them since the counters "
			"were cleared\n",
			(unsigned long long)failed, b->conf->name);
	if (full > 0)
		expo_fmt(finding(d),
			"%llu connections found every server of %s full: raise max_connections\n",
			(unsigned long long)full, b->conf->name);
}

static void diagnose_backend(struct command *cmd, struct diagnosis *d, unsigned index)
{
	const struct backend *b = servers_backend(cmd->control->servers, index);

	expo_fmt(cmd->out, "  backend %s: %zu of %zu servers usable\n", b->conf->name,
		backend_usable(b, false) + backend_usable(b, true), b->n_servers);
	for (size_t i = 0; i < b->n_servers; i++)
		write_server(cmd, b->servers[i]);
	judge_backend(d, b);
	judge_counters(cmd, d, b);
}

/* --- listeners --- */

static void write_listener(struct command *cmd, const struct config_listener *l)
{
	expo_fmt(cmd->out, "listener %s:", l->name);
	for (size_t i = 0; i < l->n_binds; i++)
		expo_fmt(cmd->out, " %s", l->binds[i].text);
	expo_str(cmd->out, cmd->control->paused ? " (accepting pauses)\n" : "\n");
}

/* Of the name's paths the one of "/" stands for all. */
static bool diagnose_http(struct command *cmd, struct diagnosis *d, const struct config_listener *l)
{
	int route = route_request(l, span_str(d->normal), span_str("/"));

	if (route == ROUTE_NONE) {
		expo_str(cmd->out, "  no route for \"/\": clients get 404\n");
		return false;
	}
	expo_fmt(cmd->out, "  route of line %d\n", l->routes[route].line);
	if (l->routes[route].action == ACTION_BACKEND)
		diagnose_backend(cmd, d, (unsigned)l->routes[route].backend);
	return true;
}

/* Whether the listener takes the name. */
static bool diagnose_listener(
	struct command *cmd, struct diagnosis *d, const struct config_listener *l)
{
	int route, backend;

	write_listener(cmd, l);
	if (l->mode == MODE_HTTP)
		return diagnose_http(cmd, d, l);
	backend = route_backend(l, span_str(d->sent), &route);
	if (backend < 0) {
		expo_str(cmd->out,
			"  no route: clients get the TLS alert unrecognized_name (112)\n");
		return false;
	}
	if (route >= 0)
		expo_fmt(cmd->out, "  route of line %d\n", l->routes[route].line);
	else
		expo_str(cmd->out, "  default_backend: no route has the name\n");
	diagnose_backend(cmd, d, (unsigned)backend);
	return true;
}

/* --- what workers remember of it --- */

static bool is_about(const struct diagnosis *d, const struct order_error *e)
{
	char normal[HOSTNAME_SIZE];
	int n = hostname_normalize(span_of(e->name, strnlen(e->name, sizeof(e->name))), normal);

	return n > 0 ? strcmp(normal, d->normal) == 0 : d->normal[0] == '\0';
}

static void write_refusals(struct command *cmd, struct diagnosis *d)
{
	char when[LOG_TIME_MAX], client[ADDR_TEXT_MAX];
	unsigned found = 0;

	for (size_t i = 0; i < listing_reports(d->listing); i++) {
		const struct report *r = listing_report(d->listing, i);

		for (size_t k = 0; k < r->n; k++) {
			const struct order_error *e = &r->items.errors[k];

			if (!is_about(d, e) || found++ >= ERRORS_SHOWN)
				continue;
			expo_fmt(cmd->out, "refused %s %s on %s: %s\n",
				log_time(log_wall_us() - e->age_ms * 1000, when),
				addr_format_ip(&e->client, client),
				generations_listener_name(cmd->control->generations, e->listener),
				end_reasons[e->reason].text);
		}
	}
	if (found > ERRORS_SHOWN)
		expo_fmt(cmd->out, "refused: %u more (see `show errors`)\n", found - ERRORS_SHOWN);
}

static bool diagnose_more(struct command *cmd)
{
	struct diagnosis *d = cmd->state;
	const struct config *conf = cmd->control->config;
	unsigned takers = 0;

	expo_str(cmd->out, "name ");
	expo_log_word(cmd->out, span_str(d->sent));
	expo_char(cmd->out, '\n');
	if (cmd->control->paused)
		expo_str(finding(d),
			"accepting pauses: a limit of connections or descriptors is reached\n");
	for (size_t i = 0; i < conf->n_listeners; i++)
		takers += diagnose_listener(cmd, d, &conf->listeners[i]);
	if (takers == 0)
		expo_fmt(finding(d),
			"no listener has a route for it: add the name to a route in %s and "
			"restart\n",
			conf->file);
	write_refusals(cmd, d);
	if (d->n_findings == 0)
		expo_str(cmd->out, "nothing wrong is known here: if clients fail, look at DNS, at "
				   "the way to this "
				   "node, and at the service's own log\n");
	else
		expo_fmt(cmd->out, "found:\n%.*s", (int)d->findings.len, d->findings.buf);
	return false;
}

static void on_listed(void *arg)
{
	command_resume(arg);
}

static void run_diagnose(struct command *cmd)
{
	const char *wrong, *word = cmd->words[1];
	struct diagnosis *d;

	if (!word[0])
		return command_error(cmd, "Expects a name: 'diagnose NAME'.");
	d = calloc(1, sizeof(*d));
	if (!d)
		return command_error(cmd, "Out of memory.");
	cmd->state = d;
	cmd->state_free = diagnosis_free;
	expo_init(&d->findings);
	if (idna_to_ascii(span_of(word, strcspn(word, "/")), d->sent, &wrong) != IDNA_OK ||
		hostname_normalize(span_str(d->sent), d->normal) < 0)
		return command_error(cmd, "'%.64s' is not a host name.", word);
	d->listing = listing_start(admin_listings(cmd->control->admin), ORDER_LIST_ERRORS,
		ERRORS_ASKED, on_listed, cmd);
	if (!d->listing)
		return command_error(cmd, "Too many listings under way, try again.");
	cmd->more = diagnose_more;
	cmd->waiting = true;
}

const struct command_def commands_diagnose[] = {
	{.words = "diagnose",
		.usage = " <name>",
		.run = run_diagnose,
		.level = LEVEL_OPERATOR,
		.help = "why a name does not work: listener, route, servers, refusals, what to do"},
	{0},
};

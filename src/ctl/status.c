#include "ctl/status.h"

#include "ctl/amount.h"
#include "ctl/facts.h"
#include "ctl/table.h"

#include <stdio.h>
#include <string.h>

enum { FRONTEND = 0, BACKEND = 1, SERVER = 2 }; /* show stat's column "type" */
enum { MEMBERS_SHOWN = 10 }; /* of more, a screen shows those only that stand out */

static bool is_type(const json_t *row, unsigned type)
{
	return fact_number(row, "type") == type;
}

/* --- the node --- */

static void show_node(const struct facts *f, bool coloured)
{
	char up[AMOUNT_MAX], out[AMOUNT_MAX];

	colour_print(COLOUR_HEAD, coloured, "%s", fact_text(f->info, "node"));
	printf("  aegislb %s  pid %llu  up %s  %llu workers, %llu %% idle\n",
		fact_text(f->info, "Version"), (unsigned long long)fact_number(f->info, "Pid"),
		amount_duration(fact_number(f->info, "Uptime_sec"), up),
		(unsigned long long)fact_number(f->info, "Nbthread"),
		(unsigned long long)fact_number(f->info, "Idle_pct"));
	printf("%llu of %llu connections, %llu new/s, %s/s to clients\n\n",
		(unsigned long long)fact_number(f->info, "CurrConns"),
		(unsigned long long)fact_number(f->info, "Maxconn"),
		(unsigned long long)fact_number(f->info, "ConnRate"),
		amount_bytes(fact_number(f->info, "BytesOutRate"), out));
}

/* --- the cluster --- */

static void head(struct table *t, const char *const *names, size_t n, unsigned first_number)
{
	struct table_row *r = table_row(t);

	for (size_t i = 0; i < n; i++) {
		table_text(r, COLOUR_HEAD, "%s", names[i]);
		if (r && i >= first_number)
			r->cells[i].right = true;
	}
}

static enum table_colour colour_of_state(const char *state)
{
	if (strcmp(state, "alive") == 0)
		return COLOUR_GOOD;
	return strcmp(state, "suspect") == 0 ? COLOUR_WARN
	       : strcmp(state, "dead") == 0  ? COLOUR_BAD
					     : COLOUR_DIM;
}

/* The addresses that a member has: what balancers are asked about first. */
static void vips_of(const json_t *cluster, const char *member, char *ret, size_t size)
{
	const json_t *vips = json_object_get(cluster, "vips");
	size_t n = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < json_array_size(vips) && n < size; i++) {
		const json_t *v = json_array_get(vips, i);

		if (strcmp(fact_text(v, "owner"), member) == 0)
			n += (size_t)snprintf(
				ret + n, size - n, "%s%s", n ? " " : "", fact_text(v, "address"));
	}
}

static void member_row(struct table *t, const json_t *cluster, const json_t *m)
{
	const json_t *rtt = json_object_get(m, "rtt_ms");
	const char *state = fact_text(m, "state"), *name = fact_text(m, "name");
	struct table_row *r = table_row(t);
	char vips[TABLE_CELL], since[AMOUNT_MAX];

	vips_of(cluster, name, vips, sizeof(vips));
	table_text(r, COLOUR_PLAIN, "%s", name);
	table_text(r, COLOUR_PLAIN, "%s", fact_text(m, "address"));
	table_text(r, COLOUR_PLAIN, "%s", fact_text(m, "role"));
	table_text(r, colour_of_state(state), "%s", state);
	table_text(r, COLOUR_PLAIN, "%s", amount_duration(fact_age(m, "since"), since));
	if (json_number_value(rtt) > 0)
		table_number(r, "%.1f ms", json_number_value(rtt));
	else
		table_number(r, "%s", "");
	table_text(r, COLOUR_DIM, "%s", fact_text(m, "version"));
	table_text(r, COLOUR_GOOD, "%s", vips);
}

static void show_quorum(const json_t *cluster, bool coloured)
{
	const json_t *quorum = json_object_get(cluster, "quorum");
	bool met = json_is_true(json_object_get(quorum, "met"));

	colour_print(COLOUR_HEAD, coloured, "cluster %s", fact_text(cluster, "cluster"));
	if (fact_number(quorum, "voters") == 0) {
		printf("  no virtual addresses, so nothing to vote on\n");
		return;
	}
	printf("  ");
	colour_print(met ? COLOUR_GOOD : COLOUR_BAD, coloured, met ? "quorum" : "NO QUORUM");
	printf("  %llu of %llu voters alive, rule %s\n",
		(unsigned long long)fact_number(quorum, "alive"),
		(unsigned long long)fact_number(quorum, "voters"), fact_text(quorum, "rule"));
}

/* What nobody has; the others stand behind their owners. */
static void show_unowned(const json_t *cluster, bool coloured)
{
	const json_t *vips = json_object_get(cluster, "vips");

	for (size_t i = 0; i < json_array_size(vips); i++) {
		const json_t *v = json_array_get(vips, i);

		if (fact_text(v, "owner")[0])
			continue;
		colour_print(COLOUR_BAD, coloured, "  %s on %s: nobody owns it",
			fact_text(v, "address"), fact_text(v, "interface"));
		putchar('\n');
	}
}

/* Of many members those are shown that somebody looks for: this node (the first), who is not alive, who has an address,
 * and who runs another version than this node. */
static bool is_looked_for(const json_t *cluster, size_t i)
{
	const json_t *members = json_object_get(cluster, "members");
	const json_t *m = json_array_get(members, i);
	char vips[TABLE_CELL];

	if (json_array_size(members) <= MEMBERS_SHOWN || i == 0)
		return true;
	vips_of(cluster, fact_text(m, "name"), vips, sizeof(vips));
	return vips[0] != '\0' || strcmp(fact_text(m, "state"), "alive") != 0 ||
	       strcmp(fact_text(m, "version"), fact_text(json_array_get(members, 0), "version")) !=
		       0;
}

static void show_members(const json_t *cluster, bool coloured)
{
	static const char *const names[] = {
		"MEMBER", "ADDRESS", "ROLE", "STATE", "SINCE", "RTT", "VERSION", "HOLDS"};
	const json_t *members = json_object_get(cluster, "members");
	struct table t = {0};
	size_t unshown = 0;

	head(&t, names, sizeof(names) / sizeof(names[0]), 8);
	for (size_t i = 0; i < json_array_size(members); i++) {
		if (is_looked_for(cluster, i))
			member_row(&t, cluster, json_array_get(members, i));
		else
			unshown++;
	}
	table_print(&t, coloured);
	table_release(&t);
	if (unshown > 0)
		printf("and %zu more, all alive; `show cluster` lists them\n", unshown);
}

static void show_cluster(const struct facts *f, bool coloured)
{
	const json_t *warnings = json_object_get(f->cluster, "warnings");

	if (!fact_text(f->cluster, "cluster")[0])
		return;
	show_quorum(f->cluster, coloured);
	show_unowned(f->cluster, coloured);
	for (size_t i = 0; i < json_array_size(warnings); i++) {
		colour_print(COLOUR_WARN, coloured, "  warning: %s",
			json_string_value(json_array_get(warnings, i)));
		putchar('\n');
	}
	show_members(f->cluster, coloured);
	putchar('\n');
}

/* --- what is wrong, first --- */

/* Why a server is not up, in words, from this node's view of its health. */
static const char *cause_of(const struct facts *f, const json_t *row)
{
	for (size_t i = 0; i < json_array_size(f->health); i++) {
		const json_t *h = json_array_get(f->health, i);
		const json_t *view = json_array_get(json_object_get(h, "views"), 0);

		if (strcmp(fact_text(h, "backend"), fact_text(row, "pxname")) == 0 &&
			strcmp(fact_text(h, "server"), fact_text(row, "svname")) == 0)
			return fact_text(view, "last");
	}
	return "";
}

static void server_problem(struct table *t, const struct facts *f, const json_t *row)
{
	const char *status = fact_text(row, "status");
	bool unchecked = strcmp(fact_text(row, "check_status"), "INI") == 0;
	char since[AMOUNT_MAX];
	struct table_row *r;

	if (strcmp(status, "UP") == 0 || strcmp(status, "no check") == 0)
		return;
	if (unchecked && strncmp(status, "UP", 2) == 0)
		return; /* it has just come, and stands where its first check will say more */
	r = table_row(t);
	table_text(r, COLOUR_PLAIN, "  %s/%s", fact_text(row, "pxname"), fact_text(row, "svname"));
	table_text(r, strncmp(status, "DOWN", 4) == 0 ? COLOUR_BAD : COLOUR_WARN, "%s", status);
	table_text(r, COLOUR_PLAIN, "for %s", amount_duration(fact_number(row, "lastchg"), since));
	if (strcmp(status, "MAINT") == 0 || strncmp(status, "DRAIN", 5) == 0)
		table_text(r, COLOUR_PLAIN, "by an operator: `aegisctl ready %s/%s` ends it",
			fact_text(row, "pxname"), fact_text(row, "svname"));
	else
		table_text(
			r, COLOUR_PLAIN, "%s %s", fact_text(row, "check_status"), cause_of(f, row));
}

/* A listener that does not accept, a backend without a usable server. */
static void whole_problem(struct table *t, const json_t *row)
{
	const char *status = fact_text(row, "status"), *why;
	char since[AMOUNT_MAX];
	struct table_row *r;

	if (is_type(row, BACKEND) && strcmp(status, "DOWN") == 0)
		why = "no server of it is usable";
	else if (is_type(row, FRONTEND) && strcmp(status, "FULL") == 0)
		why = "accepting pauses: limits.connections, or descriptors, are used up";
	else if (is_type(row, FRONTEND) && strcmp(status, "OPEN") != 0)
		why = "stopping: no new connections";
	else
		return;
	r = table_row(t);
	table_text(r, COLOUR_PLAIN, "  %s", fact_text(row, "pxname"));
	table_text(r, COLOUR_BAD, "%s", status);
	if (is_type(row, BACKEND))
		table_text(r, COLOUR_PLAIN, "for %s",
			amount_duration(fact_number(row, "lastchg"), since));
	else
		table_text(r, COLOUR_PLAIN, "%s", "");
	table_text(r, COLOUR_PLAIN, "%s", why);
}

static void show_problems(const struct facts *f, bool coloured)
{
	size_t rows = json_array_size(f->rows), servers = 0;
	struct table t = {0};

	for (size_t i = 0; i < rows; i++)
		whole_problem(&t, json_array_get(f->rows, i));
	for (size_t i = 0; i < rows; i++) {
		const json_t *row = json_array_get(f->rows, i);

		if (is_type(row, SERVER)) {
			server_problem(&t, f, row);
			servers++;
		}
	}
	if (t.n == 0)
		colour_print(
			COLOUR_GOOD, coloured, "all well: none of %zu servers is down", servers);
	else
		colour_print(COLOUR_HEAD, coloured, "PROBLEMS");
	putchar('\n');
	table_print(&t, coloured);
	putchar('\n');
	table_release(&t);
}

/* --- the tables --- */

static void number_cell(struct table_row *r, const json_t *row, const char *name)
{
	table_number(r, "%llu", (unsigned long long)fact_number(row, name));
}

static void bytes_cell(struct table_row *r, const json_t *row, const char *name)
{
	char buf[AMOUNT_MAX];

	table_number(r, "%s", amount_bytes(fact_number(row, name), buf));
}

static enum table_colour colour_of(const char *status)
{
	if (strcmp(status, "UP") == 0 || strcmp(status, "OPEN") == 0)
		return COLOUR_GOOD;
	if (strncmp(status, "DOWN", 4) == 0 || strcmp(status, "FULL") == 0)
		return COLOUR_BAD;
	return strcmp(status, "no check") == 0 ? COLOUR_PLAIN : COLOUR_WARN;
}

static void show_listeners(const struct facts *f, bool coloured)
{
	static const char *const names[] = {"LISTENER", "STATE", "SESSIONS", "PER S", "TOTAL",
		"REFUSED", "LIMITED", "IN", "OUT"};
	struct table t = {0};

	head(&t, names, sizeof(names) / sizeof(names[0]), 2);
	for (size_t i = 0; i < json_array_size(f->rows); i++) {
		const json_t *row = json_array_get(f->rows, i);
		struct table_row *r = is_type(row, FRONTEND) ? table_row(&t) : NULL;

		if (!r)
			continue;
		table_text(r, COLOUR_PLAIN, "%s", fact_text(row, "pxname"));
		table_text(r, colour_of(fact_text(row, "status")), "%s", fact_text(row, "status"));
		number_cell(r, row, "scur");
		number_cell(r, row, "rate");
		number_cell(r, row, "stot");
		number_cell(r, row, "ereq");
		number_cell(r, row, "dcon");
		bytes_cell(r, row, "bin");
		bytes_cell(r, row, "bout");
	}
	table_print(&t, coloured);
	table_release(&t);
}

static void last_check(struct table_row *r, const json_t *row)
{
	const char *status = fact_text(row, "check_status");
	unsigned long long ms = fact_number(row, "check_duration");
	uint64_t code = fact_number(row, "check_code");

	if (strcmp(status, "INI") == 0)
		table_text(r, COLOUR_DIM, "not checked yet");
	else if (code)
		table_text(r, COLOUR_DIM, "%s %u in %llu ms", status, (unsigned)code, ms);
	else if (status[0])
		table_text(r, COLOUR_DIM, "%s in %llu ms", status, ms);
}

static void backend_row(struct table *t, const json_t *row, bool whole)
{
	const char *status = fact_text(row, "status");
	unsigned long long errors = fact_number(row, "econ") + fact_number(row, "eresp");
	struct table_row *r = table_row(t);
	char since[AMOUNT_MAX];

	table_text(r, whole ? COLOUR_HEAD : COLOUR_PLAIN, whole ? "%s" : "  %s",
		fact_text(row, whole ? "pxname" : "svname"));
	table_text(r, COLOUR_PLAIN, "%s%s", fact_text(row, whole ? "algo" : "addr"),
		!whole && fact_number(row, "bck") ? " (backup)" : "");
	table_text(r, colour_of(status), "%s", status);
	table_text(r, COLOUR_PLAIN, "%s", amount_duration(fact_number(row, "lastchg"), since));
	number_cell(r, row, "weight");
	number_cell(r, row, "scur");
	number_cell(r, row, "rate");
	number_cell(r, row, "stot");
	table_number(r, "%llu", errors);
	if (!whole)
		last_check(r, row);
}

/* show stat has the row of a backend behind those of its servers: here it comes before them. */
static void show_backends(const struct facts *f, bool coloured)
{
	static const char *const names[] = {"BACKEND", "ADDRESS", "STATE", "SINCE", "WEIGHT",
		"SESSIONS", "PER S", "TOTAL", "ERRORS"};
	struct table t = {0};
	size_t first = 0;

	putchar('\n');
	head(&t, names, sizeof(names) / sizeof(names[0]), 4);
	for (size_t i = 0; i < json_array_size(f->rows); i++) {
		const json_t *row = json_array_get(f->rows, i);

		if (is_type(row, FRONTEND))
			first = i + 1;
		if (!is_type(row, BACKEND))
			continue;
		backend_row(&t, row, true);
		for (; first < i; first++)
			backend_row(&t, json_array_get(f->rows, first), false);
		first = i + 1;
	}
	if (t.n > 1)
		table_print(&t, coloured);
	else
		puts("no backends: this node redirects and answers by itself");
	table_release(&t);
}

enum ask_status status_show(const char *socket, bool coloured)
{
	struct facts f;
	enum ask_status status = facts_fetch(socket, &f);

	if (status != ASK_OK)
		return status;
	show_cluster(&f, coloured);
	show_node(&f, coloured);
	show_problems(&f, coloured);
	show_listeners(&f, coloured);
	show_backends(&f, coloured);
	facts_release(&f);
	return ASK_OK;
}

enum ask_status events_show(const char *socket, const char *n, bool coloured)
{
	enum ask_status status;
	char command[64];
	struct table t = {0};
	json_t *events;

	snprintf(command, sizeof(command), "show events %s json", n);
	events = facts_ask(socket, command, &status);
	for (size_t i = json_array_size(events); i-- > 0;) {
		const json_t *e = json_array_get(events, i);
		struct table_row *r = table_row(&t);

		table_text(r, COLOUR_DIM, "%s", fact_text(e, "time"));
		table_text(r, COLOUR_PLAIN, "%s", fact_text(e, "text"));
	}
	table_print(&t, coloured);
	table_release(&t);
	json_decref(events);
	return status;
}

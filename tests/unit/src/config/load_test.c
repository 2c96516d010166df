#include "config-build.h"

#include "case.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(config_load, .init = case_enter, .fini = case_leave);

#define FINE "listeners = (); backends = ();\n"

Test(config_load, only_listeners_and_backends_are_required)
{
	case_errors("", "t.conf:1: listeners: missing; expected a list of listeners: listeners = ( "
			"{ ... } );\n"
			"t.conf:1: backends: missing; expected a list of backends: backends = ( { "
			"... } );");
	case_errors(FINE, "");
}

Test(config_load, an_empty_list_may_have_either_kind_of_brackets)
{
	case_errors("listeners = []; backends = [];\n", "");
}

Test(config_load, the_defaults_are_those_of_the_documentation)
{
	struct config *c = case_load(FINE);
	char host[256] = "";
	cpu_set_t cpus;

	gethostname(host, sizeof(host) - 1);
	cr_assert_eq(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
	cr_expect_str_eq(c->node, host);
	cr_expect_eq(c->workers, (unsigned)CPU_COUNT(&cpus));
	cr_expect_null(c->user);
	cr_expect_null(c->group);
	cr_expect_str_eq(c->state_dir, "/var/lib/aegislb");
	cr_expect_str_eq(c->log.target, "stderr");
	cr_expect_eq(c->log.level, LOG_LEVEL_INFO);
	cr_expect_eq(c->log.format, LOG_FORMAT_TEXT);
	cr_expect_str_eq(c->log.access, "off");
	cr_expect_eq(c->limits.connections, 100000);
	cr_expect_eq(c->limits.connections_per_source, 0);
	cr_expect_eq(c->limits.graceful_stop_ms, 30000);
	cr_expect_str_eq(c->status.socket, "/run/aegislb/aegislb.sock");
	cr_expect_eq(c->status.socket_mode, 0660);
	cr_expect_eq(c->status.n_http_binds, 0);
	config_free(c);
}

Test(config_load, what_the_file_says_is_what_the_config_holds)
{
	struct config *c =
		case_load("node = \"lb-01\"; workers = 3; user = \"root\"; group = \"root\";\n"
			  "state_dir = \"/tmp/state\";\n"
			  "log = { target = \"syslog\"; level = \"debug\"; format = \"json\"; "
			  "access = \"stderr\"; };\n"
			  "limits = { connections = 5; connections_per_source = 6; graceful_stop = "
			  "\"1m\"; };\n"
			  "status = { socket = \"/tmp/s\"; socket_mode = \"600\";\n"
			  "  http = { bind = [\"127.0.0.1:8081\", \"[::1]:8081\"]; allow = "
			  "[\"100.64.0.0/10\"]; }; };\n" FINE);
	char text[ADDR_TEXT_MAX];

	cr_expect_str_eq(c->file, "t.conf");
	cr_expect_str_eq(c->node, "lb-01");
	cr_expect_eq(c->workers, 3);
	cr_expect_str_eq(c->user, "root");
	cr_expect_str_eq(c->group, "root");
	cr_expect_str_eq(c->state_dir, "/tmp/state");
	cr_expect_str_eq(c->log.target, "syslog");
	cr_expect_eq(c->log.level, LOG_LEVEL_DEBUG);
	cr_expect_eq(c->log.format, LOG_FORMAT_JSON);
	cr_expect_str_eq(c->log.access, "stderr");
	cr_expect_eq(c->limits.connections, 5);
	cr_expect_eq(c->limits.connections_per_source, 6);
	cr_expect_eq(c->limits.graceful_stop_ms, 60000);
	cr_expect_str_eq(c->status.socket, "/tmp/s");
	cr_expect_eq(c->status.socket_mode, 0600);
	cr_assert_eq(c->status.n_http_binds, 2);
	cr_expect_str_eq(addr_format(&c->status.http_binds[1], text), "[::1]:8081");
	cr_assert_eq(c->status.n_http_allow, 1);
	cr_expect_eq(c->status.http_allow[0].bits, 10);
	config_free(c);
}

Test(config_load, the_status_page_is_for_this_machine_unless_told_otherwise)
{
	struct config *c = case_load("status = { http = { bind = [\"*:8081\"]; }; };\n" FINE);
	struct addr a;

	cr_assert(addr_parse_ip("127.0.0.9", &a));
	cr_expect(addr_in_any(&a, c->status.http_allow, c->status.n_http_allow));
	cr_assert(addr_parse_ip("::1", &a));
	cr_expect(addr_in_any(&a, c->status.http_allow, c->status.n_http_allow));
	cr_assert(addr_parse_ip("10.0.0.1", &a));
	cr_expect_not(addr_in_any(&a, c->status.http_allow, c->status.n_http_allow));
	config_free(c);
}

Test(config_load, every_error_is_told_in_the_order_of_the_lines)
{
	case_errors(
		"workers = 257;\n"
		"nodee = \"x\";\n"
		"listeners = ( { name = \"l\"; bind = [\"*:443\"]; default_backend = \"a\"; } );\n"
		"log = { level = \"inof\"; };\n"
		"backends = 5;\n",
		"t.conf:1: workers: found integer 257; expected an integer from 0 to 256\n"
		"t.conf:2: nodee: unknown key; did you mean \"node\"?\n"
		"t.conf:3: listeners[0].default_backend: found \"a\"; expected the name of a "
		"backend\n"
		"t.conf:4: log.level: found \"inof\"; expected \"debug\", \"info\", \"notice\", "
		"\"warning\" or "
		"\"error\"; did you mean \"info\"?\n"
		"t.conf:5: backends: found integer 5; expected a list of backends: backends = ( { "
		"... } );");
}

Test(config_load, a_key_that_is_near_to_none_is_told_what_there_is)
{
	case_errors("status = { colour = true; };\n" FINE,
		"t.conf:1: status.colour: unknown key; expected one of socket, socket_mode, http");
}

Test(config_load, what_is_not_supported_yet_is_said_to_be_that)
{
	case_errors("redis = { };\ndiscovery = 5;\n" FINE,
		"t.conf:1: redis: not supported yet by this version\n"
		"t.conf:2: discovery: not supported yet by this version");
}

Test(config_load, a_group_is_a_group)
{
	case_errors("log = 5; limits = \"x\"; status = ();\n" FINE,
		"t.conf:1: log: found integer 5; expected a group { key = value; ... }\n"
		"t.conf:1: limits: found \"x\"; expected a group { key = value; ... }\n"
		"t.conf:1: status: found an empty list; expected a group { key = value; ... }");
}

Test(config_load, user_and_group_must_exist)
{
	case_errors("user = \"no-such-user\"; group = \"no-such-group\";\n" FINE,
		"t.conf:1: user: found \"no-such-user\": this system has no such user; expected "
		"the name of a user\n"
		"t.conf:1: group: found \"no-such-group\": this system has no such group; expected "
		"the name of a "
		"group");
}

Test(config_load, a_log_needs_its_directory)
{
	case_errors("log = { target = \"/no/such/dir/x.log\";\n access = \"/tmp\"; };\n" FINE,
		"t.conf:1: log.target: found \"/no/such/dir/x.log\": its directory does not exist; "
		"expected a file "
		"that a log can be written to\n"
		"t.conf:2: log.access: found \"/tmp\": it is a directory; expected a file that a "
		"log can be written "
		"to");
}

Test(config_load, a_log_goes_to_a_known_place)
{
	case_errors("log = { target = \"off\";\n access = \"x.log\"; };\n" FINE,
		"t.conf:1: log.target: found \"off\"; expected \"stderr\", \"syslog\" or a file's "
		"path that begins "
		"with \"/\"\n"
		"t.conf:2: log.access: found \"x.log\"; expected \"off\", \"stderr\", \"syslog\" "
		"or a file's path "
		"that begins with \"/\"");
}

Test(config_load, durations_need_their_unit)
{
	case_errors("limits = { graceful_stop = 30; };\n" FINE,
		"t.conf:1: limits.graceful_stop: found integer 30; expected a duration such as "
		"\"5s\"");
	case_errors("limits = { graceful_stop = \"30\"; };\n" FINE,
		"t.conf:1: limits.graceful_stop: found \"30\"; expected a duration such as \"5s\"");
	case_errors("limits = { graceful_stop = \"2d\"; };\n" FINE,
		"t.conf:1: limits.graceful_stop: found \"2d\"; expected a duration from 0 to 1d");
	case_errors("limits = { graceful_stop = 0; };\n" FINE, "");
}

Test(config_load, a_socket_has_a_path_that_fits_and_a_mode_in_octal)
{
	char text[512], name[200] = "/";

	case_errors("status = { socket = \"run/x\";\n socket_mode = 0660; };\n" FINE,
		"t.conf:1: status.socket: found \"run/x\"; expected a socket's path such as "
		"\"/run/aegislb/aegislb.sock\"\n"
		"t.conf:2: status.socket_mode: found integer 660; expected octal digits in quotes "
		"such as \"0660\"");
	memset(name + 1, 'x', 107);
	snprintf(text, sizeof(text), "status = { socket = \"%s\"; };\n" FINE, name);
	case_errors(
		text, "t.conf:1: status.socket: found a text of 108 bytes; expected at most 107");
}

Test(config_load, a_syntax_error_shows_its_line)
{
	case_errors("workers = 1;\nlog = { level = \"info\"; format };\n",
		"t.conf:2: syntax error near \"log = { level = \"info\"; format };\"; expected KEY "
		"= VALUE; look here "
		"and on the line before for a missing comma or =");
}

Test(config_load, a_key_given_twice_is_named)
{
	case_errors(FINE "node = \"a\";\nnode = \"b\";\n",
		"t.conf:3: node: given twice in the same group; expected once");
	case_errors(FINE "log = { level = \"info\"; target = \"stderr\"; level = \"debug\"; };\n",
		"t.conf:2: level: given twice in the same group; expected once");
	case_errors(FINE "limits = { connections = 1;\n graceful_stop = 0; connections = 2; };\n",
		"t.conf:3: a key of this line is given twice in the same group; expected once");
}

Test(config_load, messages_hold_no_control_bytes)
{
	case_errors("node = \"a\\n\\x1b[2Jb\";\n" FINE,
		"t.conf:1: node: found \"a\\x0a\\x1b[2Jb\"; expected a name of up to 63 letters, "
		"digits, '-', '_', "
		"'.' and ':'");
	case_errors("cluster = { name = \"c\"; bind = \"10.0.0.1:7946\"; keys = "
		    "\"/no\\r\\x1b[2J\"; };\n" FINE,
		"t.conf:1: cluster.keys: /no\\x0d\\x1b[2J: No such file or directory; expected a "
		"file of mode 0600 with a line for each key, as aegislb --genkey prints them");
}

Test(config_load, messages_are_bounded)
{
	char *text = malloc(100000);
	struct config_report report = {0};
	size_t n = 0;

	cr_assert(text);
	for (int i = 0; i < 2000; i++)
		n += (size_t)sprintf(text + n, "unknown-%d = 1;\n", i);
	case_file("t.conf", text);
	free(text);
	cr_assert_null(config_load("t.conf", &report));
	cr_assert_eq(report.n_errors, 1001);
	cr_expect_str_eq(report.errors[1000], "1002 more are not shown");
	config_report_release(&report);
}

Test(config_load, a_listener_that_refuses_everyone_is_warned_of)
{
	case_warnings("listeners = ( { name = \"l\"; bind = [\"*:1\"]; } ); backends = ();\n",
		"t.conf:1: listeners[0]: neither routes nor default_backend: every connection will "
		"be refused");
}

/* The file with `from` replaced by `to`, wherever it stands. */
static char *file_with(const char *name, const char *from, const char *to)
{
	FILE *f = fopen(name, "r");
	char *all = NULL, line[512];
	size_t size;
	FILE *out = open_memstream(&all, &size);

	cr_assert(f && out, "%s", name);
	while (fgets(line, sizeof(line), f)) {
		char *at = strstr(line, from);

		if (at)
			fprintf(out, "%.*s%s%s", (int)(at - line), line, to, at + strlen(from));
		else
			fputs(line, out);
	}
	fclose(f);
	fclose(out);
	return all;
}

static char *example(const char *name)
{
	char *text = file_with(name, "= \"aegislb\";", "= \"root\";"), *again;

	case_file("example.conf", text);
	free(text);
	again = file_with(
		"example.conf", "access = \"/var/log/aegislb/access.log\"", "access = \"off\"");
	case_file("example.conf", again);
	free(again);
	case_key("cluster.key", 0600);
	return file_with("example.conf", "/etc/aegislb/cluster.key", CASE_KEY);
}

Test(config_load, the_installed_examples_load)
{
	char *text = example(TOP_SRCDIR "/etc/balancer.conf");
	struct config *c = case_load(text);

	cr_expect_str_eq(c->node, "lb-01");
	cr_expect_eq(c->n_listeners, 2);
	cr_expect_eq(c->backends[0].n_servers, 2);
	cr_expect_str_eq(c->cluster.name, "aegis");
	cr_expect_eq(c->cluster.n_vips, 1);
	config_free(c);
	free(text);
	text = example(TOP_SRCDIR "/etc/passthrough.conf");
	config_free(case_load(text));
	free(text);
}

Test(config_load, the_installed_example_of_a_backend_node_lacks_nothing_but_certificates)
{
	char *text = example(TOP_SRCDIR "/etc/backend-node.conf");

	case_file("example.conf", text);
	free(text);
	text = file_with("example.conf", "/etc/aegislb/certs", "/nowhere/certs");
	case_errors(text,
		"t.conf:22: listeners[0].tls.certificates: \"/nowhere/certs\": No such file or "
		"directory; expected a certificate, its chain and its key in PEM");
	free(text);
}

Test(config_load, of_the_whole_platform_only_what_comes_later_is_refused)
{
	char *text = example(TOP_SRCDIR "/tests/unit/src/platform/balancer.conf");

	config_free(case_load(text));
	free(text);
	text = example(TOP_SRCDIR "/tests/unit/src/platform/backend-node.conf");
	case_file("example.conf", text);
	free(text);
	text = file_with("example.conf", "/etc/aegislb/certs", "/nowhere/certs");
	case_errors(text,
		"t.conf:19: listeners[0].tls.certificates: \"/nowhere/certs\": No such file or "
		"directory; expected a certificate, its chain and its key in PEM\n"
		"t.conf:35: listeners[0].routes[5].rate_limit.store: \"redis\" is not supported "
		"yet by "
		"this version\n"
		"t.conf:62: redis: not supported yet by this version\n"
		"t.conf:64: discovery: not supported yet by this version");
	free(text);
}

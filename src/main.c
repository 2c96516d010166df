/* The command line: what is asked for, and the exit status that answers. */
#include "config-build.h"

#include "config/load.h"
#include "daemon.h"
#include "explain.h"
#include "genkey.h"
#include "version.h"

#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum action { SERVE, CHECK, EXPLAIN, GENKEY, SHOW_VERSION, SHOW_HELP };

struct call {
	enum action action;
	const char *file;
	const char *name; /* EXPLAIN */
	char *const *argv;
};

static const char help[] =
	"aegislb passes TLS connections on by their server name, and keeps watch over the "
	"servers.\n"
	"\n"
	"  aegislb -f FILE                        serve, in the foreground, as FILE says\n"
	"  aegislb -c -f FILE                     check FILE as a start would; prints every error "
	"in it\n"
	"  aegislb -f FILE --explain NAME[/PATH]  where a connection for NAME would go, and why\n"
	"  aegislb --genkey                       print a new cluster key line\n"
	"  aegislb --version                      versions of the program and its libraries\n"
	"  aegislb --help                         this text\n"
	"\n"
	"Exit status: 0 fine, 64 wrong usage, 71 refused by the system, 78 configuration refused,\n"
	"1 anything else. One line on standard error names the cause.\n"
	"\n"
	"Signals: TERM and INT stop gracefully, a second one at once; HUP reloads FILE; USR1 "
	"opens\n"
	"log files anew; USR2 lets the program on disk take over.\n"
	"While it runs, ask it with aegisctl. See aegislb(8), aegislb.conf(5), aegisctl(1).\n";

static bool misused(const char *what, const char *which)
{
	fprintf(stderr, "aegislb: %s%s; see aegislb --help\n", what, which);
	return false;
}

/* The option that getopt_long() stopped at, as it was written. */
static const char *bad_option(char **argv, char buf[3])
{
	if (optopt > ' ' && optopt <= '~') {
		snprintf(buf, 3, "-%c", optopt);
		return buf;
	}
	return argv[optind - 1];
}

static bool take_option(struct call *call, int option, char **argv)
{
	char buf[3];

	switch (option) {
	case 'f':
		call->file = optarg;
		return true;
	case 'c':
		call->action = CHECK;
		return true;
	case EXPLAIN:
		call->name = optarg;
		call->action = EXPLAIN;
		return true;
	case GENKEY:
	case SHOW_VERSION:
	case SHOW_HELP:
		call->action = (enum action)option;
		return true;
	case ':':
		return misused("an argument is missing after ", argv[optind - 1]);
	default:
		return misused("unknown option ", bad_option(argv, buf));
	}
}

static bool parse_call(int argc, char **argv, struct call *ret)
{
	static const struct option options[] = {
		{"explain", required_argument, NULL, EXPLAIN},
		{"genkey", no_argument, NULL, GENKEY},
		{"version", no_argument, NULL, SHOW_VERSION},
		{"help", no_argument, NULL, SHOW_HELP},
		{0},
	};
	struct call call = {.action = SERVE};
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":f:c", options, NULL)) != -1)
		if (!take_option(&call, option, argv))
			return false;
	if (optind < argc)
		return misused("unexpected argument ", argv[optind]);
	if (call.action <= EXPLAIN && !call.file)
		return misused("-f FILE is required", "");
	call.argv = argv;
	*ret = call;
	return true;
}

static void print_all(const char *prefix, char **texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fprintf(stderr, "aegislb: %s%s\n", prefix, texts[i]);
}

/* NULL where the configuration was refused, which was said. */
static struct config *load(const char *file, struct config_report *report)
{
	struct config *c = config_load(file, report);

	print_all("", report->errors, report->n_errors);
	return c;
}

/* Asked at the start: what stands there later may be another file, and this one's name then ends in "(deleted)". */
static const char *own_path(char buf[PATH_MAX], const char *called)
{
	ssize_t n = readlink("/proc/self/exe", buf, PATH_MAX - 1);

	if (n <= 0)
		return called;
	buf[n] = '\0';
	return buf;
}

static int serve(const struct call *call)
{
	struct config_report report = {0};
	struct takeover takeover;
	char path[PATH_MAX];
	struct daemon_call how = {own_path(path, call->argv[0]), call->argv, &takeover};
	struct config *c;
	int status = EX_CONFIG;

	takeover_begin(&takeover);
	c = load(call->file, &report);
	if (c)
		status = daemon_run(c, &how, report.warnings, report.n_warnings);
	else
		takeover_fail(&takeover, report.n_errors > 0 ? report.errors[0] : "?");
	takeover_release(&takeover);
	config_report_release(&report);
	return status;
}

/* For the calls that need no daemon: warnings go where errors go. */
static struct config *load_and_warn(const char *file)
{
	struct config_report report = {0};
	struct config *c = load(file, &report);

	print_all("warning: ", report.warnings, report.n_warnings);
	config_report_release(&report);
	return c;
}

/* A start makes a missing directory, but not the one above it. */
static void warn_directory(const struct config *c, const char *key, const char *dir)
{
	char above[4096];

	if (access(dir, F_OK) == 0)
		return;
	snprintf(above, sizeof(above), "%s", dir);
	if (access(dirname(above), W_OK | X_OK) < 0)
		fprintf(stderr,
			"aegislb: warning: %s: %s: the directory %s does not exist, and this user "
			"cannot make it\n",
			c->file, key, dir);
}

static int check(const struct call *call)
{
	struct config *c = load_and_warn(call->file);
	char folder[4096];

	if (!c)
		return EX_CONFIG;
	warn_directory(c, "state_dir", c->state_dir);
	snprintf(folder, sizeof(folder), "%s", c->status.socket);
	warn_directory(c, "status.socket", dirname(folder));
	printf("%s is fine: listeners %zu, backends %zu\n", c->file, c->n_listeners, c->n_backends);
	config_free(c);
	return EXIT_SUCCESS;
}

static int explain(const struct call *call)
{
	struct config *c = load_and_warn(call->file);

	if (!c)
		return EX_CONFIG;
	explain_name(c, call->name, stdout);
	config_free(c);
	return EXIT_SUCCESS;
}

static int answer(const struct call *call)
{
	switch (call->action) {
	case SERVE:
		return serve(call);
	case CHECK:
		return check(call);
	case EXPLAIN:
		return explain(call);
	case GENKEY:
		if (genkey_print(stdout))
			return EXIT_SUCCESS;
		fprintf(stderr, "aegislb: the key cannot be made or written\n");
		return EXIT_FAILURE;
	case SHOW_VERSION:
		version_print(stdout);
		return EXIT_SUCCESS;
	case SHOW_HELP:
		fputs(help, stdout);
		return EXIT_SUCCESS;
	}
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct call call;
	int status;

	if (!parse_call(argc, argv, &call))
		return EX_USAGE;
	status = answer(&call);
	if (fflush(stdout) != 0 || ferror(stdout))
		return EXIT_FAILURE;
	return status;
}

/* aegisctl: asks and steers a running aegislb over its status socket. */
#include "config-build.h"

#include "ctl/ask.h"
#include "ctl/status.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static const char default_socket[] = "/run/aegislb/aegislb.sock";

struct call {
	const char *socket;
	char *const *words;
	int n;
	bool coloured;
};

static int usage(FILE *out, int status)
{
	fputs("usage: aegisctl [-s SOCKET] [COMMAND…]\n"
	      "\n"
	      "  status               the node, what is wrong, listeners, backends, servers (the "
	      "default)\n"
	      "  watch [SECONDS]      the same, again and again\n"
	      "  events [N]           the last state changes\n"
	      "  drain B/S            no new connections to server S of backend B; open ones go "
	      "on\n"
	      "  maint B/S            the same, and no checks\n"
	      "  ready B/S            back into service\n"
	      "  explain NAME[/PATH]  where a connection for NAME would go\n"
	      "  diagnose NAME        why NAME does not work, and what to do\n"
	      "\n"
	      "Any other command goes to the socket as it stands; `aegisctl help` lists them.\n"
	      "SOCKET is that of -s, else of the environment's AEGISLB_SOCKET, else\n"
	      "/run/aegislb/aegislb.sock. Exit status: 0 done, 64 wrong usage, 1 refused or "
	      "unreachable.\n",
		out);
	return status;
}

static int exit_status(enum ask_status status)
{
	return status == ASK_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* --- a command as it stands --- */

/* Sends it; the answer goes to stdout, a refusal to stderr. */
static int pass_on(const char *socket, const char *command)
{
	char *answer;
	enum ask_status status = ask(socket, command, &answer);

	if (status == ASK_REFUSED)
		fprintf(stderr, "aegisctl: %s", answer);
	else if (status == ASK_OK)
		fputs(answer, stdout);
	free(answer);
	return exit_status(status);
}

/* Words with what the line's rules would take apart protected; a single one is a line already.
 * NULL: out of memory, or a line end within. */
static char *join(char *const *words, int n)
{
	size_t room = 1;
	char *line, *p;

	for (int i = 0; i < n; i++) {
		if (strchr(words[i], '\n'))
			return NULL;
		room += 2 * strlen(words[i]) + 1;
	}
	line = p = calloc(1, room);
	if (!line)
		return NULL;
	for (int i = 0; i < n; i++) {
		for (const char *w = words[i]; *w; w++) {
			if (n > 1 && strchr(" \t;\\", *w))
				*p++ = '\\';
			*p++ = *w;
		}
		if (i + 1 < n)
			*p++ = ' ';
	}
	return line;
}

static int run_raw(const struct call *c)
{
	char *line = join(c->words, c->n);
	int status;

	if (!line) {
		fputs("aegisctl: a command is one line\n", stderr);
		return EX_USAGE;
	}
	status = pass_on(c->socket, line);
	free(line);
	return status;
}

/* --- the forms for people --- */

static int run_status(const struct call *c)
{
	return exit_status(status_show(c->socket, c->coloured));
}

static int run_events(const struct call *c)
{
	const char *n = c->n > 1 ? c->words[1] : "20";

	if (n[0] == '\0' || n[strspn(n, "0123456789")] != '\0' || strlen(n) > 6)
		return usage(stderr, EX_USAGE);
	return exit_status(events_show(c->socket, n, c->coloured));
}

/* Goes on when nobody answers: a restart is what one wants to watch, too. Ends by a signal. */
static int run_watch(const struct call *c)
{
	char *end = NULL;
	unsigned long seconds = c->n > 1 ? strtoul(c->words[1], &end, 10) : 2;

	if ((end && *end) || seconds == 0 || seconds > 3600)
		return usage(stderr, EX_USAGE);
	for (;;) {
		if (isatty(STDOUT_FILENO))
			fputs("\033[H\033[2J", stdout);
		status_show(c->socket, c->coloured);
		if (fflush(stdout) != 0)
			return EXIT_FAILURE;
		sleep((unsigned)seconds);
	}
}

static int run_state(const struct call *c)
{
	char *words[] = {(char[]){"set"}, (char[]){"server"}, c->words[1], (char[]){"state"},
		c->words[0], (char[]){"local"}};
	struct call set = {.socket = c->socket, .words = words, .n = c->n > 2 ? 6 : 5};

	if (c->n > 2 && strcmp(c->words[2], "local") != 0)
		return usage(stderr, EX_USAGE);

	return run_raw(&set);
}

static const struct {
	const char *word;
	int min, max; /* further words */
	int (*run)(const struct call *c);
} forms[] = {
	{"status", 0, 0, run_status},
	{"watch", 0, 1, run_watch},
	{"events", 0, 1, run_events},
	{"drain", 1, 2, run_state},
	{"maint", 1, 2, run_state},
	{"ready", 1, 2, run_state},
};

static int run(const struct call *c)
{
	if (c->n == 0)
		return run_status(c);
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (strcmp(c->words[0], forms[i].word) != 0)
			continue;
		if (c->n - 1 < forms[i].min || c->n - 1 > forms[i].max)
			return usage(stderr, EX_USAGE);
		return forms[i].run(c);
	}
	return run_raw(c);
}

/* Colour is for terminals whose owner did not say no (https://no-color.org). */
static bool wants_colour(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"socket", required_argument, NULL, 's'},
		{"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'v'}, {0}};
	const char *from_environment = getenv("AEGISLB_SOCKET");
	struct call c = {.socket = from_environment && *from_environment ? from_environment
									 : default_socket};
	int option, status;

	while ((option = getopt_long(argc, argv, "+s:h", options, NULL)) != -1) {
		if (option == 'h')
			return usage(stdout, EXIT_SUCCESS);
		if (option == 'v') {
			printf("aegisctl %s\n", PACKAGE_VERSION);
			return EXIT_SUCCESS;
		}
		if (option != 's')
			return usage(stderr, EX_USAGE);
		c.socket = optarg;
	}
	c.words = argv + optind;
	c.n = argc - optind;
	c.coloured = wants_colour();
	status = run(&c);
	return fflush(stdout) == 0 ? status : EXIT_FAILURE;
}

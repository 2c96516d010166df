#include "config-build.h"

#include "control/notifier.h"

#include "base/list.h"
#include "log.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* One change, as the environment that it is told in. */
struct change {
	struct list node;
	char *vars[NOTIFIER_VARS_MAX + 5]; /* ended by NULL; the first says what it is */
	size_t n;
};

struct notifier {
	struct event_base *base;
	const char *program, *node_name, *cluster;
	struct list waiting;
	unsigned n_waiting;
	uint64_t dropped;
	/* the run under way; pid 0: none */
	struct change *running;
	pid_t pid;
	int pidfd;
	struct event *ended, *limit;
};

static void start_next(struct notifier *n);

/* --- changes --- */

static void change_free(struct change *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n; i++)
		free(c->vars[i]);
	free(c);
}

/* False: out of memory. */
static bool add_var(struct change *c, const char *name, const char *value)
{
	if (!value)
		return true;
	if (asprintf(&c->vars[c->n], "AEGISLB_%s=%s", name, value) < 0) {
		c->vars[c->n] = NULL;
		return false;
	}
	c->n++;
	return true;
}

static struct change *change_new(
	const struct notifier *n, const char *event, const struct notifier_var *vars)
{
	struct change *c = calloc(1, sizeof(*c));
	char time[LOG_TIME_MAX];
	bool ok;

	if (!c)
		return NULL;
	ok = add_var(c, "EVENT", event) && add_var(c, "NODE", n->node_name) &&
	     add_var(c, "CLUSTER", n->cluster) && add_var(c, "TIME", log_time(log_wall_us(), time));
	for (size_t i = 0; ok && vars[i].name && i < NOTIFIER_VARS_MAX; i++)
		ok = add_var(c, vars[i].name, vars[i].value);
	if (ok)
		return c;
	change_free(c);
	return NULL;
}

/* --- one run --- */

/* The environment of this process and that of the change; the array is the caller's. */
static char **environment(const struct change *c)
{
	size_t own = 0;
	char **all;

	while (environ[own])
		own++;
	all = calloc(own + c->n + 1, sizeof(*all));
	if (!all)
		return NULL;
	memcpy(all, c->vars, c->n * sizeof(*all));
	memcpy(all + c->n, environ, own * sizeof(*all));
	return all;
}

/* Returns 0 or an errno. */
static int spawn(const char *program, char **env, pid_t *ret_pid)
{
	char *const argv[] = {(char *)(uintptr_t)program, NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t all, none;
	int error;

	sigfillset(&all);
	sigemptyset(&none);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(
		&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	error = posix_spawn(ret_pid, program, &files, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return error;
}

static void drop_event(struct event **e)
{
	if (*e)
		event_free(*e);
	*e = NULL;
}

static void end_run(struct notifier *n)
{
	drop_event(&n->ended);
	evtimer_del(n->limit);
	if (n->pidfd >= 0)
		close(n->pidfd);
	n->pidfd = -1;
	n->pid = 0;
	change_free(n->running);
	n->running = NULL;
}

/* It may have gone from the configuration while it ran. */
static const char *name_of(const struct notifier *n)
{
	return n->program ? n->program : "the program";
}

static void on_ended(evutil_socket_t fd, short what, void *arg)
{
	struct notifier *n = arg;
	int status = 0;

	(void)fd;
	(void)what;
	if (waitpid(n->pid, &status, WNOHANG) == 0)
		return;
	if (WIFSIGNALED(status))
		log_warning("notify", "%s was ended by signal %d (%s)", name_of(n),
			WTERMSIG(status), n->running->vars[0]);
	else if (WEXITSTATUS(status) != 0)
		log_warning("notify", "%s ended with status %d (%s)", name_of(n),
			WEXITSTATUS(status), n->running->vars[0]);
	end_run(n);
	start_next(n);
}

/* Its end is noticed as any other. */
static void on_limit(evutil_socket_t fd, short what, void *arg)
{
	struct notifier *n = arg;

	(void)fd;
	(void)what;
	log_warning("notify", "%s takes longer than %d s and is killed (%s)", name_of(n),
		NOTIFIER_RUN_MS / 1000, n->running->vars[0]);
	kill(-n->pid, SIGKILL);
}

static bool watch(struct notifier *n)
{
	static const struct timeval limit = {NOTIFIER_RUN_MS / 1000, 0};

	n->pidfd = pidfd_open(n->pid, 0);
	if (n->pidfd >= 0)
		n->ended = event_new(n->base, n->pidfd, EV_READ | EV_PERSIST, on_ended, n);
	return n->ended && event_add(n->ended, NULL) == 0 && evtimer_add(n->limit, &limit) == 0;
}

static void run(struct notifier *n, struct change *c)
{
	char **env = environment(c);
	int error = env ? spawn(n->program, env, &n->pid) : ENOMEM;

	free(env);
	n->running = c;
	if (error) {
		log_error("notify", "%s cannot be run: %s (%s)", n->program, strerror(error),
			c->vars[0]);
		end_run(n);
		return;
	}
	if (watch(n))
		return;
	/* Out of descriptors or memory: better no news than a process that nobody watches. */
	log_error(
		"notify", "%s cannot be watched: %s (%s)", n->program, strerror(errno), c->vars[0]);
	kill(-n->pid, SIGKILL);
	waitpid(n->pid, NULL, 0);
	end_run(n);
}

static void start_next(struct notifier *n)
{
	while (!n->running && !list_is_empty(&n->waiting)) {
		struct change *c = container_of(n->waiting.next, struct change, node);

		list_del(&c->node);
		n->n_waiting--;
		run(n, c);
	}
}

/* --- for the others --- */

void notifier_add(struct notifier *n, const char *event, const struct notifier_var *vars)
{
	struct change *c;

	if (!n || !n->program)
		return;
	c = n->n_waiting < NOTIFIER_QUEUE_MAX ? change_new(n, event, vars) : NULL;
	if (!c) {
		if (n->dropped++ == 0)
			log_warning("notify",
				"%s does not keep up: %d changes wait for it, further ones are "
				"dropped",
				n->program, NOTIFIER_QUEUE_MAX);
		return;
	}
	list_add_tail(&n->waiting, &c->node);
	n->n_waiting++;
	start_next(n);
}

static void drop_waiting(struct notifier *n)
{
	list_for_each_safe (it, &n->waiting)
		change_free(container_of(it, struct change, node));
	list_init(&n->waiting);
	n->n_waiting = 0;
}

void notifier_set_program(struct notifier *n, const char *program)
{
	if (!n)
		return;
	n->program = program;
	if (!program)
		drop_waiting(n);
}

uint64_t notifier_dropped(const struct notifier *n)
{
	return n ? n->dropped : 0;
}

/* --- life --- */

struct notifier *notifier_new(
	struct event_base *base, const char *program, const char *node, const char *cluster)
{
	struct notifier *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	*n = (struct notifier){
		.base = base,
		.program = program,
		.node_name = node,
		.cluster = cluster,
		.pidfd = -1,
	};
	list_init(&n->waiting);
	n->limit = evtimer_new(base, on_limit, n);
	if (n->limit)
		return n;
	free(n);
	return NULL;
}

void notifier_free(struct notifier *n)
{
	if (!n)
		return;
	drop_waiting(n);
	end_run(n);
	event_free(n->limit);
	free(n);
}

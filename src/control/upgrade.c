#include "config-build.h"

#include "control/upgrade.h"

#include "config/restart.h"
#include "control/carry.h"
#include "control/cluster.h"
#include "control/stop.h"
#include "control/store.h"
#include "log.h"
#include "net/fdpass.h"
#include "notify.h"
#include "takeover.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>

extern char **environ;

enum {
	LIMIT_MS = 15000,    /* from its start until it is ready */
	SEND_LIMIT_MS = 500, /* it does not read: nothing else may wait for it here */
	REAP_LOOK_MS = 5,
	SUCCESSOR_LOOK_MS = 100,
	WHO_MAX = 128,
	WHY_MAX = 512,
};

/* In this order; a failure leads back to IDLE. */
enum phase { IDLE, STARTED, TALKING, ENDING, HANDED_OVER };

struct upgrade {
	struct control *control;
	const char *program;
	char *const *argv;
	enum phase phase;
	pid_t pid;
	int fd;
	struct event *readable, *limit, *reap;
	struct store_waiter kept;
	struct list waiting;
	char who[WHO_MAX], why[WHY_MAX];
};

/* --- the end of it --- */

static void tell(struct upgrade *u, const char *why)
{
	while (!list_is_empty(&u->waiting)) {
		struct upgrade_waiter *w =
			container_of(u->waiting.next, struct upgrade_waiter, waits);

		list_del(&w->waits);
		w->done(w->arg, why, (int)u->pid);
	}
}

static void hang_up(struct upgrade *u)
{
	if (u->readable)
		event_free(u->readable);
	u->readable = NULL;
	evtimer_del(u->limit);
	store_cancel(&u->kept);
	if (u->fd >= 0)
		close(u->fd);
	u->fd = -1;
}

static void failed(struct upgrade *u)
{
	u->phase = IDLE;
	u->control->holds = NULL;
	store_thaw(u->control->store);
	log_error("upgrade", "asked for %s: %s; this process, %d, serves on", u->who, u->why,
		(int)getpid());
	events_add(u->control->events, "upgrade failed: %s", u->why);
	tell(u, u->why);
}

static void say_status(struct upgrade *u, int status)
{
	size_t n = strlen(u->why);

	if (n > 0)
		return;
	if (WIFSIGNALED(status))
		snprintf(u->why, sizeof(u->why), "the new program was ended by signal %d (%s)",
			WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(u->why, sizeof(u->why),
			"the new program ended with status %d: its last line on standard error "
			"names the cause",
			WEXITSTATUS(status));
}

/* Its child, so only this process is told at once that it died: the service manager would learn of it from its watchdog.
 * A successor that ended in order was told to. */
static void successor_ended(struct upgrade *u, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	say_status(u, status);
	log_error("upgrade", "process %d, which had taken over, is gone: %s", (int)u->pid, u->why);
	notify_failure();
}

static void on_reap(evutil_socket_t fd, short what, void *arg)
{
	struct upgrade *u = arg;
	const struct timeval again = {
		0, (u->phase == HANDED_OVER ? SUCCESSOR_LOOK_MS : REAP_LOOK_MS) * 1000};
	int status = 0;

	(void)fd;
	(void)what;
	if (waitpid(u->pid, &status, WNOHANG) == 0) {
		evtimer_add(u->reap, &again);
		return;
	}
	if (u->phase == HANDED_OVER)
		return successor_ended(u, status);
	say_status(u, status);
	failed(u);
}

/* Whatever it is doing: it goes, and when it is gone, that is told. `why` NULL: its status will say. */
static void give_up(struct upgrade *u, const char *why)
{
	snprintf(u->why, sizeof(u->why), "%s", why ? why : "");
	hang_up(u);
	u->phase = ENDING;
	if (why)
		kill(u->pid, SIGKILL);
	on_reap(-1, 0, u);
}

static void give_up_telling(struct upgrade *u, int err)
{
	char why[WHY_MAX];

	snprintf(why, sizeof(why), "the new program cannot be told what it needs: %s",
		strerror(-err));
	give_up(u, why);
}

/* --- what it gets --- */

/* Takes `o`. */
static int say(struct upgrade *u, json_t *o, const int *fds, size_t n)
{
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	int err = text ? fdpass_send(u->fd, text, strlen(text), fds, n) : -ENOMEM;

	free(text);
	json_decref(o);
	return err == -EAGAIN ? -ETIMEDOUT : err;
}

static int give(void *arg, const char *name, const int *fds, size_t n)
{
	return say(arg, json_pack("{s:s,s:s}", "type", "socket", "name", name), fds, n);
}

/* NULL: there was no memory for them. */
static int say_with(struct upgrade *u, const char *type, const void *bytes, size_t n)
{
	int fd = bytes ? memfd_create("aegislb-state", MFD_CLOEXEC) : -1, err = -ENOMEM;

	if (fd >= 0)
		err = write(fd, bytes, n) == (ssize_t)n
			      ? say(u, json_pack("{s:s}", "type", type), &fd, 1)
			      : -ENOSPC;
	if (fd >= 0)
		close(fd);
	return err;
}

static int give_state(struct upgrade *u)
{
	char *text = carry_text(u->control);
	int err = say_with(u, "state", text, text ? strlen(text) : 0);

	free(text);
	return err;
}

/* From its writing on this process says nothing to others, whom the next one may have told more already. */
static int say_go(struct upgrade *u)
{
	size_t n = 0;
	uint8_t *bytes;
	int err;

	cluster_pause(u->control->cluster);
	bytes = carry_cluster(u->control, &n);
	err = say_with(u, "go", bytes, n);
	free(bytes);
	if (err < 0)
		cluster_go_on(u->control->cluster);
	return err;
}

/* What was answered is on disk by now, and the file stays as it is. */
static void give_all(void *arg)
{
	struct upgrade *u = arg;
	int err;

	if (store_wait(u->control->store, &u->kept))
		return;
	store_freeze(u->control->store);
	err = control_each_socket(u->control, give, u);
	if (err == 0)
		err = give_state(u);
	if (err == 0)
		err = say(u, json_pack("{s:s}", "type", "end"), NULL, 0);
	if (err < 0)
		give_up_telling(u, err);
}

static const char *cluster_objection(const struct control *c, const json_t *o)
{
	const char *theirs = json_string_value(json_object_get(o, "cluster"));
	char *ours = config_cluster_text(c->config);
	bool same = ours && theirs && strcmp(ours, theirs) == 0;

	free(ours);
	if (!same)
		return "an upgrade can change nothing of the group `cluster` but peers and notify: "
		       "restart instead";
	if (json_integer_value(json_object_get(o, "cluster_format")) != CARRY_CLUSTER)
		return "the new program goes on with a membership that is written another way than "
		       "this one "
		       "writes it: hand over the virtual addresses (\"move vip\") and restart";
	return NULL;
}

/* NULL: it may take over. */
static const char *objection(const struct upgrade *u, const json_t *o)
{
	const struct control *c = u->control;
	const char *node = json_string_value(json_object_get(o, "node"));

	if (json_integer_value(json_object_get(o, "protocol")) < 1)
		return "the new program speaks no version of the handover that this one knows";
	if (json_integer_value(json_object_get(o, "workers")) != (json_int_t)c->n_workers)
		return "an upgrade cannot change `workers`: restart instead";
	if (!node || strcmp(node, c->config->node) != 0)
		return "an upgrade cannot change `node`: restart instead";
	return cluster_enabled(c->cluster) ? cluster_objection(c, o) : NULL;
}

static void on_hello(struct upgrade *u, const json_t *o)
{
	const char *no = objection(u, o);

	if (no) {
		say(u, json_pack("{s:s,s:s}", "type", "failed", "why", no), NULL, 0);
		give_up(u, no);
		return;
	}
	u->phase = TALKING;
	u->control->holds = "an upgrade is under way, nothing changed: try again in a moment";
	give_all(u);
}

/* --- the handover --- */

static bool is_taken(const void *taken, const char *name)
{
	const json_t *a = taken;

	for (size_t i = 0; i < json_array_size(a); i++) {
		const char *taken_name = json_string_value(json_array_get(a, i));

		if (taken_name && strcmp(taken_name, name) == 0)
			return true;
	}
	return false;
}

static void on_ready(struct upgrade *u, const json_t *o)
{
	struct control *c = u->control;
	int err = say_go(u);

	if (err < 0)
		return give_up_telling(u, err);
	u->phase = HANDED_OVER;
	c->holds = "another process has taken over, nothing changed: connect anew";
	notify_successor((int)u->pid);
	store_abandon(c->store);
	log_notice("upgrade", "asked for %s: process %d serves now", u->who, (int)u->pid);
	hang_up(u);
	tell(u, NULL);
	u->why[0] = '\0';
	on_reap(-1, 0, u);
	stop_hand_over(c->stop, is_taken, json_object_get(o, "taken"));
}

static void on_message(struct upgrade *u, const json_t *o)
{
	const char *type = json_string_value(json_object_get(o, "type"));
	const char *why = json_string_value(json_object_get(o, "why"));
	json_t *taken = json_object_get(o, "taken");

	if (!type)
		return give_up(u, "the new program says what is no message");
	if (strcmp(type, "failed") == 0)
		return give_up(u, why ? why : "the new program failed");
	if (strcmp(type, "hello") == 0 && u->phase == STARTED)
		return on_hello(u, o);
	if (strcmp(type, "ready") == 0 && u->phase == TALKING && taken)
		return on_ready(u, o);
	give_up(u, "the new program says what is out of turn");
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct fdpass_message *m = malloc(sizeof(*m));
	struct upgrade *u = arg;
	int err = m ? fdpass_receive(fd, m, 0) : -ENOMEM;
	json_t *o;

	(void)what;
	if (err == 0) {
		o = json_loadb(m->bytes, m->n_bytes, 0, NULL);
		fdpass_close(m);
		on_message(u, o);
		json_decref(o);
	} else if (err != -EAGAIN) {
		give_up(u, err == -EPIPE ? NULL : strerror(-err));
	}
	free(m);
}

static void on_limit(evutil_socket_t fd, short what, void *arg)
{
	char why[WHY_MAX];

	(void)fd;
	(void)what;
	snprintf(why, sizeof(why), "the new program was not ready after %d s, and was ended",
		LIMIT_MS / 1000);
	give_up(arg, why);
}

/* --- its start --- */

/* As another user than root a program that is executed keeps its rights only if they are ambient: for this moment. */
static void lend_rights(bool on)
{
	static const int rights[] = {CAP_NET_BIND_SERVICE, CAP_NET_ADMIN, CAP_NET_RAW};

	if (geteuid() == 0)
		return;
	for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++)
		prctl(PR_CAP_AMBIENT, on ? PR_CAP_AMBIENT_RAISE : PR_CAP_AMBIENT_LOWER, rights[i],
			0, 0);
}

/* The environment with the number of its end. */
static char **environment(char *entry)
{
	size_t n = 0;
	char **env;

	while (environ[n])
		n++;
	env = calloc(n + 2, sizeof(*env));
	if (!env)
		return NULL;
	memcpy(env, environ, n * sizeof(*env));
	env[n] = entry;
	return env;
}

static int spawn(struct upgrade *u, int end, char **env)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int err;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, end, end); /* not closed by the exec */
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	lend_rights(true);
	err = posix_spawn(&u->pid, u->program, &files, &attr, u->argv, env);
	lend_rights(false);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return err;
}

static int start(struct upgrade *u)
{
	static const struct timeval limit = {0, SEND_LIMIT_MS * 1000};
	char entry[64];
	int ends[2], err = -fdpass_pair(ends);
	char **env;

	if (err)
		return err;
	snprintf(entry, sizeof(entry), TAKEOVER_ENV "=%d", ends[1]);
	env = environment(entry);
	err = env ? spawn(u, ends[1], env) : ENOMEM;
	free(env);
	close(ends[1]);
	if (err) {
		close(ends[0]);
		return err;
	}
	u->fd = ends[0];
	setsockopt(u->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	u->readable = event_new(u->control->base, u->fd, EV_READ | EV_PERSIST, on_readable, u);
	if (u->readable && event_add(u->readable, NULL) == 0)
		return 0;
	kill(u->pid, SIGKILL);
	waitpid(u->pid, NULL, 0);
	hang_up(u);
	return ENOMEM;
}

static const char *not_now(const struct upgrade *u)
{
	if (u->control->phase != CONTROL_SERVING)
		return "this process is stopping";
	if (u->phase != IDLE)
		return "an upgrade is under way already";
	return NULL;
}

void upgrade_request(struct upgrade *u, const char *who, struct upgrade_waiter *waiter)
{
	static const struct timeval limit = {LIMIT_MS / 1000, 0};
	const char *no = not_now(u);
	int err;

	if (no) {
		log_error("upgrade", "asked for %s: %s", who, no);
		if (waiter)
			waiter->done(waiter->arg, no, 0);
		return;
	}
	snprintf(u->who, sizeof(u->who), "%s", who);
	if (waiter)
		list_add_tail(&u->waiting, &waiter->waits);
	err = start(u);
	if (err) {
		snprintf(u->why, sizeof(u->why), "%s cannot be started: %s", u->program,
			strerror(err));
		failed(u);
		return;
	}
	u->phase = STARTED;
	evtimer_add(u->limit, &limit);
	log_notice("upgrade", "asked for %s: %s is started as process %d", who, u->program,
		(int)u->pid);
}

/* --- life --- */

struct upgrade *upgrade_new(struct control *c, const char *program, char *const *argv)
{
	struct upgrade *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->control = c;
	u->program = program;
	u->argv = argv;
	u->fd = -1;
	u->kept = (struct store_waiter){.cb = give_all, .arg = u};
	list_init(&u->waiting);
	u->limit = evtimer_new(c->base, on_limit, u);
	u->reap = evtimer_new(c->base, on_reap, u);
	if (u->limit && u->reap)
		return u;
	upgrade_free(u);
	return NULL;
}

void upgrade_free(struct upgrade *u)
{
	if (!u)
		return;
	if (u->limit)
		hang_up(u);
	if (u->phase == STARTED || u->phase == TALKING || u->phase == ENDING) {
		kill(u->pid, SIGKILL);
		waitpid(u->pid, NULL, 0);
	}
	if (u->limit)
		event_free(u->limit);
	if (u->reap)
		event_free(u->reap);
	free(u);
}

#include "config-build.h"

#include "takeover.h"

#include "net/fdpass.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

bool takeover_begin(struct takeover *t)
{
	const char *text = getenv(TAKEOVER_ENV);
	char *end;
	long fd;

	*t = (struct takeover){.fd = -1};
	inherit_init(&t->inherited);
	if (!text)
		return false;
	fd = strtol(text, &end, 10);
	unsetenv(TAKEOVER_ENV);
	if (*end || fd <= STDERR_FILENO || fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0)
		return false;
	t->fd = (int)fd;
	return true;
}

void takeover_release(struct takeover *t)
{
	inherit_release(&t->inherited);
	/* There are secrets in it. */
	if (t->state)
		explicit_bzero(t->state, strlen(t->state));
	free(t->state);
	free(t->membership);
	t->state = t->membership = NULL;
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
}

/* --- messages --- */

/* Takes `o`. */
static int say(struct takeover *t, json_t *o)
{
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	int err = text ? fdpass_send(t->fd, text, strlen(text), NULL, 0) : -ENOMEM;

	free(text);
	json_decref(o);
	return err;
}

void takeover_fail(struct takeover *t, const char *why)
{
	if (t->fd >= 0)
		say(t, json_pack("{s:s,s:s}", "type", "failed", "why", why));
}

static bool refuse(char *why, size_t why_size, const char *what, int err)
{
	snprintf(why, why_size, "upgrade: %s: %s", what, strerror(-err));
	return false;
}

/* What the memfd holds, with a NUL behind. */
static char *read_all(int fd, size_t *ret_n)
{
	struct stat st;
	char *text = fstat(fd, &st) == 0 ? malloc((size_t)st.st_size + 1) : NULL;

	if (text && pread(fd, text, (size_t)st.st_size, 0) == st.st_size) {
		text[st.st_size] = '\0';
		*ret_n = (size_t)st.st_size;
		return text;
	}
	free(text);
	return NULL;
}

static bool take_sockets(struct takeover *t, const json_t *o, struct fdpass_message *m)
{
	const char *name = json_string_value(json_object_get(o, "name"));

	if (!name)
		return false;
	if (!inherit_add(&t->inherited, name, m->fds, m->n_fds)) {
		m->n_fds = 0;
		return false;
	}
	m->n_fds = 0;
	return true;
}

enum step { MORE, DONE, WRONG };

static enum step take_state(struct takeover *t, const struct fdpass_message *m)
{
	size_t n;

	free(t->state);
	t->state = read_all(m->fds[0], &n);
	return t->state ? MORE : WRONG;
}

/* The other one has let go by now: without it this is a new start of the node. */
static enum step go(struct takeover *t, const struct fdpass_message *m)
{
	if (m->n_fds == 1 && !t->membership)
		t->membership = read_all(m->fds[0], &t->membership_n);
	return DONE;
}

static enum step take(
	struct takeover *t, const json_t *o, struct fdpass_message *m, char *why, size_t why_size)
{
	const char *type = json_string_value(json_object_get(o, "type"));
	const char *reason = json_string_value(json_object_get(o, "why"));

	snprintf(why, why_size, "upgrade: a message of the running program is malformed");
	if (!type)
		return WRONG;
	if (strcmp(type, "failed") == 0) {
		snprintf(why, why_size, "upgrade: the running program refuses: %s",
			reason ? reason : "it does not say why");
		return WRONG;
	}
	if (strcmp(type, "socket") == 0)
		return take_sockets(t, o, m) ? MORE : WRONG;
	if (strcmp(type, "state") == 0 && m->n_fds == 1)
		return take_state(t, m);
	if (strcmp(type, "go") == 0)
		return go(t, m);
	return strcmp(type, "end") == 0 ? DONE : MORE;
}

/* Until "end" or "go". */
static bool listen_to(struct takeover *t, char *why, size_t why_size)
{
	struct fdpass_message *m = malloc(sizeof(*m));
	enum step step = m ? MORE : WRONG;

	snprintf(why, why_size, "out of memory");
	while (step == MORE) {
		int err = fdpass_receive(t->fd, m, TAKEOVER_WAIT_MS);
		json_t *o;

		if (err < 0) {
			refuse(why, why_size, "the running program does not answer", err);
			break;
		}
		o = json_loadb(m->bytes, m->n_bytes, 0, NULL);
		step = take(t, o, m, why, why_size);
		json_decref(o);
		fdpass_close(m);
	}
	free(m);
	return step == DONE;
}

/* --- the talk --- */

bool takeover_receive(
	struct takeover *t, const struct takeover_who *who, char *why, size_t why_size)
{
	int err = say(t, json_pack("{s:s,s:i,s:s,s:s,s:i,s:s,s:i}", "type", "hello", "protocol",
				 TAKEOVER_PROTOCOL, "version", who->version, "node", who->node,
				 "workers", (int)who->workers, "cluster", who->cluster,
				 "cluster_format", who->cluster_format));

	if (err < 0)
		return refuse(why, why_size, "the running program is gone", err);
	return listen_to(t, why, why_size);
}

bool takeover_ready(struct takeover *t, char *why, size_t why_size)
{
	json_t *taken = json_array();
	int err;

	list_for_each (it, &t->inherited.all) {
		struct inherit_entry *e = container_of(it, struct inherit_entry, in_all);

		if (e->taken)
			json_array_append_new(taken, json_string(e->name));
	}
	err = say(t, json_pack("{s:s,s:o}", "type", "ready", "taken", taken));
	if (err < 0)
		return refuse(why, why_size, "the running program is gone", err);
	return listen_to(t, why, why_size);
}

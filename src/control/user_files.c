#include "control/user_files.h"

#include "log.h"
#include "users.h"

#include <stdlib.h>
#include <string.h>

enum { LOOK_S = 2 };

struct user_files {
	struct control *control;
	struct event *timer;
	struct view_auth *served; /* one use of it is ours; NULL: none yet */
	uint64_t complained_us;
};

/* --- what the configuration asks for --- */

static const struct config_auth *auth_of(const struct config *c, size_t listener, size_t route)
{
	return &c->listeners[listener].routes[route].auth;
}

static size_t count_routes(const struct config *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_listeners; i++)
		n += c->listeners[i].n_routes;
	return n;
}

static struct users *find(const struct view_auth *a, const char *path)
{
	for (size_t i = 0; a && i < a->n; i++)
		if (strcmp(users_path(a->all[i]), path) == 0)
			return a->all[i];
	return NULL;
}

/* --- one file --- */

static void complain(struct user_files *f, const char *path, const char *why)
{
	uint64_t now = log_wall_us();

	if (f->complained_us && now - f->complained_us < 60000000)
		return;
	f->complained_us = now;
	log_warning("auth",
		"the users of %s cannot be taken up: %s; those read before are served on; mend the "
		"file, it is looked at every %d s",
		path, why, LOOK_S);
}

/* As it is: the one that is served, or read again. */
static struct users *renew(struct user_files *f, const struct config_auth *auth, bool *ret_changed)
{
	struct users *before = find(f->served, auth->file), *now;
	char why[USERS_WHY_MAX];

	if (!before) {
		*ret_changed = true;
		before = auth->users;
	}
	if (!users_are_stale(before))
		return users_use(before);
	now = users_load(auth->file, why);
	if (!now) {
		complain(f, auth->file, why);
		return users_use(before);
	}
	*ret_changed = true;
	f->complained_us = 0;
	log_notice("auth", "%s is taken up as it is now: %zu user%s", auth->file, users_count(now),
		users_count(now) == 1 ? "" : "s");
	return now;
}

/* --- all of them --- */

static bool add_routes(struct user_files *f, struct view_auth *next)
{
	const struct config *c = f->control->config;
	bool changed = false;

	for (size_t i = 0; i < c->n_listeners; i++)
		for (size_t k = 0; k < c->listeners[i].n_routes; k++) {
			const struct config_auth *auth = auth_of(c, i, k);

			if (auth->file && !find(next, auth->file))
				next->all[next->n++] = renew(f, auth, &changed);
		}
	return changed || (f->served && f->served->n != next->n);
}

static bool look(struct user_files *f)
{
	struct view_auth *next = view_auth_new(count_routes(f->control->config));

	if (!next)
		return false;
	if (!add_routes(f, next)) {
		view_auth_drop(next);
		return true;
	}
	view_auth_drop(f->served);
	f->served = next;
	servers_set_auth(f->control->servers, view_auth_use(next));
	return true;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	look(arg);
}

struct user_files *user_files_new(struct control *c)
{
	const struct timeval interval = {.tv_sec = LOOK_S};
	struct user_files *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->control = c;
	f->timer = event_new(c->base, -1, EV_PERSIST, on_timer, f);
	if (look(f) && f->timer && event_add(f->timer, &interval) == 0)
		return f;
	user_files_free(f);
	return NULL;
}

void user_files_free(struct user_files *f)
{
	if (!f)
		return;
	if (f->timer)
		event_free(f->timer);
	view_auth_drop(f->served);
	free(f);
}

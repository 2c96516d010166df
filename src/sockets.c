#include "sockets.h"

#include "net/handshakes.h"
#include "net/listener_fd.h"
#include "net/stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void sockets_init(struct sockets *s, size_t n_workers)
{
	*s = (struct sockets){.n_workers = n_workers};
	list_init(&s->all);
}

static struct socket_set *set_of(struct list *node)
{
	return container_of(node, struct socket_set, in_all);
}

static void close_set(struct sockets *s, struct socket_set *set)
{
	for (size_t i = 0; i < s->n_workers; i++)
		close(set->fds[i]);
	list_del(&set->in_all);
	free(set);
}

void sockets_close_all(struct sockets *s)
{
	list_for_each_safe (it, &s->all)
		close_set(s, set_of(it));
}

void sockets_release(struct sockets *s)
{
	if (s->all.next)
		sockets_close_all(s);
}

/* --- prepare, commit, roll back --- */

static struct socket_set *find(struct sockets *s, const struct addr *addr)
{
	list_for_each (it, &s->all)
		if (addr_eq(&set_of(it)->addr, addr))
			return set_of(it);
	return NULL;
}

/* The file names the address to listen on by a name of ours, where there is room for it: who opens it knows the listener. */
struct place {
	const char *listener;
	const struct config_bind *bind;
	char *why;
	size_t why_size;
};

static struct socket_set *open_set(struct sockets *s, const struct place *at)
{
	struct listener_fd_error error;
	char name[INHERIT_NAME_MAX];
	struct socket_set *set = malloc(sizeof(*set) + s->n_workers * sizeof(set->fds[0]));

	if (!set) {
		snprintf(at->why, at->why_size, "out of memory");
		return NULL;
	}
	*set = (struct socket_set){.addr = at->bind->addr, .number = ++s->number};
	inherit_name("listener", &at->bind->addr, name);
	if (!inherit_take(s->inherit, name, set->fds, s->n_workers) &&
		!listener_fd_open(&at->bind->addr, set->fds, s->n_workers, &error)) {
		snprintf(at->why, at->why_size, "listener %s cannot listen on %s: %s: %s",
			at->listener, at->bind->text, error.what, strerror(error.number));
		free(set);
		return NULL;
	}
	list_add_tail(&s->all, &set->in_all);
	return set;
}

static bool prepare_listener(struct sockets *s, struct generation *g, size_t i, struct place *at)
{
	const struct config_listener *l = &g->config->listeners[i];

	at->listener = l->name;
	for (size_t b = 0; b < l->n_binds; b++) {
		struct socket_set *set = find(s, &l->binds[b].addr);

		at->bind = &l->binds[b];
		if (!set)
			set = open_set(s, at);
		if (!set)
			return false;
		g->sockets[g->n_sockets++] =
			(struct generation_socket){set->number, g->listener_slots[i], set->fds};
	}
	return true;
}

static size_t count_binds(const struct config *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_listeners; i++)
		n += c->listeners[i].n_binds;
	return n;
}

bool sockets_prepare(struct sockets *s, struct generation *g, char *why, size_t why_size)
{
	struct place at = {.why = why, .why_size = why_size};

	snprintf(why, why_size, "out of memory");
	g->sockets = calloc(count_binds(g->config) + 1, sizeof(*g->sockets));
	if (!g->sockets)
		return false;
	for (size_t i = 0; i < g->config->n_listeners; i++)
		if (!prepare_listener(s, g, i, &at)) {
			sockets_roll_back(s);
			return false;
		}
	return true;
}

void sockets_roll_back(struct sockets *s)
{
	list_for_each_safe (it, &s->all)
		if (set_of(it)->state == SOCKET_SET_NEW)
			close_set(s, set_of(it));
}

static bool is_of(const struct socket_set *set, const struct generation *g)
{
	for (size_t i = 0; i < g->n_sockets; i++)
		if (g->sockets[i].number == set->number)
			return true;
	return false;
}

static void retire(struct sockets *s, struct socket_set *set)
{
	for (size_t i = 0; i < s->n_workers; i++)
		listener_fd_retire(set->fds[i]);
}

void sockets_commit(struct sockets *s, const struct generation *g, uint64_t ms)
{
	list_for_each (it, &s->all) {
		struct socket_set *set = set_of(it);

		if (is_of(set, g)) {
			for (size_t i = 0; set->state == SOCKET_SET_RETIRED && i < s->n_workers;
				i++)
				listener_fd_revive(set->fds[i]);
			set->state = SOCKET_SET_SERVING;
		} else if (set->state == SOCKET_SET_SERVING) {
			retire(s, set);
			set->state = SOCKET_SET_RETIRED;
			set->until = mono_add_ms(mono_now(), ms);
		}
	}
}

/* --- on their way out --- */

bool sockets_has(const struct sockets *s, enum socket_set_state state)
{
	list_for_each (it, &s->all)
		if (set_of(it)->state == state)
			return true;
	return false;
}

static bool has_handshakes(const struct socket_set *set)
{
	struct addr addr;

	return stream_local(set->fds[0], &addr) == 0 && handshakes_count(&addr.port, 1) > 0;
}

struct socket_set *sockets_next_to_leave(struct sockets *s, struct mono now)
{
	list_for_each (it, &s->all) {
		struct socket_set *set = set_of(it);

		if (set->state != SOCKET_SET_RETIRED ||
			(!mono_reached(now, set->until) && has_handshakes(set)))
			continue;
		set->state = SOCKET_SET_LEFT;
		return set;
	}
	return NULL;
}

bool sockets_gave_up(struct sockets *s, uint32_t number)
{
	list_for_each (it, &s->all) {
		struct socket_set *set = set_of(it);

		if (set->number != number)
			continue;
		if (++set->gave_up < s->n_workers)
			return false;
		close_set(s, set);
		return true;
	}
	return false;
}

/* --- another process takes over --- */

int sockets_each(struct sockets *s, sockets_give *give, void *arg)
{
	char name[INHERIT_NAME_MAX];
	int result = 0;

	list_for_each (it, &s->all) {
		struct socket_set *set = set_of(it);

		if (set->state != SOCKET_SET_SERVING)
			continue;
		result = give(
			arg, inherit_name("listener", &set->addr, name), set->fds, s->n_workers);
		if (result != 0)
			break;
	}
	return result;
}

struct socket_set *sockets_next_taken(
	struct sockets *s, sockets_is_taken *is_taken, const void *taken)
{
	char name[INHERIT_NAME_MAX];

	list_for_each (it, &s->all) {
		struct socket_set *set = set_of(it);

		if (set->state != SOCKET_SET_SERVING ||
			!is_taken(taken, inherit_name("listener", &set->addr, name)))
			continue;
		set->state = SOCKET_SET_LEFT;
		return set;
	}
	return NULL;
}

/* --- a stop --- */

bool sockets_retire_all(struct sockets *s)
{
	bool some = false;

	list_for_each (it, &s->all) {
		if (set_of(it)->state == SOCKET_SET_LEFT)
			continue;
		retire(s, set_of(it));
		some |= has_handshakes(set_of(it));
	}
	return some;
}

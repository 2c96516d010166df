#include "control/admin.h"

#include "base/list.h"
#include "control/admin_client.h"
#include "control/admin_socket.h"
#include "control/listing.h"
#include "log.h"

#include <event2/listener.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CLIENTS_MAX = 64, ACCEPT_RETRY_S = 1, CROWD_LOOK_MS = 100, CROWD_IDLE_MS = 250 };

struct admin {
	struct control *control;
	struct admin_socket socket;
	struct evconnlistener *listener; /* NULL: no socket, as a warning said at start */
	struct event *retry;		 /* accepts again after descriptors ran out */
	struct event *crowd;		 /* makes room for those who wait */
	struct list clients;
	unsigned n_clients;
	struct listings *listings;
};

/* --- clients come and go --- */

static void on_gone(void *arg)
{
	struct admin *a = arg;

	a->n_clients--;
	if (a->listener)
		evconnlistener_enable(a->listener);
}

static bool somebody_waits(const struct admin *a)
{
	struct pollfd waiting = {.fd = a->socket.fd, .events = POLLIN};

	return poll(&waiting, 1, 0) > 0;
}

static void look_at_crowd(struct admin *a)
{
	static const struct timeval soon = {0, CROWD_LOOK_MS * 1000};

	evtimer_add(a->crowd, &soon);
}

/* The one that has been silent for longest gives way: who says nothing cannot keep others out. */
static void on_crowd(evutil_socket_t fd, short what, void *arg)
{
	struct admin *a = arg;
	struct admin_client *silent;

	(void)fd;
	(void)what;
	if (a->n_clients < CLIENTS_MAX)
		return;
	silent = somebody_waits(a) ? admin_client_silent(&a->clients, CROWD_IDLE_MS) : NULL;
	if (silent)
		admin_client_free(silent);
	else
		look_at_crowd(a);
}

/* Beyond CLIENTS_MAX they wait in the kernel until one leaves, idles for too long, or has to give way. */
static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *addr,
	int n, void *arg)
{
	struct admin *a = arg;

	(void)addr;
	(void)n;
	if (!admin_client_new(a->control, fd, &a->clients, on_gone, a))
		return;
	if (++a->n_clients < CLIENTS_MAX)
		return;
	evconnlistener_disable(listener);
	look_at_crowd(a);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct admin *a = arg;

	(void)fd;
	(void)what;
	if (a->n_clients < CLIENTS_MAX)
		evconnlistener_enable(a->listener);
}

static void on_accept_error(struct evconnlistener *listener, void *arg)
{
	struct timeval later = {ACCEPT_RETRY_S, 0};
	struct admin *a = arg;

	evconnlistener_disable(listener);
	evtimer_add(a->retry, &later);
}

/* --- life --- */

static bool listen_on_socket(struct admin *a)
{
	struct event_base *base = a->control->base;

	a->retry = evtimer_new(base, on_retry, a);
	a->crowd = evtimer_new(base, on_crowd, a);
	a->listener =
		evconnlistener_new(base, on_accept, a, LEV_OPT_CLOSE_ON_EXEC, 0, a->socket.fd);
	if (!a->retry || !a->crowd || !a->listener)
		return false;
	evconnlistener_set_error_cb(a->listener, on_accept_error);
	return true;
}

static const char *name_of(const char *path, char buf[INHERIT_NAME_MAX])
{
	snprintf(buf, INHERIT_NAME_MAX, "status-socket %s", path);
	return buf;
}

static int open_or_adopt(
	struct admin *a, const struct config_status *conf, char *why, size_t why_size)
{
	char name[INHERIT_NAME_MAX];
	int fd;

	if (inherit_take(a->control->inherit, name_of(conf->socket, name), &fd, 1))
		return admin_socket_adopt(&a->socket, conf->socket, fd, why, why_size);
	return admin_socket_open(&a->socket, conf->socket, conf->socket_mode, why, why_size);
}

static bool open_socket(struct admin *a, char *why, size_t why_size)
{
	const struct config_status *conf = &a->control->config->status;

	switch (open_or_adopt(a, conf, why, why_size)) {
	case ADMIN_SOCKET_OK:
		return listen_on_socket(a);
	case ADMIN_SOCKET_NO_DIRECTORY:
		log_warning("admin",
			"%s: serving without a status socket; make its directory or set "
			"status.socket",
			why);
		return true;
	default:
		return false;
	}
}

struct admin *admin_new(struct control *c, char *why, size_t why_size)
{
	struct admin *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->control = c;
	a->socket.fd = -1;
	list_init(&a->clients);
	a->listings = listings_new(c);
	if (!a->listings || !open_socket(a, why, why_size)) {
		admin_free(a);
		return NULL;
	}
	return a;
}

int admin_give(struct admin *a, sockets_give *give, void *arg)
{
	char name[INHERIT_NAME_MAX];

	if (a->socket.fd < 0)
		return 0;
	return give(arg, name_of(a->socket.path, name), &a->socket.fd, 1);
}

void admin_hand_over(struct admin *a, sockets_is_taken *is_taken, const void *taken)
{
	char name[INHERIT_NAME_MAX];

	if (!a->listener || !is_taken(taken, name_of(a->socket.path, name)))
		return;
	evconnlistener_free(a->listener);
	a->listener = NULL;
	evtimer_del(a->crowd);
	evtimer_del(a->retry);
	close(a->socket.fd);
	a->socket.fd = -1;
}

void admin_free(struct admin *a)
{
	struct admin_client *client;

	if (!a)
		return;
	while ((client = admin_client_first(&a->clients)))
		admin_client_free(client);
	if (a->listener)
		evconnlistener_free(a->listener);
	if (a->retry)
		event_free(a->retry);
	if (a->crowd)
		event_free(a->crowd);
	admin_socket_close(&a->socket);
	listings_free(a->listings);
	free(a);
}

struct listings *admin_listings(struct admin *a)
{
	return a->listings;
}

void admin_report(struct admin *a, struct report *r)
{
	listings_report(a->listings, r);
}

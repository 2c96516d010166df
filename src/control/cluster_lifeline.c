#include "config-build.h"

#include "control/cluster_lifeline.h"

#include "base/list.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	CONNECT_MS = 3000,
	RETRY_MIN_MS = 100,
	RETRY_MAX_MS = 5000,
	ACCEPTS_A_TURN = 16,
	/* A machine that is set back answers by a reset when it is asked after 15 s; one that is cut off says nothing, and
	 * is given up 100 s later. Not earlier: where a fifth of the packets get lost, three answers in a row stay away
	 * several times an hour, and who gives up resets, which looks like the end of a process. */
	KEEPALIVE_IDLE_S = 15,
	KEEPALIVE_INTERVAL_S = 5,
	KEEPALIVE_PROBES = 20,
};

enum line_state { LINE_WAITING, LINE_CONNECTING, LINE_OPEN };

/* One that this node opens. */
struct line {
	struct list node;
	struct lifelines *all;
	uint64_t id;
	struct addr to;
	enum line_state state;
	int fd; /* -1: waiting for the next try */
	struct event *event;
	unsigned retry_ms;
	struct mono closed; /* since when it is not open */
};

/* One that a member opened. */
struct held {
	struct list node;
	struct lifelines *all;
	int fd;
	struct event *event;
};

struct lifelines {
	struct event_base *base;
	struct addr self;
	struct lifelines_hooks hooks;
	struct list lines;
	struct list held; /* oldest first */
	size_t n_held;
	int listener;
	struct event *accept;
	struct event *resume; /* accepts again after descriptors ran out */
};

static struct timeval timeval_of_ms(unsigned ms)
{
	return (struct timeval){(time_t)(ms / 1000), (suseconds_t)(ms % 1000) * 1000};
}

static void set_keepalive(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{SOL_SOCKET, SO_KEEPALIVE, 1},
		{IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S},
		{IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S},
		{IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES},
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		setsockopt(fd, options[i].level, options[i].name, &options[i].value,
			sizeof(options[i].value));
}

enum line_end {
	END_NONE,
	END_OF_IT,     /* the other end said so: its process, or its kernel for it */
	END_OF_THE_WAY /* nothing came back: that proves nothing of the process */
};

/* Nobody says anything on a lifeline: whatever can be read is its end. */
static enum line_end end_of(int fd)
{
	char byte;

	if (recv(fd, &byte, 1, MSG_DONTWAIT) >= 0)
		return END_OF_IT;
	switch (errno) {
	case EAGAIN:
	case EINTR:
		return END_NONE;
	case ETIMEDOUT:
	case EHOSTUNREACH:
	case EHOSTDOWN:
	case ENETUNREACH:
	case ENETDOWN:
		return END_OF_THE_WAY;
	default:
		return END_OF_IT;
	}
}

/* --- ours --- */

static void connect_line(struct line *l);

static void drop_event(struct event **e)
{
	if (*e)
		event_free(*e);
	*e = NULL;
}

static void close_silently(struct line *l)
{
	if (l->state == LINE_OPEN)
		l->closed = mono_now();
	drop_event(&l->event);
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	l->state = LINE_WAITING;
}

static void close_line(struct line *l)
{
	bool was_open = l->state == LINE_OPEN;

	close_silently(l);
	if (was_open)
		l->all->hooks.changed(l->all->hooks.arg, l->id, false);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct line *l = arg;

	(void)fd;
	(void)what;
	drop_event(&l->event);
	connect_line(l);
}

static void retry_later(struct line *l)
{
	struct timeval wait = timeval_of_ms(l->retry_ms);

	close_line(l);
	l->retry_ms = l->retry_ms * 2 < RETRY_MAX_MS ? l->retry_ms * 2 : RETRY_MAX_MS;
	l->event = evtimer_new(l->all->base, on_retry, l);
	if (l->event)
		evtimer_add(l->event, &wait);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct line *l = arg;

	(void)what;
	switch (end_of(fd)) {
	case END_NONE:
		break;
	case END_OF_THE_WAY:
		close_silently(l);
		retry_later(l);
		break;
	case END_OF_IT:
		retry_later(l);
		break;
	}
}

static void on_connected(evutil_socket_t fd, short what, void *arg)
{
	struct line *l = arg;
	int error = 0;
	socklen_t n = sizeof(error);

	if (what & EV_TIMEOUT || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0 || error) {
		retry_later(l);
		return;
	}
	drop_event(&l->event);
	l->event = event_new(l->all->base, fd, EV_READ | EV_PERSIST, on_readable, l);
	if (!l->event || event_add(l->event, NULL) < 0) {
		retry_later(l);
		return;
	}
	set_keepalive(fd);
	l->retry_ms = RETRY_MIN_MS;
	l->state = LINE_OPEN;
	l->all->hooks.changed(l->all->hooks.arg, l->id, true);
}

/* From the address that the others know this node by: they let in nobody else. */
static int open_from(const struct addr *self)
{
	struct addr from = *self;
	struct sockaddr_storage sa;
	socklen_t len;
	int fd = socket(from.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		return -1;
	from.port = 0;
	len = addr_to_sockaddr(&from, &sa);
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&sa, len) == 0)
		return fd;
	close(fd);
	return -1;
}

static void connect_line(struct line *l)
{
	struct timeval limit = timeval_of_ms(CONNECT_MS);
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(&l->to, &sa);

	l->fd = open_from(&l->all->self);
	if (l->fd < 0 ||
		(connect(l->fd, (struct sockaddr *)&sa, len) < 0 && errno != EINPROGRESS)) {
		retry_later(l);
		return;
	}
	l->state = LINE_CONNECTING;
	l->event = event_new(l->all->base, l->fd, EV_WRITE, on_connected, l);
	if (!l->event || event_add(l->event, &limit) < 0)
		retry_later(l);
}

static struct line *find_line(const struct lifelines *all, uint64_t id)
{
	list_for_each (it, &all->lines) {
		struct line *l = container_of(it, struct line, node);

		if (l->id == id)
			return l;
	}
	return NULL;
}

void lifelines_want(struct lifelines *all, uint64_t id, const struct addr *to)
{
	struct line *l = find_line(all, id);

	if (l && addr_eq(&l->to, to))
		return;
	if (l) {
		close_line(l);
	} else {
		l = calloc(1, sizeof(*l));
		if (!l)
			return; /* it is heard without */
		l->all = all;
		l->id = id;
		l->fd = -1;
		l->closed = mono_now();
		list_add_tail(&all->lines, &l->node);
	}
	l->to = *to;
	l->retry_ms = RETRY_MIN_MS;
	connect_line(l);
}

static void drop_line(struct line *l)
{
	list_del(&l->node);
	close_silently(l);
	free(l);
}

void lifelines_unwant(struct lifelines *all, uint64_t id)
{
	struct line *l = find_line(all, id);

	if (l)
		drop_line(l);
}

bool lifelines_is_open(const struct lifelines *all, uint64_t id)
{
	const struct line *l = find_line(all, id);

	return l && l->state == LINE_OPEN;
}

static bool is_missing(const struct line *l, struct mono now, uint64_t ms)
{
	return l->state != LINE_OPEN && mono_reached(now, mono_add_ms(l->closed, ms));
}

bool lifelines_is_missing(const struct lifelines *all, uint64_t id, struct mono now, uint64_t ms)
{
	const struct line *l = find_line(all, id);

	return l && is_missing(l, now, ms);
}

size_t lifelines_open(const struct lifelines *all)
{
	size_t n = 0;

	list_for_each (it, &all->lines)
		n += container_of(it, struct line, node)->state == LINE_OPEN;
	return n;
}

size_t lifelines_missing(const struct lifelines *all, struct mono now, uint64_t ms)
{
	size_t n = 0;

	list_for_each (it, &all->lines)
		n += is_missing(container_of(it, struct line, node), now, ms);
	return n;
}

/* --- the members' --- */

static void release(struct held *h)
{
	h->all->n_held--;
	list_del(&h->node);
	drop_event(&h->event);
	close(h->fd);
	free(h);
}

static void on_held(evutil_socket_t fd, short what, void *arg)
{
	struct held *h = arg;

	(void)what;
	if (end_of(fd) != END_NONE)
		release(h);
}

static void hold(struct lifelines *all, int fd)
{
	struct held *h = calloc(1, sizeof(*h));

	if (!h) {
		close(fd);
		return;
	}
	if (all->n_held == LIFELINES_HELD_MAX)
		release(container_of(all->held.next, struct held, node));
	h->all = all;
	h->fd = fd;
	list_add_tail(&all->held, &h->node);
	all->n_held++;
	set_keepalive(fd);
	h->event = event_new(all->base, fd, EV_READ | EV_PERSIST, on_held, h);
	if (!h->event || event_add(h->event, NULL) < 0)
		release(h);
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct lifelines *all = arg;

	(void)fd;
	(void)what;
	event_add(all->accept, NULL);
}

static void pause_accepting(struct lifelines *all)
{
	static const struct timeval second = {1, 0};

	event_del(all->accept);
	evtimer_add(all->resume, &second);
}

static void on_accept(evutil_socket_t listener, short what, void *arg)
{
	struct lifelines *all = arg;

	(void)what;
	for (unsigned i = 0; i < ACCEPTS_A_TURN; i++) {
		struct sockaddr_storage sa;
		socklen_t len = sizeof(sa);
		struct addr from;
		int fd = accept4(
			listener, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0) {
			if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
				pause_accepting(all);
			return;
		}
		from = addr_from_sockaddr((struct sockaddr *)&sa);
		if (all->hooks.is_member(all->hooks.arg, &from))
			hold(all, fd);
		else
			close(fd);
	}
}

size_t lifelines_held(const struct lifelines *all)
{
	return all->n_held;
}

/* --- life --- */

struct lifelines *lifelines_new(struct event_base *base, int listener, const struct addr *self,
	const struct lifelines_hooks *hooks)
{
	struct lifelines *all = calloc(1, sizeof(*all));

	if (!all)
		return NULL;
	all->base = base;
	all->self = *self;
	all->hooks = *hooks;
	list_init(&all->lines);
	list_init(&all->held);
	all->accept = event_new(base, listener, EV_READ | EV_PERSIST, on_accept, all);
	all->resume = evtimer_new(base, on_resume, all);
	if (!all->accept || !all->resume || event_add(all->accept, NULL) < 0) {
		drop_event(&all->accept);
		drop_event(&all->resume);
		free(all);
		return NULL;
	}
	all->listener = listener;
	return all;
}

void lifelines_accept(struct lifelines *all, bool on)
{
	if (on) {
		event_add(all->accept, NULL);
	} else {
		event_del(all->accept);
		event_del(all->resume);
	}
}

void lifelines_free(struct lifelines *all)
{
	if (!all)
		return;
	list_for_each_safe (it, &all->lines)
		drop_line(container_of(it, struct line, node));
	list_for_each_safe (it, &all->held)
		release(container_of(it, struct held, node));
	drop_event(&all->accept);
	drop_event(&all->resume);
	close(all->listener);
	free(all);
}

#include "poller/poller.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { BATCH = 256, SIZE_MIN = 256 };

struct poller {
	int fd;
	struct event *event;
	struct watch **by_fd; /* an event names a descriptor, never a pointer */
	size_t size;
	uint32_t last; /* number given to a watch */
};

/* --- what the kernel hands back with an event: which descriptor, and which watch of it --- */

static uint64_t key_of(const struct watch *w)
{
	return (uint64_t)w->_number << 32 | (uint32_t)w->fd;
}

/* NULL: that watch is no more. Its event was taken together with the one that ended it, or its socket
 * is open elsewhere (in a child process, before its exec). */
static struct watch *find(const struct poller *p, uint64_t key)
{
	struct watch *w = p->by_fd[(uint32_t)key];

	return w && w->_number == key >> 32 ? w : NULL;
}

/* --- edges --- */

static unsigned edges_of(uint32_t events)
{
	unsigned edges = 0;

	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP))
		edges |= POLLER_READ;
	if (events & (EPOLLOUT | EPOLLHUP))
		edges |= POLLER_WRITE;
	if (events & EPOLLRDHUP)
		edges |= POLLER_END;
	if (events & EPOLLERR)
		edges |= POLLER_READ | POLLER_WRITE | POLLER_ERROR;
	return edges;
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct poller *p = arg;
	struct epoll_event events[BATCH];
	int n = epoll_wait(fd, events, BATCH, 0);

	(void)what;
	for (int i = 0; i < n; i++) {
		struct watch *w = find(p, events[i].data.u64);

		if (w)
			w->cb(w, edges_of(events[i].events));
	}
}

/* --- life --- */

struct poller *poller_new(struct event_base *base)
{
	struct poller *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->fd = epoll_create1(EPOLL_CLOEXEC);
	if (p->fd >= 0)
		p->event = event_new(base, p->fd, EV_READ | EV_PERSIST, on_ready, p);
	if (p->event && event_add(p->event, NULL) == 0)
		return p;
	poller_free(p);
	return NULL;
}

void poller_free(struct poller *p)
{
	if (!p)
		return;
	if (p->event)
		event_free(p->event);
	for (size_t i = 0; i < p->size; i++)
		if (p->by_fd[i])
			p->by_fd[i]->_number = 0;
	free(p->by_fd);
	if (p->fd >= 0)
		close(p->fd);
	free(p);
}

static bool make_room(struct poller *p, size_t fd)
{
	size_t size = p->size > 0 ? p->size : SIZE_MIN;
	struct watch **by_fd;

	if (fd < p->size)
		return true;
	while (size <= fd)
		size *= 2;
	by_fd = realloc(p->by_fd, size * sizeof(struct watch *));
	if (!by_fd)
		return false;
	memset(by_fd + p->size, 0, (size - p->size) * sizeof(struct watch *));
	p->by_fd = by_fd;
	p->size = size;
	return true;
}

static void take_number(struct poller *p, struct watch *w)
{
	if (++p->last == 0)
		p->last = 1;
	w->_number = p->last;
}

bool poller_watch(struct poller *p, struct watch *w, bool writes)
{
	struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET};
	bool is_new = !poller_is_watched(w);

	if (writes)
		e.events |= EPOLLOUT;
	if (is_new) {
		if (!make_room(p, (size_t)w->fd))
			return false;
		take_number(p, w);
		p->by_fd[w->fd] = w;
	}
	e.data.u64 = key_of(w);
	if (epoll_ctl(p->fd, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, w->fd, &e) == 0)
		return true;
	poller_forget(p, w);
	return false;
}

void poller_forget(struct poller *p, struct watch *w)
{
	if (!poller_is_watched(w))
		return;
	p->by_fd[w->fd] = NULL;
	w->_number = 0;
}

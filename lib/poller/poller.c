#include "poller/poller.h"

#include <event2/event.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { BATCH = 256, SIZE_MIN = 256 };

/* A descriptor, at its number. */
struct place {
	struct watch *watch; /* NULL: none, but the kernel may still watch it for the next one */
	uint32_t number;     /* of its registration; 0: the kernel does not watch it */
	bool writes;	     /* for room to send, too */
};

struct poller {
	int fd;
	struct event *event;
	struct place *places;
	size_t size;
	uint32_t last;	  /* number given to a registration */
	bool is_in_batch; /* events that were taken from the kernel are being told */
};

/* --- what the kernel hands back with an event: which descriptor, and which registration of it --- */

static uint64_t key_of(int fd, uint32_t number)
{
	return (uint64_t)number << 32 | (uint32_t)fd;
}

/* NULL: that one is no more. Its event was taken together with the one that ended it, or its socket
 * is open elsewhere (in a child process, before its exec). */
static struct watch *find(const struct poller *p, uint64_t key)
{
	const struct place *place = &p->places[(uint32_t)key];

	return place->number == key >> 32 ? place->watch : NULL;
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
	p->is_in_batch = true;
	for (int i = 0; i < n; i++) {
		struct watch *w = find(p, events[i].data.u64);

		if (w)
			w->cb(w, edges_of(events[i].events));
	}
	p->is_in_batch = false;
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
		if (p->places[i].watch)
			p->places[i].watch->_watched = false;
	free(p->places);
	if (p->fd >= 0)
		close(p->fd);
	free(p);
}

static bool make_room(struct poller *p, size_t fd)
{
	size_t size = p->size > 0 ? p->size : SIZE_MIN;
	struct place *places;

	if (fd < p->size)
		return true;
	while (size <= fd)
		size *= 2;
	places = realloc(p->places, size * sizeof(*places));
	if (!places)
		return false;
	memset(places + p->size, 0, (size - p->size) * sizeof(*places));
	p->places = places;
	p->size = size;
	return true;
}

static uint32_t next_number(struct poller *p)
{
	if (++p->last == 0)
		p->last = 1;
	return p->last;
}

static bool tell_kernel(struct poller *p, int fd, uint32_t number, bool writes)
{
	struct place *place = &p->places[fd];
	struct epoll_event e = {
		.events = EPOLLIN | EPOLLRDHUP | EPOLLET | (writes ? EPOLLOUT : 0),
		.data.u64 = key_of(fd, number),
	};

	if (epoll_ctl(p->fd, place->number ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &e) < 0)
		return false;
	place->number = number;
	place->writes = writes;
	return true;
}

/* Whose descriptor was kept takes over its registration; but within a batch, events of the one
 * before may still follow. */
static bool is_told(const struct poller *p, const struct watch *w, bool writes)
{
	const struct place *place = &p->places[w->fd];

	return place->number && (place->writes || !writes) && (w->_watched || !p->is_in_batch);
}

bool poller_watch(struct poller *p, struct watch *w, bool writes)
{
	struct place *place;

	if (!make_room(p, (size_t)w->fd))
		return false;
	place = &p->places[w->fd];
	if (!is_told(p, w, writes) &&
		!tell_kernel(p, w->fd, w->_watched ? place->number : next_number(p), writes)) {
		poller_forget(p, w);
		return false;
	}
	place->watch = w;
	w->_watched = true;
	return true;
}

void poller_keep(struct poller *p, struct watch *w)
{
	if (w->_watched)
		p->places[w->fd].watch = NULL;
	w->_watched = false;
}

void poller_drop(struct poller *p, int fd)
{
	if ((size_t)fd < p->size)
		p->places[fd] = (struct place){0};
}

void poller_forget(struct poller *p, struct watch *w)
{
	if (w->fd >= 0)
		poller_drop(p, w->fd);
	w->_watched = false;
}

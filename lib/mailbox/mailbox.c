#include "mailbox/mailbox.h"

#include "base/bug.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct mailbox {
	/* owner: receiver */
	struct event *event;
	mailbox_cb *cb;
	void *arg;

	int fd; /* never changes */

	/* under the lock */
	pthread_mutex_t lock;
	struct mail *first, **last;
};

static struct mail *take_all(struct mailbox *mb)
{
	struct mail *batch;

	pthread_mutex_lock(&mb->lock);
	batch = mb->first;
	mb->first = NULL;
	mb->last = &mb->first;
	pthread_mutex_unlock(&mb->lock);
	return batch;
}

/* The eventfd is reset before the box is emptied: a mail that comes between the two is taken now
 * and wakes once for nothing, one that comes after wakes again. */
static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct mailbox *mb = arg;
	struct mail *batch;
	eventfd_t count;
	int failed = eventfd_read(fd, &count);

	(void)what;
	BUG_ON(failed && errno != EAGAIN && errno != EINTR);
	batch = take_all(mb);
	if (batch)
		mb->cb(batch, mb->arg);
}

struct mailbox *mailbox_new(struct event_base *base, mailbox_cb *cb, void *arg)
{
	struct mailbox *mb = calloc(1, sizeof(*mb));

	if (!mb)
		return NULL;
	mb->cb = cb;
	mb->arg = arg;
	mb->last = &mb->first;
	pthread_mutex_init(&mb->lock, NULL);
	mb->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (mb->fd < 0)
		goto fail;
	mb->event = event_new(base, mb->fd, EV_READ | EV_PERSIST, on_readable, mb);
	if (!mb->event || event_add(mb->event, NULL) < 0)
		goto fail;
	return mb;
fail:
	mailbox_free(mb, NULL, NULL);
	return NULL;
}

void mailbox_free(struct mailbox *mb, mailbox_cb *unread, void *arg)
{
	struct mail *batch;

	if (!mb)
		return;
	batch = take_all(mb);
	if (batch && unread)
		unread(batch, arg);
	if (mb->event)
		event_free(mb->event);
	if (mb->fd >= 0)
		close(mb->fd);
	pthread_mutex_destroy(&mb->lock);
	free(mb);
}

void mailbox_send(struct mailbox *mb, struct mail *m)
{
	bool was_empty;

	m->next = NULL;
	pthread_mutex_lock(&mb->lock);
	was_empty = !mb->first;
	*mb->last = m;
	mb->last = &m->next;
	pthread_mutex_unlock(&mb->lock);
	if (was_empty)
		mailbox_wake(mb);
}

/* EAGAIN would mean 2^64 wakes that nobody has seen, which is wake enough. */
void mailbox_wake(struct mailbox *mb)
{
	int failed = eventfd_write(mb->fd, 1);

	BUG_ON(failed && errno != EAGAIN);
}

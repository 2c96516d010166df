#include "control/probe.h"

#include "base/bug.h"
#include "control/probe_io.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

void probe_arm(struct probe *p, uint64_t ms)
{
	struct timeval t = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};

	evtimer_add(&p->timer, &t);
}

/* --- the loop's calls --- */

static void on_ready(evutil_socket_t fd, short what, void *arg);

static void wait_for(struct probe *p, short what)
{
	event_del(&p->io);
	event_assign(&p->io, p->base, p->fd, what, on_ready, p);
	event_add(&p->io, NULL);
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct probe *p = arg;
	enum probe_move move;

	(void)fd;
	(void)what;
	do
		move = probe_step(p);
	while (move == PROBE_MOVED);
	if (move == PROBE_WANTS_READ)
		wait_for(p, EV_READ);
	else if (move == PROBE_WANTS_WRITE)
		wait_for(p, EV_WRITE);
	else if (p->state == PROBE_LINGERING)
		wait_for(p, EV_READ);
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
	struct probe *p = arg;

	(void)fd;
	(void)what;
	switch (p->state) {
	case PROBE_IDLE:
		break;
	case PROBE_NOT_BEGUN:
		probe_finish(p, p->result.status);
		break;
	case PROBE_CONNECTING:
	case PROBE_SENDING_PROXY:
		probe_finish(p, CHECK_L4TIMEOUT);
		break;
	case PROBE_HANDSHAKING:
		probe_finish(p, CHECK_L6TIMEOUT);
		break;
	case PROBE_SENDING_REQUEST:
	case PROBE_READING_ANSWER:
		probe_finish(p, CHECK_L7TIMEOUT);
		break;
	case PROBE_LINGERING:
		probe_say_goodbye(p);
		probe_stop(p);
		break;
	}
}

/* --- life --- */

struct probe *probe_new(struct event_base *base, probe_cb *done, void *arg)
{
	struct probe *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->base = base;
	p->done = done;
	p->arg = arg;
	p->fd = -1;
	event_assign(&p->io, base, -1, 0, on_ready, p);
	evtimer_assign(&p->timer, base, on_time, p);
	return p;
}

void probe_free(struct probe *p)
{
	if (p)
		probe_stop(p);
	free(p);
}

bool probe_is_running(const struct probe *p)
{
	return p->state != PROBE_IDLE && p->state != PROBE_LINGERING;
}

void probe_cancel(struct probe *p)
{
	probe_stop(p);
}

/* An errno, 0: it connects. */
static int begin(struct probe *p)
{
	struct sockaddr_storage ss;
	socklen_t size = addr_to_sockaddr(&p->addr, &ss);
	int on = 1;

	p->fd = socket(p->addr.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->fd < 0)
		return errno;
	/* else the hello would wait for the acknowledgement of a PROXY header */
	setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	p->buf = malloc(PROBE_REQUEST_MAX);
	if (!p->buf)
		return ENOMEM;
	p->room = PROBE_REQUEST_MAX;
	if (connect(p->fd, (struct sockaddr *)&ss, size) < 0 && errno != EINPROGRESS)
		return errno;
	return 0;
}

void probe_start(struct probe *p, const struct probe_plan *plan, const struct addr *addr)
{
	probe_start_within(p, plan, addr, plan->health->timeout_ms);
}

void probe_start_within(struct probe *p, const struct probe_plan *plan, const struct addr *addr,
	uint64_t timeout_ms)
{
	uint64_t longest_ms = plan->health->timeout_ms;
	int error;

	BUG_ON(probe_is_running(p));
	probe_stop(p);
	p->plan = plan;
	p->addr = *addr;
	p->started = mono_now();
	p->result = (struct check_result){0};
	error = begin(p);
	if (error) {
		p->state = PROBE_NOT_BEGUN;
		probe_refused(p, error);
		probe_arm(p, 0);
		return;
	}
	p->state = PROBE_CONNECTING;
	probe_arm(p, timeout_ms < longest_ms ? timeout_ms : longest_ms);
	wait_for(p, EV_WRITE);
}

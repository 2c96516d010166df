#include "control/stop.h"

#include "control/admin.h"
#include "control/cluster.h"
#include "control/events.h"
#include "control/status_http.h"
#include "control/vip.h"
#include "log.h"
#include "notify.h"

#include <stdlib.h>

enum {
	FAREWELL_BEATS = 4,
	LAST_CALL_LOOK_MS = 10,
	/* Who has sent no byte is asked by the kernel after a second whether he is still there, and
	 * comes in then. */
	LAST_CALL_MS = 1500,
	PROGRESS_MS = 5000,
	ANSWER_MS = 500, /* who asked for an upgrade is told how it went */
};

struct stop {
	struct control *control;
	struct event *grace; /* ends a graceful stop that takes too long */
	struct mono grace_ends;
	struct event *last_call; /* clients whose handshake has begun come in */
	struct mono last_call_ends;
	struct event *farewell;	   /* the others have been told that this node leaves */
	bool leaving;		   /* until then */
	bool handed_over;	   /* another process is the service now */
	bool asked;		   /* and this one was asked to stop besides */
	unsigned gave_up, drained; /* workers that reported so */
	unsigned progress;	   /* connections that were told last */
	struct mono progress_at;
};

/* --- how it ends --- */

static struct timeval timeval_of_ms(uint64_t ms)
{
	return (struct timeval){(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
}

static void stop_now(struct stop *s)
{
	struct control *c = s->control;
	struct order order = {.kind = ORDER_STOP, .reason = END_STOPPING};

	if (c->phase == CONTROL_STOPPED)
		return;
	c->phase = CONTROL_STOPPED;
	control_order_all(c, &order);
	event_base_loopbreak(c->base);
}

static void on_grace_over(evutil_socket_t fd, short what, void *arg)
{
	struct stop *s = arg;
	struct control *c = s->control;

	(void)fd;
	(void)what;
	log_warning("stop", "graceful_stop is over: closing the last %u connections",
		atomic_load(&c->load->connections));
	stop_now(s);
}

/* The beats that say so are sent a few times, as one may be lost. */
static void on_farewell(evutil_socket_t fd, short what, void *arg)
{
	struct stop *s = arg;
	struct control *c = s->control;

	(void)fd;
	(void)what;
	s->leaving = false;
	if (s->handed_over)
		cluster_hand_over(c->cluster);
	if (s->drained == c->n_workers)
		stop_now(s);
}

/* A close resets whom the workers could not accept yet. */
static void on_last_call(evutil_socket_t fd, short what, void *arg)
{
	struct order order = {.kind = ORDER_STOP_ACCEPTING};
	struct timeval again = timeval_of_ms(LAST_CALL_LOOK_MS);
	struct stop *s = arg;
	struct control *c = s->control;

	(void)fd;
	(void)what;
	if (c->phase != CONTROL_DRAINING)
		return;
	if (sockets_retire_all(c->sockets) && !mono_reached(mono_now(), s->last_call_ends))
		evtimer_add(s->last_call, &again);
	else
		control_order_all(c, &order);
}

/* The addresses are somebody else's by now, or nobody's: what still comes here is what was on its way. */
static void stop_accepting(void *arg)
{
	struct stop *s = arg;
	struct control *c = s->control;
	struct timeval beats = timeval_of_ms(FAREWELL_BEATS * (uint64_t)c->config->cluster.beat_ms);

	if (c->phase != CONTROL_DRAINING)
		return;
	if (cluster_enabled(c->cluster)) {
		cluster_leave(c->cluster);
		s->leaving = true;
		evtimer_add(s->farewell, &beats);
	}
	s->last_call_ends = mono_add_ms(mono_now(), LAST_CALL_MS);
	on_last_call(-1, 0, s);
}

/* --- how it begins --- */

static void begin_progress(struct stop *s)
{
	s->progress = atomic_load(&s->control->load->connections);
	s->progress_at = mono_add_ms(mono_now(), PROGRESS_MS);
}

static void begin_grace(struct stop *s)
{
	uint64_t grace_ms = s->control->config->limits.graceful_stop_ms;
	struct timeval grace = timeval_of_ms(grace_ms);

	s->grace_ends = mono_add_ms(mono_now(), grace_ms);
	begin_progress(s);
	evtimer_add(s->grace, &grace);
}

void stop_begin(struct stop *s, const char *why)
{
	struct control *c = s->control;

	if (s->handed_over && !s->asked) {
		s->asked = true;
		log_notice("stop", "%s: %u connections may go on for %llu s", why,
			atomic_load(&c->load->connections),
			(unsigned long long)c->config->limits.graceful_stop_ms / 1000);
		begin_grace(s);
		return;
	}
	if (c->phase != CONTROL_SERVING) {
		log_notice("stop", "%s again: stopping at once", why);
		stop_now(s);
		return;
	}
	c->phase = CONTROL_DRAINING;
	log_notice("stop", "%s: accepting no more, %u connections may go on for %llu s", why,
		atomic_load(&c->load->connections),
		(unsigned long long)c->config->limits.graceful_stop_ms / 1000);
	events_add(c->events, "stopping: %s", why);
	notify_stopping();
	begin_grace(s);
	if (c->vip)
		vip_stop(c->vip, false, stop_accepting, s);
	else
		stop_accepting(s);
}

/* What it did not take is not served any more: that is closed as at a stop. */
void stop_hand_over(struct stop *s, sockets_is_taken *is_taken, const void *taken)
{
	struct control *c = s->control;
	struct timeval soon = timeval_of_ms(ANSWER_MS);
	struct socket_set *set;

	c->phase = CONTROL_DRAINING;
	s->handed_over = s->leaving = true;
	vip_hand_over(c->vip);
	admin_hand_over(c->admin, is_taken, taken);
	status_http_hand_over(c->status_http);
	while ((set = sockets_next_taken(c->sockets, is_taken, taken)) != NULL) {
		struct order order = {.kind = ORDER_GIVE_UP, .socket = set->number};

		control_order_all(c, &order);
	}
	log_notice("stop", "accepting no more, %u connections go on until they end",
		atomic_load(&c->load->connections));
	begin_progress(s);
	evtimer_add(s->farewell, &soon);
	s->last_call_ends = mono_add_ms(mono_now(), LAST_CALL_MS);
	on_last_call(-1, 0, s);
}

/* --- what comes of it --- */

void stop_gave_up(struct stop *s)
{
	if (++s->gave_up == s->control->n_workers)
		sockets_close_all(s->control->sockets);
}

void stop_drained(struct stop *s)
{
	if (++s->drained < s->control->n_workers || s->control->phase != CONTROL_DRAINING)
		return;
	log_notice("stop", "no connection is left");
	if (!s->leaving)
		stop_now(s);
}

void stop_tick(struct stop *s, struct mono now)
{
	const struct control *c = s->control;
	unsigned open = atomic_load(&c->load->connections);

	if (c->phase != CONTROL_DRAINING || open == 0 ||
		(open == s->progress && !mono_reached(now, s->progress_at)))
		return;
	s->progress = open;
	s->progress_at = mono_add_ms(now, PROGRESS_MS);
	if (s->handed_over && !s->asked)
		log_info("stop", "connections still open here: %u; another process serves", open);
	else
		log_notice("stop", "connections still open: %u, closed in %llu s at the latest",
			open, (unsigned long long)(mono_diff_us(now, s->grace_ends) / 1000000));
}

bool stop_has_handed_over(const struct stop *s)
{
	return s->handed_over;
}

/* --- life --- */

struct stop *stop_new(struct control *c)
{
	struct stop *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->control = c;
	s->grace = evtimer_new(c->base, on_grace_over, s);
	s->farewell = evtimer_new(c->base, on_farewell, s);
	s->last_call = evtimer_new(c->base, on_last_call, s);
	if (s->grace && s->farewell && s->last_call)
		return s;
	stop_free(s);
	return NULL;
}

void stop_free(struct stop *s)
{
	if (!s)
		return;
	if (s->grace)
		event_free(s->grace);
	if (s->farewell)
		event_free(s->farewell);
	if (s->last_call)
		event_free(s->last_call);
	free(s);
}

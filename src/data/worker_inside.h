/* The inside of a worker, for the files of this folder only. */
#ifndef DATA_WORKER_INSIDE_H
#define DATA_WORKER_INSIDE_H

#include "base/prng.h"
#include "data/buffers.h"
#include "data/conn.h"
#include "data/conns.h"
#include "data/http.h"
#include "data/labels.h"
#include "data/listener.h"
#include "data/pins.h"
#include "data/pipes.h"
#include "data/queue.h"
#include "data/refusals.h"
#include "data/spares.h"
#include "data/turns.h"
#include "data/worker.h"
#include "wheel/wheel.h"

enum { WORKER_CHUNK = 16384 }; /* bytes a plain read asks for */

struct worker {
	const struct config *config; /* of the newest generation that was taken up */
	/* set by worker_new, not changed afterwards */
	struct worker_setup setup;
	struct load *load;
	struct tally *tally;
	struct event_base *base;
	struct poller *poller; /* of the connections' sockets */
	struct mailbox *mailbox;

	const struct view *view; /* of this turn of the loop; NULL: not looked at yet */
	struct mono now;	 /* of this turn */
	bool now_is_known;
	bool logs_access; /* the newest configuration wants records */
	bool stopping;	  /* leave the loop */
	bool draining;	  /* listeners are given up */
	bool drained;	  /* and REPORT_DRAINED was sent */
	bool renews; /* a generation was taken up, and not all connections have been moved to it */
	bool follows_later; /* the newest generation has sockets that there was no memory for */
	bool some_ended;    /* connections ended in this turn: there is room */

	struct pins pins;
	struct listeners listeners;
	struct conns conns;
	struct queue queue;
	struct buffers buffers;
	struct pipes pipes;
	struct spares spares;
	struct labels labels;
	struct refusals refusals;
	struct prng prng;
	struct wheel wheel;
	struct event wheel_tick; /* runs while the wheel has timers */
	struct mono trim_at;
	struct event tick; /* runs while something waits for room made by others */
	struct turns turns;
	struct http *http; /* NULL: no listener has mode = "http" */

	struct mono reports_until; /* connect failures: at most so many in a while */
	unsigned reports_left;

	uint8_t scratch[WORKER_CHUNK];
};

/* The time of this turn: the clock is read by the first callback that asks. */
static inline struct mono worker_now(struct worker *w)
{
	if (!w->now_is_known) {
		w->now = mono_now();
		w->now_is_known = true;
	}
	return w->now;
}

/* Connections of clients that are open. */
static inline uint32_t worker_open(const struct worker *w)
{
	return w->conns.open + (w->http ? w->http->open : 0);
}

/* Takes the newest view for this turn, and the generation that it is of. */
void worker_look(struct worker *w);

/* The same one throughout a turn: what was found in it stays where it was found. */
static inline const struct view *worker_view(struct worker *w)
{
	if (!w->view)
		worker_look(w);
	return w->view;
}

/* A new user of the newest generation. */
static inline pin_t worker_pin(struct worker *w)
{
	worker_view(w);
	return pins_add(&w->pins, w->pins.newest);
}

static inline const struct generation *worker_newest(const struct worker *w)
{
	return pins_generation(&w->pins, w->pins.newest);
}

/* Sends a report to control; NULL (out of memory) is allowed: control then does without. */
void worker_report(struct worker *w, struct report *r);

/* Arms a connection's timer; MONO_NEVER disarms it. */
void worker_set_timer(struct worker *w, struct wheel_timer *t, struct mono deadline);

/* Sees to it that the tick runs. */
void worker_want_tick(struct worker *w);

#endif

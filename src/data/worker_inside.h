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
#include "data/pipes.h"
#include "data/queue.h"
#include "data/refusals.h"
#include "data/spares.h"
#include "data/turns.h"
#include "data/worker.h"
#include "wheel/wheel.h"

enum { WORKER_CHUNK = 16384 }; /* bytes a plain read asks for */

struct worker {
	/* set by worker_new, not changed afterwards */
	struct worker_setup setup;
	const struct config *config;
	struct load *load;
	struct tally *tally;
	struct event_base *base;
	struct poller *poller; /* of the connections' sockets */
	struct mailbox *mailbox;

	struct mono now; /* of this turn of the loop */
	bool now_is_known;
	bool stopping;	 /* leave the loop */
	bool draining;	 /* listeners are given up */
	bool drained;	 /* and REPORT_DRAINED was sent */
	bool some_ended; /* connections ended in this turn: there is room */

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

static inline const struct view *worker_view(struct worker *w)
{
	return qsbr_read(w->setup.views);
}

/* Sends a report to control; NULL (out of memory) is allowed: control then does without. */
void worker_report(struct worker *w, struct report *r);

/* Arms a connection's timer; MONO_NEVER disarms it. */
void worker_set_timer(struct worker *w, struct wheel_timer *t, struct mono deadline);

/* Sees to it that the tick runs. */
void worker_want_tick(struct worker *w);

#endif

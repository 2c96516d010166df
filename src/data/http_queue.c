#include "data/http_queue.h"

#include "data/http_account.h"
#include "data/worker_inside.h"

#include <stdlib.h>

static struct http *http_of(const struct http_exchange *x)
{
	return x->conn->worker->http;
}

static struct http_queue *queue_of(const struct http_exchange *x)
{
	return &http_of(x)->queues[x->backend];
}

static uint32_t length_of(const struct http_exchange *x)
{
	return http_exchange_generation(x)->backends[x->backend]->queue.length;
}

static bool waits(const struct http_exchange *x)
{
	return !list_is_empty(&x->waiting);
}

/* Who wishes for one server is in nobody's way: it may be full while others are not. */
bool http_queue_is_behind(const struct http_exchange *x)
{
	const struct http_queue *q = queue_of(x);

	if (!waits(x))
		return q->n_any > 0;
	return q->waiting.next != &x->waiting && http_of(x)->served != x;
}

bool http_queue_add(struct http_exchange *x)
{
	struct worker *w = x->conn->worker;
	struct http_queue *q = queue_of(x);

	worker_want_tick(w);
	if (waits(x))
		return true;
	if (!load_enter_queue(w->load, x->backend, length_of(x)))
		return false;
	x->waits_for_any = !x->choice.has_wish;
	x->active = worker_now(w);
	list_add_tail(list_made(&q->waiting), &x->waiting);
	*(x->waits_for_any ? &q->n_any : &q->n_loyal) += 1;
	http_of(x)->n_waiting++;
	http_account_queue(x, true);
	return true;
}

void http_queue_remove(struct http_exchange *x)
{
	if (!waits(x))
		return;
	list_del(&x->waiting);
	*(x->waits_for_any ? &queue_of(x)->n_any : &queue_of(x)->n_loyal) -= 1;
	http_of(x)->n_waiting--;
	load_leave_queue(x->conn->worker->load, x->backend);
	http_account_queue(x, false);
}

bool http_queue_init(struct http *h)
{
	h->queues = calloc(h->worker->load->n_backends + 1, sizeof(*h->queues));
	return h->queues != NULL;
}

void http_queue_release(struct http *h)
{
	free(h->queues);
	h->queues = NULL;
}

static struct http_exchange *first_of(const struct http_queue *q)
{
	return list_is_empty(&q->waiting)
		       ? NULL
		       : container_of(q->waiting.next, struct http_exchange, waiting);
}

static void serve_in_order(struct http_queue *q)
{
	struct http_exchange *x;

	while ((x = first_of(q)) != NULL) {
		x->carrier->drive(x);
		if (first_of(q) == x)
			return; /* still no room */
	}
}

/* Each tries once, in its order, so that one whose server is full holds up nobody: it goes round to the end, behind a
 * mark, and the order is as before. Driving one may end others, and the queue's memory holds them all. */
static void serve_each(struct http *h, struct http_queue *q)
{
	struct list mark;
	bool full = false; /* for those who would take any */

	list_add_tail(&q->waiting, &mark);
	while (q->waiting.next != &mark) {
		struct http_exchange *x = first_of(q);
		bool any = x->waits_for_any;

		list_del(&x->waiting);
		list_add_tail(&q->waiting, &x->waiting);
		if (any && full)
			continue;
		h->served = x;
		x->carrier->drive(x);
		h->served = NULL;
		full |= any && q->waiting.prev == &x->waiting;
	}
	list_del(&mark);
}

void http_queue_serve(struct http *h)
{
	size_t n = worker_newest(h->worker)->n_backends;

	for (size_t i = 0; h->n_waiting > 0 && i < n; i++) {
		struct http_queue *q = &h->queues[i];

		if (q->n_loyal > 0)
			serve_each(h, q);
		else if (q->n_any > 0)
			serve_in_order(q);
	}
}

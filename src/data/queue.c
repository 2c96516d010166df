#include "data/queue.h"

#include "data/worker_inside.h"

#include <stdlib.h>

static struct list *head_of(const struct queue *q, size_t backend)
{
	return list_made(&q->backends[backend]);
}

bool queue_init(struct queue *q, size_t n_backends)
{
	*q = (struct queue){
		.backends = calloc(n_backends + 1, sizeof(struct list)),
	};
	return q->backends != NULL;
}

void queue_release(struct queue *q)
{
	free(q->backends);
	*q = (struct queue){0};
}

bool queue_add(struct worker *w, struct conn *c, uint32_t max)
{
	struct hello *h = c->hello;

	if (h->queued)
		return true;
	if (!load_enter_queue(w->load, c->backend, max))
		return false;
	h->queued = true;
	h->queued_at = worker_now(w);
	list_add_tail(head_of(&w->queue, c->backend), &h->waiting);
	w->queue.waiting++;
	tally_add(&w->tally->backends[c->backend].queued_now_up, 1);
	worker_want_tick(w);
	return true;
}

void queue_remove(struct worker *w, struct conn *c)
{
	struct hello *h = c->hello;

	if (!h || !h->queued)
		return;
	h->queued = false;
	list_del(&h->waiting);
	w->queue.waiting--;
	load_leave_queue(w->load, c->backend);
	tally_add(&w->tally->backends[c->backend].queued_now_down, 1);
	tally_observe(
		&w->tally->backends[c->backend].queue, mono_diff_us(h->queued_at, worker_now(w)));
}

bool queue_is_behind(const struct queue *q, const struct conn *c)
{
	const struct list *head = head_of(q, c->backend);

	return !list_is_empty(head) && head->next != &c->hello->waiting;
}

static struct hello *first_of(const struct list *head)
{
	return list_is_empty(head) ? NULL : container_of(head->next, struct hello, waiting);
}

void queue_serve(struct worker *w)
{
	size_t n = worker_newest(w)->n_backends;

	for (size_t i = 0; w->queue.waiting > 0 && i < n; i++) {
		struct list *head = head_of(&w->queue, i);
		struct hello *h;

		while ((h = first_of(head)) != NULL) {
			conn_drive(h->conn);
			if (first_of(head) == h)
				break; /* still no room */
		}
	}
}

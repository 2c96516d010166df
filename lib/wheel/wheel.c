#include "wheel/wheel.h"

#include "base/bug.h"

#include <stdlib.h>

bool wheel_init(struct wheel *w, size_t slots, uint64_t granularity_us, struct mono now)
{
	BUG_ON(slots == 0 || (slots & (slots - 1)) != 0 || granularity_us == 0);
	*w = (struct wheel){
		.slots = calloc(slots, sizeof(*w->slots)),
		.mask = slots - 1,
		.granularity_us = granularity_us,
		.tick = now.us / granularity_us,
	};
	if (!w->slots)
		return false;
	for (size_t i = 0; i < slots; i++)
		list_init(&w->slots[i]);
	return true;
}

void wheel_release(struct wheel *w)
{
	free(w->slots);
	*w = (struct wheel){0};
}

static uint64_t tick_of(const struct wheel *w, struct mono deadline)
{
	uint64_t us = deadline.us;

	return us / w->granularity_us + (us % w->granularity_us != 0);
}

/* What is due already goes into the next slot: this one may be done. */
static void put(struct wheel *w, struct wheel_timer *t)
{
	uint64_t tick = tick_of(w, t->deadline);

	if (tick <= w->tick)
		tick = w->tick + 1;
	list_add_tail(&w->slots[tick & w->mask], &t->node);
}

void wheel_add(struct wheel *w, struct wheel_timer *t, struct mono deadline)
{
	wheel_del(w, t);
	t->deadline = deadline;
	if (deadline.us == MONO_NEVER.us)
		return;
	put(w, t);
	w->armed++;
}

void wheel_del(struct wheel *w, struct wheel_timer *t)
{
	if (!wheel_is_armed(t))
		return;
	BUG_ON(w->armed == 0);
	list_del(&t->node);
	w->armed--;
}

/* Moves a whole list; `from` is empty afterwards. */
static void take_all(struct list *from, struct list *to)
{
	list_init(to);
	if (list_is_empty(from))
		return;
	*to = *from;
	to->next->prev = to;
	to->prev->next = to;
	list_init(from);
}

/* The slot's timers wait in `batch` for their turn, so callbacks may delete any of them. */
static void run_slot(struct wheel *w, wheel_cb *cb, void *arg)
{
	struct list batch;

	take_all(&w->slots[w->tick & w->mask], &batch);
	while (!list_is_empty(&batch)) {
		struct wheel_timer *t = container_of(batch.next, struct wheel_timer, node);

		list_del(&t->node);
		if (tick_of(w, t->deadline) > w->tick) {
			put(w, t);
			continue;
		}
		w->armed--;
		cb(t, arg);
	}
}

void wheel_advance(struct wheel *w, struct mono now, wheel_cb *cb, void *arg)
{
	uint64_t target = now.us / w->granularity_us;

	if (w->armed == 0 && target > w->tick)
		w->tick = target;
	if (target > w->tick + w->mask + 1)
		w->tick = target - w->mask - 1;
	while (w->tick < target) {
		w->tick++;
		run_slot(w, cb, arg);
	}
}

#include "agenda.h"

#include "base/bug.h"

#include <stdlib.h>

static bool is_before(const struct event *a, const struct event *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

void agenda_release(struct agenda *q)
{
	free(q->events);
	*q = (struct agenda){0};
}

void agenda_put(
	struct agenda *q, uint64_t at, enum event_kind kind, uint32_t a, uint32_t b, uint32_t c)
{
	struct event event = {at, q->order++, kind, a, b, c};
	size_t place = q->n++;

	if (q->n > q->room) {
		q->room = q->room ? q->room * 2 : 256;
		q->events = realloc(q->events, q->room * sizeof(struct event));
		BUG_ON(!q->events);
	}
	for (; place > 0 && is_before(&event, &q->events[(place - 1) / 2]); place = (place - 1) / 2)
		q->events[place] = q->events[(place - 1) / 2];
	q->events[place] = event;
}

uint64_t agenda_next(const struct agenda *q)
{
	return q->n > 0 ? q->events[0].at : UINT64_MAX;
}

bool agenda_take(struct agenda *q, struct event *ret)
{
	struct event last;
	size_t place = 0, child;

	if (q->n == 0)
		return false;
	*ret = q->events[0];
	last = q->events[--q->n];
	while ((child = 2 * place + 1) < q->n) {
		if (child + 1 < q->n && is_before(&q->events[child + 1], &q->events[child]))
			child++;
		if (!is_before(&q->events[child], &last))
			break;
		q->events[place] = q->events[child];
		place = child;
	}
	q->events[place] = last;
	return true;
}

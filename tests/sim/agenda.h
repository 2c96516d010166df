/* What happens next: a binary heap of events on virtual time. Events of one instant come in the order in
 * which they were put, so that a seed tells one story. */
#ifndef SIM_AGENDA_H
#define SIM_AGENDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum event_kind {
	EVENT_PACKET,	/* a: slot */
	EVENT_TICK,	/* a: node */
	EVENT_START,	/* a: node, for the first time */
	EVENT_RENEW,	/* a: node, b: run; leases of the addresses it holds */
	EVENT_GATEWAY,	/* a: node, b: run; the gateway answers it */
	EVENT_LIFELINE, /* a: observer, b: target, c: generation; see lifeline.c */
	EVENT_EXIT,	/* a: node, b: run; it has said good-bye */
	EVENT_BEGIN,	/* a: fault */
	EVENT_END,	/* a: fault */
	EVENT_REPLAY,	/* a: fault; somebody sends an old packet again */
	EVENT_ITEM,	/* a: check; a write should be everywhere */
	EVENT_OVERLAP,	/* a: check; two hosts had an address */
	EVENT_SWEEP,	/* of what has to hold at any time */
};

struct event {
	uint64_t at, order;
	uint32_t kind, a, b, c;
};

struct agenda {
	struct event *events;
	size_t n, room;
	uint64_t order;
};

void agenda_release(struct agenda *q);
void agenda_put(
	struct agenda *q, uint64_t at, enum event_kind kind, uint32_t a, uint32_t b, uint32_t c);
uint64_t agenda_next(const struct agenda *q); /* when; UINT64_MAX: nothing */
bool agenda_take(struct agenda *q, struct event *ret);

#endif

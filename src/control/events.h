/* The last state changes, for `show events` and the dashboard: a fixed ring, oldest forgotten first.
 * owner: control; thread: control. */
#ifndef CONTROL_EVENTS_H
#define CONTROL_EVENTS_H

#include <stddef.h>
#include <stdint.h>

struct event_record {
	uint64_t wall_us;
	char text[224];
};

struct events;

struct events *events_new(size_t capacity); /* NULL: out of memory */
void events_free(struct events *e);

/* One line, without its end; cut where longer. */
void events_add(struct events *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

size_t events_count(const struct events *e);
/* The i-th, 0 being the oldest kept. Valid until the next events_add(). */
const struct event_record *events_at(const struct events *e, size_t i);

#endif

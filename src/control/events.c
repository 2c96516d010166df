#include "control/events.h"

#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct events {
	size_t capacity, count, first;
	struct event_record records[];
};

struct events *events_new(size_t capacity)
{
	struct events *e = calloc(1, sizeof(*e) + capacity * sizeof(e->records[0]));

	if (e)
		e->capacity = capacity;
	return e;
}

void events_free(struct events *e)
{
	free(e);
}

void events_add(struct events *e, const char *fmt, ...)
{
	size_t at = (e->first + e->count) % e->capacity;
	struct event_record *r = &e->records[at];
	va_list ap;

	if (e->count < e->capacity)
		e->count++;
	else
		e->first = (e->first + 1) % e->capacity;
	r->wall_us = log_wall_us();
	va_start(ap, fmt);
	vsnprintf(r->text, sizeof(r->text), fmt, ap);
	va_end(ap);
}

size_t events_count(const struct events *e)
{
	return e->count;
}

const struct event_record *events_at(const struct events *e, size_t i)
{
	return &e->records[(e->first + i) % e->capacity];
}

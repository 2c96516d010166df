#include "order.h"

#include <stdlib.h>

struct order *order_new(enum order_kind kind)
{
	struct order *o = calloc(1, sizeof(*o));

	if (o)
		o->kind = kind;
	return o;
}

struct report *report_new(enum report_kind kind, unsigned worker)
{
	struct report *r = calloc(1, sizeof(*r));

	if (r) {
		r->kind = kind;
		r->worker = worker;
	}
	return r;
}

void report_free(struct report *r)
{
	if (!r)
		return;
	if (r->kind == REPORT_SESSIONS)
		free(r->items.sessions);
	else if (r->kind == REPORT_ERRORS || r->kind == REPORT_AUTH_FAILED)
		free(r->items.errors);
	free(r);
}

/* The last hellos that were refused, for `show errors` and `diagnose`: a small ring of the worker,
 * the oldest is overwritten. owner: worker. */
#ifndef DATA_REFUSALS_H
#define DATA_REFUSALS_H

#include "base/mono.h"
#include "order.h"

#include <stddef.h>

struct conn;

enum { REFUSALS_MAX = 64 };

struct refusals {
	struct {
		struct mono at;
		struct order_error error; /* without its age */
	} ring[REFUSALS_MAX];
	uint64_t n; /* ever kept */
};

void refusals_keep(
	struct refusals *r, const struct conn *c, enum end_reason reason, struct mono now);

/* The same of what the caller describes; its age is not read. */
void refusals_add(struct refusals *r, const struct order_error *e, struct mono now);

/* A malloc'd copy, newest first; NULL with *ret_n 0: none, or out of memory. */
struct order_error *refusals_copy(const struct refusals *r, struct mono now, size_t *ret_n);

#endif

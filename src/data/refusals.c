#include "data/refusals.h"

#include "data/conn.h"

#include <stdlib.h>
#include <string.h>

static size_t at_most(size_t n, size_t max)
{
	return n < max ? n : max;
}

void refusals_add(struct refusals *r, const struct order_error *e, struct mono now)
{
	r->ring[r->n % REFUSALS_MAX].at = now;
	r->ring[r->n % REFUSALS_MAX].error = *e;
	r->n++;
}

void refusals_keep(
	struct refusals *r, const struct conn *c, enum end_reason reason, struct mono now)
{
	struct order_error e = {
		.client = c->client, .listener = conn_listener(c), .reason = reason};
	struct span name = label_name(c->label);

	if (name.n > 0)
		memcpy(e.name, name.p, at_most(name.n, sizeof(e.name) - 1));
	if (c->hello) {
		e.n_bytes = (uint8_t)at_most(c->hello->len, sizeof(e.bytes));
		memcpy(e.bytes, hello_bytes(c->hello), e.n_bytes);
	}
	refusals_add(r, &e, now);
}

struct order_error *refusals_copy(const struct refusals *r, struct mono now, size_t *ret_n)
{
	size_t n = at_most(r->n, REFUSALS_MAX);
	struct order_error *copy = n > 0 ? malloc(n * sizeof(*copy)) : NULL;

	*ret_n = copy ? n : 0;
	for (size_t i = 0; i < *ret_n; i++) {
		size_t slot = (r->n - 1 - i) % REFUSALS_MAX;

		copy[i] = r->ring[slot].error;
		copy[i].age_ms = mono_diff_us(r->ring[slot].at, now) / 1000;
	}
	return copy;
}

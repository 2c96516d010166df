#include "ratelimit/bucket.h"

static uint32_t burst_of(const struct bucket_rate *r)
{
	return r->burst > 0 ? r->burst : r->count;
}

/* Rounded once for all n tokens, so that rates that do not divide the period stay exact. */
static uint64_t cost_ns(const struct bucket_rate *r, uint32_t n)
{
	unsigned __int128 ns = (unsigned __int128)r->per_us * 1000 * n / r->count;

	return ns < UINT64_MAX / 4 ? (uint64_t)ns : UINT64_MAX / 4;
}

bool bucket_take(struct bucket *b, struct mono now, const struct bucket_rate *r, uint32_t n)
{
	if (r->count == 0)
		return true;
	return n <= burst_of(r) && gcra_take(b->full_at_ns, now.us * 1000, cost_ns(r, n),
					   cost_ns(r, burst_of(r)), &b->full_at_ns);
}

uint64_t bucket_wait_us(
	const struct bucket *b, struct mono now, const struct bucket_rate *r, uint32_t n)
{
	uint64_t now_ns = now.us * 1000, after, allowed;

	if (r->count == 0 || b->full_at_ns <= now_ns)
		return 0;
	if (n > burst_of(r))
		n = burst_of(r);
	after = b->full_at_ns - now_ns + cost_ns(r, n);
	allowed = cost_ns(r, burst_of(r));
	return after > allowed ? (after - allowed + 999) / 1000 : 0;
}

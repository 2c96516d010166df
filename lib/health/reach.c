#include "health/reach.h"

uint64_t reach_patience_ms(uint64_t interval_ms, uint64_t timeout_ms)
{
	uint64_t ms = interval_ms + timeout_ms;

	return ms > REACH_PATIENCE_MIN_MS ? ms : REACH_PATIENCE_MIN_MS;
}

static bool is_lost(
	const struct reach *r, struct mono now, const struct reach_look *look, uint64_t patience_ms)
{
	if (!look->down || !look->others_up)
		return false;
	if (r->lost)
		return true;
	return look->others_up_at.us > r->down_since.us &&
	       mono_reached(now, mono_add_ms(r->down_since, patience_ms));
}

bool reach_update(
	struct reach *r, struct mono now, const struct reach_look *look, uint64_t patience_ms)
{
	bool before = r->lost;

	if (!look->down)
		r->down_since.us = 0;
	else if (r->down_since.us == 0)
		r->down_since = now;
	r->lost = is_lost(r, now, look, patience_ms);
	return r->lost != before;
}

struct mono reach_due(const struct reach *r, struct mono now, uint64_t patience_ms)
{
	struct mono due = mono_add_ms(r->down_since, patience_ms);

	return r->down_since.us == 0 || r->lost || mono_reached(now, due) ? MONO_NEVER : due;
}

#include "health/health.h"

#include "base/bug.h"

void health_init(struct health *h, int rise, int fall)
{
	BUG_ON(rise < 1 || fall < 1);
	*h = (struct health){.score = rise, .rise = rise, .fall = fall};
}

static enum health_change feed_ok(struct health *h)
{
	bool was_up = health_is_up(h);

	h->score++;
	if (!health_is_up(h))
		return HEALTH_UNCHANGED;
	health_force(h, true);
	return was_up ? HEALTH_UNCHANGED : HEALTH_WENT_UP;
}

static enum health_change feed_failed(struct health *h)
{
	bool was_up = health_is_up(h);

	h->score--;
	if (health_is_up(h))
		return HEALTH_UNCHANGED;
	health_force(h, false);
	return was_up ? HEALTH_WENT_DOWN : HEALTH_UNCHANGED;
}

enum health_change health_feed(struct health *h, bool ok)
{
	return ok ? feed_ok(h) : feed_failed(h);
}

void health_count(const struct health *h, int *ret_have, int *ret_want)
{
	*ret_have = health_is_up(h) ? h->score - h->rise + 1 : h->score;
	*ret_want = health_is_up(h) ? h->fall : h->rise;
}

void health_force(struct health *h, bool up)
{
	h->score = up ? h->rise + h->fall - 1 : 0;
}

void health_adopt(struct health *h, bool up)
{
	h->score = up ? h->rise : h->rise - 1;
}

uint64_t health_slow_start_step_us(uint64_t slow_start_us)
{
	uint64_t step = slow_start_us / 20;

	return step > 1000000 ? step : 1000000;
}

unsigned health_slow_start_weight(unsigned weight, uint64_t since_up_us, uint64_t slow_start_us)
{
	uint64_t step = health_slow_start_step_us(slow_start_us);
	uint64_t reached = since_up_us / step * step;
	unsigned w;

	if (since_up_us >= slow_start_us || weight == 0)
		return weight;
	w = (unsigned)((unsigned __int128)weight * reached / slow_start_us);
	return w > 0 ? w : 1;
}

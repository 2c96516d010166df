#include "health/merge.h"

static enum health_view majority(unsigned up, unsigned down, enum health_view even)
{
	if (up == down)
		return up == 0 ? HEALTH_UNKNOWN : even;
	return up > down ? HEALTH_UP : HEALTH_DOWN;
}

enum health_view health_cluster(const struct health_views *v)
{
	return majority(v->others_up + (v->own == HEALTH_UP),
		v->others_down + (v->own == HEALTH_DOWN), HEALTH_UP);
}

bool health_is_unreachable(const struct health_views *v)
{
	return v->own == HEALTH_DOWN && v->others_up > 0;
}

enum health_view health_adopted(const struct health_views *v)
{
	return majority(v->others_up, v->others_down, HEALTH_UNKNOWN);
}

bool health_look_again(enum health_view own, enum health_view before, enum health_view after)
{
	if (after == before || own == HEALTH_UNKNOWN)
		return false;
	return after == HEALTH_DOWN ? own == HEALTH_UP : after == HEALTH_UP && own == HEALTH_DOWN;
}

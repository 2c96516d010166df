/* Is a server up? One integer counts check results (the idea of HAProxy's check.health): 0 … rise-1
 * is down, rise … rise+fall-1 is up, and crossing the border jumps to the far end, so that the way
 * back takes the full count again. A new server is up but stands at the border: its first failed
 * check takes it down at once. Pure and by value; whoever owns the struct feeds it. */
#ifndef HEALTH_HEALTH_H
#define HEALTH_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

struct health {
	int score;
	int rise, fall; /* each at least 1 */
};

enum health_change { HEALTH_UNCHANGED, HEALTH_WENT_UP, HEALTH_WENT_DOWN };

void health_init(struct health *h, int rise, int fall);

/* One check result. A result that confirms the present state restarts the count of the opposite
 * ones. */
enum health_change health_feed(struct health *h, bool ok);

static inline bool health_is_up(const struct health *h)
{
	return h->score >= h->rise;
}

/* The two numbers of HAProxy's status words. Up: failures it still takes, of fall ("UP 2/3"; 3 of 3
 * is plain "UP"). Down: successes so far, of rise ("DOWN 1/2"; 0 of 2 is plain "DOWN"). */
void health_count(const struct health *h, int *ret_have, int *ret_want);

/* How many results make the change that led to the present state, for "(3/3)" in its log line. The
 * very first failed check of a new server stands for all of them. */
static inline int health_crossed(const struct health *h)
{
	return health_is_up(h) ? h->rise : h->fall;
}

/* An operator's word: fully up or fully down, as after a change by checks. */
void health_force(struct health *h, bool up);

/* A peer's word before any result of our own: down or up, but the first result decides alone. */
void health_adopt(struct health *h, bool up);

/* Weight of a server that came back since_up_us ago: it grows over slow_start_us (0: full at once)
 * from 1 to `weight`, in the steps below, as HAProxy does. Weight 0 stays 0. Multiply small weights
 * first (by 16, say, those of the other servers too), else a weight of 1 has no steps to take. */
unsigned health_slow_start_weight(unsigned weight, uint64_t since_up_us, uint64_t slow_start_us);

/* How long the weight stays the same: a twentieth of the time, but at least a second. */
uint64_t health_slow_start_step_us(uint64_t slow_start_us);

#endif

#include "control/watchdog.h"

enum { LATE_MS = 2500 };

enum watchdog_news watchdog_look(
	struct watchdog *w, uint64_t loops, struct mono now, uint64_t since_last_us)
{
	bool moved = loops != w->loops || w->moved_at.us == 0, was_stuck = w->stuck;

	if (moved || (!was_stuck && since_last_us > (uint64_t)LATE_MS * 1000))
		w->moved_at = now;
	w->loops = loops;
	w->stuck = was_stuck ? !moved
			     : mono_diff_us(w->moved_at, now) >= (uint64_t)WATCHDOG_STUCK_MS * 1000;
	if (w->stuck)
		return was_stuck ? WATCHDOG_IS_STUCK : WATCHDOG_GOT_STUCK;
	return was_stuck ? WATCHDOG_GOES_ON : WATCHDOG_PASSES;
}

/* Which workers still pass through their loops: who does not serves nobody, though the process lives. Pure: the caller
 * wakes the workers, so that an idle one passes too, and says what it sees.
 *
 * owner: control; thread: control. */
#ifndef CONTROL_WATCHDOG_H
#define CONTROL_WATCHDOG_H

#include "base/mono.h"

#include <stdbool.h>
#include <stdint.h>

enum { WATCHDOG_STUCK_MS = 4000 };

struct watchdog {
	uint64_t loops; /* turns that the worker had made when last seen */
	struct mono moved_at;
	bool stuck;
};

enum watchdog_news { WATCHDOG_PASSES, WATCHDOG_GOES_ON, WATCHDOG_IS_STUCK, WATCHDOG_GOT_STUCK };

/* One look at one worker, about once a second; the first begins to count. GOES_ON and GOT_STUCK are news, the others
 * go on as before. Looks that come late themselves blame nobody: a process that did not run knows nothing of its
 * workers. */
enum watchdog_news watchdog_look(
	struct watchdog *w, uint64_t loops, struct mono now, uint64_t since_last_us);

static inline bool watchdog_passes(enum watchdog_news n)
{
	return n == WATCHDOG_PASSES || n == WATCHDOG_GOES_ON;
}

#endif

/* When a server that is down here and up for others counts as out of reach from here alone. Every ordinary death looks
 * like that for a moment, until the others have checked it too. So it has to have been down for longer than another
 * node's next verdict takes, and the other's view has to come from a good check after it went down here. Pure: the
 * caller gives the time. */
#ifndef HEALTH_REACH_H
#define HEALTH_REACH_H

#include "base/mono.h"

#include <stdbool.h>
#include <stdint.h>

enum { REACH_PATIENCE_MIN_MS = 3000 };

struct reach {
	struct mono down_since; /* us 0: not down by its checks here */
	bool lost;		/* out of reach from here alone */
};

struct reach_look {
	bool down;	/* here, by checks */
	bool others_up; /* somebody whose view is fresh calls it up */
	struct mono
		others_up_at; /* the last good check of those who do, by our clock; us 0: not known */
};

/* The longest that another node's next check can take. */
uint64_t reach_patience_ms(uint64_t interval_ms, uint64_t timeout_ms);

/* True where `lost` changed. Once lost it stays so until it is up here or no longer up elsewhere. */
bool reach_update(
	struct reach *r, struct mono now, const struct reach_look *look, uint64_t patience_ms);

/* When to look again though nothing happened; MONO_NEVER: there is no need. */
struct mono reach_due(const struct reach *r, struct mono now, uint64_t patience_ms);

#endif

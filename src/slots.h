/* Slots: small numbers for names, that stay the same as long as somebody uses the name, and as long after as nobody else
 * needs the number: what went and comes back finds its counters again. One thread. */
#ifndef SLOTS_H
#define SLOTS_H

#include <stdbool.h>
#include <stdint.h>

struct slot {
	char *name;
	uint32_t users;
	uint64_t left; /* when its last user went, counted by slots.clock */
};

struct slots {
	struct slot *all;
	uint32_t n, max; /* those below n have names */
	uint64_t clock;
};

enum { SLOTS_FULL = -1, SLOTS_NO_MEMORY = -2 };

/* False: out of memory. */
bool slots_init(struct slots *s, uint32_t max);
void slots_release(struct slots *s);

/* One more user of the name. Returns its number, which is new, or that of the name that went longest ago where all were
 * given out; SLOTS_FULL: all are in use. */
int slots_take(struct slots *s, const char *name);
void slots_drop(struct slots *s, uint32_t number);

/* NULL: never given out. */
const char *slots_name(const struct slots *s, uint32_t number);

#endif

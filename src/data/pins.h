/* The generations that a worker's connections were begun under, or were moved to since: a table small enough that a
 * connection names its own by one byte. The newest is taken up by worker_view(), at its first call in a turn of the
 * loop; what nobody uses any more is let go between two turns. owner: worker. */
#ifndef DATA_PINS_H
#define DATA_PINS_H

#include "generation.h"

#include <stdbool.h>
#include <stdint.h>

typedef uint8_t pin_t;

struct pins {
	struct pinned {
		struct generation *generation; /* NULL: free */
		uint32_t users;		       /* connections, exchanges, listening sockets */
	} all[GENERATIONS_MAX];
	pin_t newest; /* with one user of its own */
	bool stale;   /* some have no users any more */
};

/* `g` is that of a view in our hands. Control makes no more of them than fit. */
void pins_begin(struct pins *p, struct generation *g);
void pins_take_up(struct pins *p, struct generation *g);
void pins_release(struct pins *p);

/* Lets go what has no users. Between two turns only: within one, a configuration that was in use stays readable. */
void pins_sweep(struct pins *p);

static inline pin_t pins_add(struct pins *p, pin_t pin)
{
	p->all[pin].users++;
	return pin;
}

static inline void pins_drop(struct pins *p, pin_t pin)
{
	if (--p->all[pin].users == 0)
		p->stale = true;
}

static inline const struct generation *pins_generation(const struct pins *p, pin_t pin)
{
	return p->all[pin].generation;
}

/* Moves a pin to the newest generation. */
static inline void pins_renew(struct pins *p, pin_t *pin)
{
	pins_add(p, p->newest);
	pins_drop(p, *pin);
	*pin = p->newest;
}

#endif

/* Keys that seal TLS session tickets (RFC 5077 4), one for each period of TICKETS_PERIOD_S: the present one seals, those of
 * the two periods before and of the one to come (clocks differ) open. They are derived from secrets and the number of the
 * period alone, so nodes that hold the same secret open each other's tickets with no message between them.
 *
 * Immutable once made; owned by who made it. Nothing here is ever printed. */
#ifndef TICKETS_H
#define TICKETS_H

#include <stddef.h>
#include <stdint.h>

enum {
	TICKETS_PERIOD_S = 12 * 60 * 60,
	TICKETS_SECRET_BYTES = 32,
	TICKETS_SECRETS_MAX = 8, /* keys of a cluster that are looked at; more are left out */
};

struct ticket_key {
	uint8_t name[16]; /* sent with the ticket */
	uint8_t cipher[32], mac[32];
};

struct tickets {
	uint64_t period;
	unsigned n_keys;
	struct ticket_key keys[TICKETS_SECRETS_MAX * 4]; /* the first seals */
};

/* `secrets` are n times TICKETS_SECRET_BYTES, the one in use first. NULL: out of memory, or n is 0. */
struct tickets *tickets_new(const uint8_t *secrets, size_t n, uint64_t wall_s);
void tickets_free(struct tickets *t); /* wipes; NULL is allowed */

/* NULL: none of that name. */
const struct ticket_key *tickets_find(const struct tickets *t, const uint8_t name[16]);

#endif

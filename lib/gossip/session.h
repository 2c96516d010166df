/* What keeps old packets from being taken for new ones: a window over the numbers of one sender's epoch, and challenges
 * whose echo proves that its sender is there now. Pure; the caller's memory. */
#ifndef GOSSIP_SESSION_H
#define GOSSIP_SESSION_H

#include "base/prng.h"
#include "gossip/gossip.h"
#include "gossip/message.h"

enum { REPLAY_BITS = 1024 };

struct replay {
	uint64_t top; /* the highest number taken */
	uint64_t bits[REPLAY_BITS /
		      64]; /* seen, of the numbers from top - 1023 to top; by number modulo 1024 */
};

/* Begins behind `top`: it and everything below count as seen. */
void replay_start(struct replay *r, uint64_t top);

/* True once for each number; false: seen, or too old to tell. */
bool replay_take(struct replay *r, uint64_t number);

/* One challenge for everybody, changed once a second: an echo proves that its packet is at most two seconds old. That
 * is all the state there is, however many ask. */
struct nonces {
	uint8_t current[MESSAGE_NONCE], previous[MESSAGE_NONCE];
	struct mono turned;
	bool has_current, has_previous;
};

/* The one to challenge with now. Both clocks go into a new one: a machine that was set back to a snapshot must not
 * choose again what it chose before. */
const uint8_t *nonces_current(struct nonces *n, struct prng *prng, struct gossip_time t);
bool nonces_are_fresh(const struct nonces *n, struct mono now, const uint8_t echo[MESSAGE_NONCE]);
/* Everything asked so far counts for nothing. */
void nonces_drop(struct nonces *n);

#endif

#include "gossip/session.h"

enum { TURN_MS = 1000 };

void replay_start(struct replay *r, uint64_t top)
{
	r->top = top;
	memset(r->bits, 0xff, sizeof(r->bits));
}

static uint64_t *word_of(struct replay *r, uint64_t number)
{
	return &r->bits[number % REPLAY_BITS / 64];
}

static uint64_t bit_of(uint64_t number)
{
	return UINT64_C(1) << (number % 64);
}

static void move_up(struct replay *r, uint64_t top)
{
	uint64_t first = r->top + 1;

	if (top - r->top >= REPLAY_BITS) {
		memset(r->bits, 0, sizeof(r->bits));
	} else {
		for (uint64_t n = first; n <= top; n++)
			*word_of(r, n) &= ~bit_of(n);
	}
	r->top = top;
}

bool replay_take(struct replay *r, uint64_t number)
{
	if (number > r->top)
		move_up(r, number);
	else if (r->top - number >= REPLAY_BITS)
		return false;
	if (*word_of(r, number) & bit_of(number))
		return false;
	*word_of(r, number) |= bit_of(number);
	return true;
}

static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

static void draw(uint8_t ret[MESSAGE_NONCE], struct prng *prng, struct gossip_time t)
{
	uint64_t words[2] = {
		prng_next(prng) ^ mix(t.wall_ms + 1),
		prng_next(prng) ^ mix(t.now.us ^ mix(t.wall_ms)),
	};

	memcpy(ret, words, sizeof(words));
}

const uint8_t *nonces_current(struct nonces *n, struct prng *prng, struct gossip_time t)
{
	uint64_t age_us = mono_diff_us(n->turned, t.now);

	if (n->has_current && age_us < TURN_MS * 1000)
		return n->current;
	n->has_previous = n->has_current && age_us < 2 * TURN_MS * 1000;
	memcpy(n->previous, n->current, sizeof(n->previous));
	draw(n->current, prng, t);
	n->has_current = true;
	n->turned = t.now;
	return n->current;
}

bool nonces_are_fresh(const struct nonces *n, struct mono now, const uint8_t echo[MESSAGE_NONCE])
{
	uint64_t age_us = mono_diff_us(n->turned, now);

	if (n->has_current && age_us < 2 * TURN_MS * 1000 &&
		memcmp(echo, n->current, MESSAGE_NONCE) == 0)
		return true;
	return n->has_previous && age_us < TURN_MS * 1000 &&
	       memcmp(echo, n->previous, MESSAGE_NONCE) == 0;
}

void nonces_drop(struct nonces *n)
{
	n->has_current = n->has_previous = false;
}

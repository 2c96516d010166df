#include "ratelimit/sources.h"

#include "base/bug.h"
#include "ratelimit/bucket.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

/* The table is an array of sets of two cache lines; a source lives in the set its hash names, in
 * any of seven slots. A slot is two words:
 *
 *	word   tag (32 bits: who) | tenancy (12) | open connections (20)
 *	full   when the source's bucket is full again, µs (52 bits) | tenancy (12)
 *
 * Tag and count change in one compare-and-swap, so a slot can only be emptied while its count is 0,
 * and a connection can only be counted while the slot is still its source's. All use of `full`
 * happens with the count above 0, so the tenant cannot change meanwhile; a `full` with another
 * tenancy number is a former tenant's and means a full bucket, so moving in needs no second write.
 * Tenancy grows whenever a slot is emptied; 4096 tenants that all leave `full` alone could make a
 * stale one look valid, and by then it lies in the past.
 *
 * A source must never sit in two slots. Moving in therefore goes through the set's door, a word
 * that holds the one move in progress (tag, slot, tenancy) and a sequence number:
 *
 *	1. read the door; if a move is in progress, help to finish it and start again
 *	2. look for the tag; found: count there
 *	3. find an empty slot, or empty one with count 0
 *	4. swap the door from what was read in 1 to the move: fails if any move came between 1 and 4, so
 *	   now the tag is in no slot, and the slot is still empty, as only moves fill slots
 *	5. swap the slot from (nobody, tenancy) to (tag, tenancy), and the door back to nobody with the
 *	   next sequence number
 *
 * Step 5 is done by whoever comes by, the mover or helpers, and a helper that sleeps in it does no
 * harm later: the empty word it swaps from never comes back, as the slot is next emptied with a new
 * tenancy. So nobody ever waits for a thread that sleeps. (Never: unless 4096 tenants or 131072
 * moves of that one set pass during one such sleep, and then a source is counted apart until one of
 * its two slots is idle.)
 *
 * Two sources of one set with the same tag are one to us: with 65536 sources live, the chance that
 * any two of them are is about 1 to 65000. */

enum {
	WAYS = 7,
	COUNT_BITS = 20,
	TENANCY_BITS = 12,
	TAG_SHIFT = COUNT_BITS + TENANCY_BITS,
	COUNT_MAX = (1 << COUNT_BITS) - 1,
	TENANCY_MASK = (1 << TENANCY_BITS) - 1,
	DOOR_SLOT_BITS = 3,
	DOOR_SLOT_MASK = (1 << DOOR_SLOT_BITS) - 1,
	DOOR_MOVE_BITS = DOOR_SLOT_BITS + TENANCY_BITS,
	TRIES = 64,
};

struct slot {
	_Atomic uint64_t word;
	_Atomic uint64_t full;
};

/* owner: none; written by all threads, by compare-and-swap only */
struct set {
	/* tag (32; 0: nobody moves) | sequence (17) | tenancy (12) | slot (3) */
	_Alignas(64) _Atomic uint64_t door;
	struct slot slots[WAYS];
};

struct sources {
	size_t mask; /* sets - 1 */
	struct set *sets;
};

static uint32_t tag_of(uint64_t word)
{
	return (uint32_t)(word >> TAG_SHIFT);
}

static uint32_t count_of(uint64_t word)
{
	return (uint32_t)(word & COUNT_MAX);
}

static uint64_t tenancy_of(uint64_t word)
{
	return word >> COUNT_BITS & TENANCY_MASK;
}

static uint64_t word_of(uint32_t tag, uint64_t tenancy, uint32_t count)
{
	return (uint64_t)tag << TAG_SHIFT | (tenancy & TENANCY_MASK) << COUNT_BITS | count;
}

static uint64_t load(const _Atomic uint64_t *a)
{
	return atomic_load_explicit(a, memory_order_acquire);
}

static bool swap(_Atomic uint64_t *a, uint64_t from, uint64_t to)
{
	return atomic_compare_exchange_strong(a, &from, to);
}

/* The upper half of the hash is the tag, the lower picks the set. */
static uint32_t hash_tag(uint64_t hash)
{
	uint32_t tag = (uint32_t)(hash >> 32);

	return tag > 0 ? tag : 1;
}

static struct set *hash_set(const struct sources *s, uint64_t hash)
{
	return &s->sets[hash & s->mask];
}

struct sources *sources_new(size_t max_sources)
{
	struct sources *s = malloc(sizeof(*s));
	size_t sets = 1;

	if (!s || max_sources > SIZE_MAX / 1024)
		goto fail;
	while (sets * WAYS < 2 * max_sources)
		sets *= 2;
	s->mask = sets - 1;
	s->sets = aligned_alloc(_Alignof(struct set), sets * sizeof(*s->sets));
	if (!s->sets)
		goto fail;
	for (size_t i = 0; i < sets; i++) {
		atomic_init(&s->sets[i].door, 0);
		for (int w = 0; w < WAYS; w++) {
			atomic_init(&s->sets[i].slots[w].word, 0);
			atomic_init(&s->sets[i].slots[w].full, 0);
		}
	}
	return s;
fail:
	free(s);
	return NULL;
}

void sources_free(struct sources *s)
{
	if (!s)
		return;
	free(s->sets);
	free(s);
}

static struct slot *find(struct set *set, uint32_t tag)
{
	for (int i = 0; i < WAYS; i++)
		if (tag_of(load(&set->slots[i].word)) == tag)
			return &set->slots[i];
	return NULL;
}

/* Step 5; see above. `door` is a move in progress, as read. */
static void finish_move(struct set *set, uint64_t door)
{
	struct slot *slot = &set->slots[door & DOOR_SLOT_MASK];
	uint64_t tenancy = door >> DOOR_SLOT_BITS & TENANCY_MASK;
	uint32_t sequence = (uint32_t)door >> DOOR_MOVE_BITS;

	swap(&slot->word, word_of(0, tenancy, 0), word_of((uint32_t)(door >> 32), tenancy, 0));
	swap(&set->door, door, (sequence + 1) << DOOR_MOVE_BITS);
}

/* 0 for a full bucket. */
static uint64_t full_at(uint64_t word, uint64_t full)
{
	return (full & TENANCY_MASK) == tenancy_of(word) ? full >> TENANCY_BITS : 0;
}

static uint32_t door_move(uint64_t empty_word, uint32_t slot)
{
	return (uint32_t)tenancy_of(empty_word) << DOOR_SLOT_BITS | slot;
}

enum room { ROOM_FOUND, ROOM_CROWDED, ROOM_RACED };

/* Step 3. The lower half of a door for an empty slot: one that is, or else the idle one whose
 * bucket is nearest to full, which loses least. */
static enum room make_room(struct set *set, uint32_t *ret_move)
{
	uint64_t oldest = UINT64_MAX, victim_word = 0, emptied;
	uint32_t victim = WAYS;

	for (uint32_t i = 0; i < WAYS; i++) {
		uint64_t word = load(&set->slots[i].word);
		uint64_t full = full_at(word, load(&set->slots[i].full));

		if (tag_of(word) == 0) {
			*ret_move = door_move(word, i);
			return ROOM_FOUND;
		}
		if (count_of(word) == 0 && full < oldest) {
			oldest = full;
			victim_word = word;
			victim = i;
		}
	}
	if (victim == WAYS)
		return ROOM_CROWDED;
	emptied = word_of(0, tenancy_of(victim_word) + 1, 0);
	if (!swap(&set->slots[victim].word, victim_word, emptied))
		return ROOM_RACED;
	*ret_move = door_move(emptied, victim);
	return ROOM_FOUND;
}

static bool move_in(struct set *set, uint64_t door, uint32_t tag)
{
	uint32_t move;
	enum room room = make_room(set, &move);

	if (room == ROOM_FOUND) {
		uint64_t moving = (uint64_t)tag << 32 | door | move;

		if (swap(&set->door, door, moving))
			finish_move(set, moving);
	}
	return room != ROOM_CROWDED;
}

/* Steps 1 to 5. The source's slot, which may have a new tenant by the time it is used; NULL: no
 * room. */
static struct slot *find_or_move_in(struct set *set, uint32_t tag)
{
	for (int tries = 0; tries < TRIES; tries++) {
		uint64_t door = load(&set->door);
		struct slot *slot;

		if (door >> 32 != 0) {
			finish_move(set, door);
			continue;
		}
		slot = find(set, tag);
		if (slot)
			return slot;
		if (!move_in(set, door, tag))
			return NULL;
	}
	return NULL;
}

/* Counts one more connection, so that the slot stays its source's until uncount. */
static enum sources_verdict count_in(
	struct set *set, uint32_t tag, uint32_t max, struct slot **ret_slot)
{
	for (int tries = 0; tries < TRIES; tries++) {
		struct slot *slot = find_or_move_in(set, tag);
		uint64_t word;

		if (!slot)
			return SOURCES_OK_UNTRACKED;
		word = load(&slot->word);
		while (tag_of(word) == tag) {
			if (max > 0 && count_of(word) >= max)
				return SOURCES_TOO_MANY;
			if (count_of(word) == COUNT_MAX)
				return SOURCES_OK_UNTRACKED;
			*ret_slot = slot;
			if (atomic_compare_exchange_weak(&slot->word, &word, word + 1))
				return SOURCES_OK;
		}
	}
	return SOURCES_OK_UNTRACKED;
}

/* The tenant cannot change while its connection is counted, and the count is in the lowest bits. */
static void uncount(struct slot *slot)
{
	uint64_t before = atomic_fetch_sub(&slot->word, 1);

	BUG_ON(count_of(before) == 0);
}

/* Time for one token, rounded to whole microseconds. */
static uint64_t interval_of(const struct sources_limit *limit)
{
	uint64_t rounded = (limit->per_us + limit->count / 2) / limit->count;

	return rounded > 0 ? rounded : 1;
}

/* Time for a bucket full of them, cut at what `full` can hold beside any uptime: 71 years. */
static uint64_t size_of(const struct sources_limit *limit, uint64_t interval)
{
	uint64_t most = (uint64_t)1 << (64 - TENANCY_BITS - 1);
	uint32_t burst = limit->burst > 0 ? limit->burst : limit->count;
	unsigned __int128 size = (unsigned __int128)burst * interval;

	return size < most ? (uint64_t)size : most;
}

/* One token, with the slot's count held. */
static enum sources_verdict take_token(struct slot *slot, struct mono now,
	const struct sources_limit *limit, uint64_t *ret_wait_us)
{
	uint64_t interval = interval_of(limit), size = size_of(limit, interval);
	uint64_t word = load(&slot->word), full = load(&slot->full), next;

	do {
		uint64_t at = full_at(word, full);

		if (!gcra_take(at, now.us, interval, size, &next)) {
			*ret_wait_us = at - now.us + interval - size;
			return SOURCES_TOO_FAST;
		}
	} while (!atomic_compare_exchange_weak(
		&slot->full, &full, next << TENANCY_BITS | tenancy_of(word)));
	return SOURCES_OK;
}

enum sources_verdict sources_enter(
	struct sources *s, uint64_t hash, struct mono now, const struct sources_limit *limit)
{
	struct slot *slot;
	enum sources_verdict v =
		count_in(hash_set(s, hash), hash_tag(hash), limit->max_connections, &slot);
	uint64_t wait_us;

	if (v != SOURCES_OK || limit->count == 0)
		return v;
	v = take_token(slot, now, limit, &wait_us);
	if (v != SOURCES_OK)
		uncount(slot);
	return v;
}

void sources_leave(struct sources *s, uint64_t hash)
{
	struct slot *slot = find(hash_set(s, hash), hash_tag(hash));

	BUG_ON(!slot);
	uncount(slot);
}

enum sources_verdict sources_take(struct sources *s, uint64_t hash, struct mono now,
	const struct sources_limit *limit, uint64_t *ret_wait_us)
{
	struct slot *slot;
	enum sources_verdict v;

	if (limit->count == 0)
		return SOURCES_OK;
	v = count_in(hash_set(s, hash), hash_tag(hash), 0, &slot);
	if (v != SOURCES_OK)
		return v;
	v = take_token(slot, now, limit, ret_wait_us);
	uncount(slot);
	return v;
}

size_t sources_count(const struct sources *s)
{
	size_t live = 0;

	for (size_t i = 0; i <= s->mask; i++)
		for (int w = 0; w < WAYS; w++)
			live += count_of(load(&s->sets[i].slots[w].word)) > 0;
	return live;
}

uint32_t sources_open(const struct sources *s, uint64_t hash)
{
	struct slot *slot = find(hash_set(s, hash), hash_tag(hash));

	return slot ? count_of(load(&slot->word)) : 0;
}

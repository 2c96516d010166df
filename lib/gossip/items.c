#include "gossip/items.h"

#include "base/bug.h"
#include "base/list.h"
#include "base/siphash.h"
#include "gossip/minheap.h"

#include <stdlib.h>

struct stored {
	uint64_t place, hash;
	uint64_t stamp, node;
	struct mono until;
	struct minheap_node ranked; /* in the heap of items that end, or in that of tombstones */
	uint16_t value_n;
	uint8_t kind, key_n;
	uint8_t bytes[]; /* key, value */
};

struct items {
	uint64_t self;
	struct items_limits limits;
	size_t n, room;
	struct stored **stored; /* by place, then kind and key */
	struct minheap ends;	/* living items with a lifetime, by its end */
	struct minheap deleted; /* tombstones, by age */
	uint64_t hash, bucket_hash[ITEMS_BUCKETS];
};

/* Known to all nodes: they have to agree on places and hashes. */
static const struct siphash_key place_key = {0x6974656d73, 1}, hash_key = {0x6974656d73, 2};

static unsigned int bucket_of(uint64_t place)
{
	return (unsigned int)(place >> 58);
}

static uint64_t place_of(const struct item *item)
{
	uint8_t bytes[1 + ITEMS_KEY_MAX];

	bytes[0] = item->kind;
	memcpy(bytes + 1, item->key.p, item->key.n);
	return siphash(&place_key, span_of(bytes, 1 + item->key.n));
}

/* The lifetime is not in it: what remains of it differs by how long a packet was under way. */
static uint64_t hash_of(const struct item *item)
{
	uint8_t bytes[ITEM_BYTES_MAX];
	struct wire_writer w = wire_write(bytes, sizeof bytes);
	struct item timeless = *item;

	timeless.until = (struct mono){0};
	item_encode(&w, (struct mono){0}, &timeless);
	return siphash(&hash_key, span_of(bytes, wire_written(&w)));
}

static void item_of(const struct stored *s, struct item *ret)
{
	*ret = (struct item){
		.kind = s->kind,
		.key = span_of(s->bytes, s->key_n),
		.value = span_of(s->bytes + s->key_n, s->value_n),
		.stamp = s->stamp,
		.node = s->node,
		.until = s->until,
	};
}

static bool is_tombstone(const struct stored *s)
{
	return s->value_n == 0;
}

static int compare_bytes(struct span a, struct span b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n > 0 ? memcmp(a.p, b.p, n) : 0;

	return order ? order : (a.n > b.n) - (a.n < b.n);
}

/* The order of places, and of what would share one. */
static int compare_key(const struct stored *s, uint64_t place, const struct item *item)
{
	if (s->place != place)
		return s->place < place ? -1 : 1;
	if (s->kind != item->kind)
		return s->kind < item->kind ? -1 : 1;
	return compare_bytes(span_of(s->bytes, s->key_n), item->key);
}

/* Whether `item` wins over what is stored. */
static bool is_newer(const struct item *item, const struct stored *s)
{
	if (item->stamp != s->stamp)
		return item->stamp > s->stamp;
	if (item->node != s->node)
		return item->node > s->node;
	if (item->value.n == 0 || is_tombstone(s))
		return !is_tombstone(s);
	return compare_bytes(item->value, span_of(s->bytes + s->key_n, s->value_n)) > 0;
}

/* The first at this place or behind it. */
static size_t first_from(const struct items *s, uint64_t place)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->stored[mid]->place < place)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Where the item stands, or would; `ret_held` is NULL in the latter case. */
static size_t find(const struct items *s, const struct item *item, struct stored **ret_held)
{
	uint64_t place = place_of(item);
	size_t i = first_from(s, place);
	int order = 1;

	while (i < s->n) {
		order = compare_key(s->stored[i], place, item);
		if (order >= 0)
			break;
		i++;
	}
	*ret_held = i < s->n && order == 0 ? s->stored[i] : NULL;
	return i;
}

/* Room for one more of any sort. */
static bool reserve(struct items *s)
{
	size_t room = s->room ? s->room * 2 : 16;
	struct stored **grown;

	if (!minheap_reserve(&s->ends) || !minheap_reserve(&s->deleted))
		return false;
	if (s->n < s->room)
		return true;
	grown = realloc(s->stored, room * sizeof(struct stored *));
	if (!grown)
		return false;
	s->stored = grown;
	s->room = room;
	return true;
}

/* The heap that this one stands in, NULL: in none. */
static struct minheap *heap_of(struct items *s, const struct stored *item)
{
	if (is_tombstone(item))
		return &s->deleted;
	return item->until.us ? &s->ends : NULL;
}

static void count_in(struct items *s, struct stored *item)
{
	struct minheap *heap = heap_of(s, item);

	s->hash += item->hash;
	s->bucket_hash[bucket_of(item->place)] += item->hash;
	if (heap == &s->deleted)
		item->ranked = (struct minheap_node){.key = {item->stamp, item->node, item->place}};
	else
		item->ranked = (struct minheap_node){.key = {item->until.us, item->place}};
	if (heap)
		minheap_put(heap, &item->ranked);
}

static void count_out(struct items *s, struct stored *item)
{
	struct minheap *heap = heap_of(s, item);

	s->hash -= item->hash;
	s->bucket_hash[bucket_of(item->place)] -= item->hash;
	if (heap)
		minheap_take(heap, &item->ranked);
}

static void drop_oldest_tombstone(struct items *s)
{
	struct stored *oldest = container_of(minheap_least(&s->deleted), struct stored, ranked);
	struct stored *held;
	struct item item;
	size_t i;

	item_of(oldest, &item);
	i = find(s, &item, &held);
	BUG_ON(held != oldest);
	count_out(s, oldest);
	free(oldest);
	s->n--;
	memmove(&s->stored[i], &s->stored[i + 1], (s->n - i) * sizeof(struct stored *));
}

static struct stored *stored_new(const struct item *item)
{
	struct stored *s = malloc(sizeof *s + item->key.n + item->value.n);

	if (!s)
		return NULL;
	*s = (struct stored){
		.place = place_of(item),
		.hash = hash_of(item),
		.stamp = item->stamp,
		.node = item->node,
		.until = item->value.n > 0 ? item->until : (struct mono){0},
		.value_n = (uint16_t)item->value.n,
		.kind = item->kind,
		.key_n = (uint8_t)item->key.n,
	};
	memcpy(s->bytes, item->key.p, item->key.n);
	if (item->value.n > 0)
		memcpy(s->bytes + item->key.n, item->value.p, item->value.n);
	return s;
}

/* Puts it at `i`, in place of `held` if that is not NULL. */
static enum items_status put(
	struct items *s, size_t i, struct stored *held, const struct item *item)
{
	struct stored *fresh = stored_new(item);

	if (!fresh || !reserve(s)) {
		free(fresh);
		return ITEMS_NO_MEMORY;
	}
	if (held) {
		count_out(s, held);
		free(held);
	} else {
		memmove(&s->stored[i + 1], &s->stored[i], (s->n - i) * sizeof(struct stored *));
		s->n++;
	}
	s->stored[i] = fresh;
	count_in(s, fresh);
	if (s->deleted.n > s->limits.tombstones_max)
		drop_oldest_tombstone(s);
	return ITEMS_TAKEN;
}

static bool is_too_long(const struct item *item)
{
	return item->key.n == 0 || item->key.n > ITEMS_KEY_MAX ||
	       item->key.n + item->value.n > ITEMS_BYTES_MAX;
}

/* Whether this would be one more living item than there may be. */
static bool is_full(
	const struct items *s, const struct stored *held, const struct item *item, size_t live_max)
{
	return item->value.n > 0 && (!held || is_tombstone(held)) && items_live(s) >= live_max;
}

struct items *items_new(uint64_t self, const struct items_limits *limits)
{
	struct items *s = calloc(1, sizeof *s);

	BUG_ON(self == 0 || limits->tombstones_max == 0);
	if (!s)
		return NULL;
	s->self = self;
	s->limits = *limits;
	return s;
}

void items_free(struct items *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++)
		free(s->stored[i]);
	free(s->stored);
	minheap_release(&s->ends);
	minheap_release(&s->deleted);
	free(s);
}

enum items_status items_set(
	struct items *s, uint64_t wall_ms, const struct item *write, struct item *ret)
{
	struct item item = *write;
	enum items_status status;
	struct stored *held;
	size_t i;

	if (is_too_long(write))
		return ITEMS_TOO_LONG;
	i = find(s, write, &held);
	if (is_full(s, held, write, s->limits.live_max))
		return ITEMS_FULL;
	item.stamp = held && held->stamp >= wall_ms ? held->stamp + 1 : wall_ms;
	item.node = s->self;
	status = put(s, i, held, &item);
	if (status != ITEMS_TAKEN)
		return status;
	/* A tombstone older than all of a full set is gone already; others are told of it all the same. */
	if (!items_find(s, item.kind, item.key, ret))
		*ret = item;
	return ITEMS_TAKEN;
}

static enum items_status take(struct items *s, const struct item *item)
{
	struct stored *held;
	uint64_t hash = s->hash;
	enum items_status status;
	size_t i;

	if (is_too_long(item))
		return ITEMS_TOO_LONG;
	i = find(s, item, &held);
	if (held && !is_newer(item, held))
		return ITEMS_KNOWN;
	if (is_full(s, held, item, 2 * s->limits.live_max))
		return ITEMS_FULL;
	status = put(s, i, held, item);
	/* A tombstone that is too old to keep came and went. */
	return status == ITEMS_TAKEN && s->hash == hash ? ITEMS_KNOWN : status;
}

enum items_status items_merge(struct items *s, uint64_t wall_ms, const struct item *item)
{
	if (item->stamp > wall_ms && item->stamp - wall_ms > ITEMS_AHEAD_MAX_MS)
		return ITEMS_AHEAD;
	return take(s, item);
}

enum items_status items_load(struct items *s, const struct item *item)
{
	/* Whatever the clock says now; but there has to be a stamp above it. */
	return item->stamp > UINT64_MAX / 2 ? ITEMS_AHEAD : take(s, item);
}

struct mono items_deadline(const struct items *s)
{
	const struct minheap_node *least = minheap_least(&s->ends);

	return (struct mono){least ? least->key[0] : MONO_NEVER.us};
}

bool items_expire(struct items *s, struct mono now, struct item *ret)
{
	struct stored *held;

	while (s->deleted.n > s->limits.tombstones_max)
		drop_oldest_tombstone(s); /* for what the last call gave */
	if (!mono_reached(now, items_deadline(s)))
		return false;
	held = container_of(minheap_least(&s->ends), struct stored, ranked);
	if (!minheap_reserve(&s->deleted))
		return false; /* out of memory: it lives on until the next call */
	count_out(s, held);
	held->value_n = 0;
	held->until = (struct mono){0};
	item_of(held, ret);
	held->hash = hash_of(ret);
	count_in(s, held);
	return true;
}

bool items_find(const struct items *s, uint8_t kind, struct span key, struct item *ret)
{
	const struct item wanted = {.kind = kind, .key = key};
	struct stored *held;

	if (key.n == 0 || key.n > ITEMS_KEY_MAX)
		return false;
	find(s, &wanted, &held);
	if (!held)
		return false;
	item_of(held, ret);
	return true;
}

size_t items_count(const struct items *s)
{
	return s->n;
}

size_t items_live(const struct items *s)
{
	return s->n - s->deleted.n;
}

void items_at(const struct items *s, size_t i, struct item *ret)
{
	BUG_ON(i >= s->n);
	item_of(s->stored[i], ret);
}

size_t items_bucket(const struct items *s, unsigned int bucket)
{
	return bucket < ITEMS_BUCKETS ? first_from(s, items_place(bucket)) : s->n;
}

uint64_t items_hash(const struct items *s)
{
	return s->hash;
}

uint64_t items_bucket_hash(const struct items *s, unsigned int bucket)
{
	BUG_ON(bucket >= ITEMS_BUCKETS);
	return s->bucket_hash[bucket];
}

void items_list(
	const struct items *s, uint64_t from, uint64_t *hashes, size_t max, struct items_piece *ret)
{
	uint64_t end = items_place(bucket_of(from)) + (items_place(1) - 1);
	size_t n = 0;

	BUG_ON(max == 0);
	*ret = (struct items_piece){.from = from, .to = end, .hashes = hashes};
	for (size_t i = first_from(s, from); i < s->n && s->stored[i]->place <= end; i++) {
		if (n == max) {
			/* Two items of one place are as good as impossible; they would be sent in vain. */
			ret->to = s->stored[i - 1]->place;
			break;
		}
		hashes[n++] = s->stored[i]->hash;
	}
	ret->n = n;
}

static bool is_listed(const struct items_piece *piece, uint64_t hash)
{
	for (size_t i = 0; i < piece->n; i++) {
		if (piece->hashes[i] == hash)
			return true;
	}
	return false;
}

bool items_unlisted(
	const struct items *s, const struct items_piece *piece, size_t *i, struct item *ret)
{
	size_t at = first_from(s, piece->from) + *i;

	for (; at < s->n && s->stored[at]->place <= piece->to; at++) {
		++*i;
		if (!is_listed(piece, s->stored[at]->hash)) {
			item_of(s->stored[at], ret);
			return true;
		}
	}
	return false;
}

bool items_hold(const struct items *s, const struct items_piece *piece)
{
	size_t start = first_from(s, piece->from), held = 0;

	for (size_t at = start; at < s->n && s->stored[at]->place <= piece->to; at++)
		held += is_listed(piece, s->stored[at]->hash);
	return held == piece->n;
}

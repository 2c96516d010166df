#include "gossip/records.h"

#include "base/bug.h"
#include "base/siphash.h"

#include <stdlib.h>

struct held {
	uint64_t version, after;
	uint16_t key, n;
	uint8_t value[];
};

/* One record a key, sorted by key. */
struct shelf {
	size_t n, room;
	struct held **held;
};

struct origin {
	uint64_t id, epoch;
	uint64_t have;	      /* every current record up to this version stands in `settled` */
	uint64_t hash;	      /* of the three above */
	struct shelf settled; /* none is above `have`, and the one that made it so is among them */
	struct shelf ahead;   /* overtook others: all above `have`, and what readers are given */
};

struct records {
	uint64_t self, hash;
	size_t n, turn;				     /* turn: of the next digest */
	struct origin *origins[RECORDS_ORIGINS_MAX]; /* by id */
	records_changed_cb *changed;
	void *arg;
};

/* Ids and versions are not chosen by outsiders, and a difference that goes unseen is seen after the
 * next write: the key may be known. */
static uint64_t entry_hash(const struct origin *o)
{
	static const struct siphash_key key = {0x7265636f726473, 1};
	uint8_t bytes[RECORDS_ENTRY_BYTES];
	struct wire_writer w = wire_write(bytes, sizeof bytes);

	if (o->have == 0)
		return 0; /* nothing is held, which is what a node has that does not know the origin */
	records_entry_encode(&w, &(struct records_entry){o->id, o->epoch, o->have});
	return siphash(&key, span_of(bytes, sizeof bytes));
}

static void rehash(struct records *r, struct origin *o)
{
	uint64_t hash = entry_hash(o);

	r->hash += hash - o->hash;
	o->hash = hash;
}

/* Where the origin is, or would stand. */
static size_t origin_place(const struct records *r, uint64_t id)
{
	size_t low = 0, high = r->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (r->origins[mid]->id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct origin *origin_find(const struct records *r, uint64_t id)
{
	size_t i = origin_place(r, id);

	return i < r->n && r->origins[i]->id == id ? r->origins[i] : NULL;
}

static enum records_status origin_add(
	struct records *r, uint64_t id, uint64_t epoch, struct origin **ret)
{
	size_t i = origin_place(r, id);
	struct origin *o;

	if (r->n == RECORDS_ORIGINS_MAX)
		return RECORDS_FULL;
	o = calloc(1, sizeof *o);
	if (!o)
		return RECORDS_NO_MEMORY;
	o->id = id;
	o->epoch = epoch;
	memmove(&r->origins[i + 1], &r->origins[i], (r->n - i) * sizeof(struct origin *));
	r->origins[i] = o;
	r->n++;
	rehash(r, o);
	*ret = o;
	return RECORDS_TAKEN;
}

static size_t held_place(const struct shelf *s, uint32_t key)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->held[mid]->key < key)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct held *held_find(const struct shelf *s, uint16_t key)
{
	size_t i = held_place(s, key);

	return i < s->n && s->held[i]->key == key ? s->held[i] : NULL;
}

/* What readers are given. */
static struct held *held_newest(const struct origin *o, uint16_t key)
{
	struct held *h = held_find(&o->ahead, key);

	return h ? h : held_find(&o->settled, key);
}

static struct record record_of(const struct origin *o, const struct held *h)
{
	return (struct record){
		o->id, o->epoch, h->version, h->after, h->key, span_of(h->value, h->n)};
}

static enum records_status shelf_reserve(struct shelf *s)
{
	size_t room = s->room ? s->room * 2 : 4;
	struct held **grown;

	if (s->n < s->room)
		return RECORDS_TAKEN;
	if (s->n == RECORDS_KEYS_MAX)
		return RECORDS_FULL;
	grown = realloc(s->held, room * sizeof(struct held *));
	if (!grown)
		return RECORDS_NO_MEMORY;
	s->held = grown;
	s->room = room;
	return RECORDS_TAKEN;
}

/* Takes `h`, in place of what the shelf has under its key. */
static enum records_status shelf_put(struct shelf *s, struct held *h)
{
	size_t i = held_place(s, h->key);
	enum records_status status;

	if (i < s->n && s->held[i]->key == h->key) {
		free(s->held[i]);
		s->held[i] = h;
		return RECORDS_TAKEN;
	}
	status = shelf_reserve(s);
	if (status != RECORDS_TAKEN)
		return status;
	memmove(&s->held[i + 1], &s->held[i], (s->n - i) * sizeof(struct held *));
	s->held[i] = h;
	s->n++;
	return RECORDS_TAKEN;
}

static enum records_status shelf_add(struct shelf *s, const struct record *record)
{
	struct held *h = malloc(sizeof *h + record->value.n);
	enum records_status status;

	if (!h)
		return RECORDS_NO_MEMORY;
	*h = (struct held){record->version, record->after, record->key, (uint16_t)record->value.n};
	if (h->n > 0)
		memcpy(h->value, record->value.p, h->n);
	status = shelf_put(s, h);
	if (status != RECORDS_TAKEN)
		free(h);
	return status;
}

/* Takes it off the shelf; the caller owns what stood there. */
static void shelf_take(struct shelf *s, size_t i)
{
	s->n--;
	memmove(&s->held[i], &s->held[i + 1], (s->n - i) * sizeof(struct held *));
}

static void shelf_drop(struct shelf *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->held[i]);
	free(s->held);
	*s = (struct shelf){0};
}

/* Drops what is held, and tells of it once nothing can be read of it any more. */
static void drop_and_tell(struct records *r, struct origin *o)
{
	struct shelf settled = o->settled, ahead = o->ahead;
	uint64_t id = o->id;

	o->settled = o->ahead = (struct shelf){0};
	for (size_t i = 0; i < settled.n; i++)
		r->changed(r->arg, id, settled.held[i]->key);
	for (size_t i = 0; i < ahead.n; i++) {
		if (!held_find(&settled, ahead.held[i]->key))
			r->changed(r->arg, id, ahead.held[i]->key);
	}
	shelf_drop(&settled);
	shelf_drop(&ahead);
}

/* The origin started again: nothing of what it said before holds. */
static void adopt_epoch(struct records *r, struct origin *o, uint64_t epoch)
{
	o->epoch = epoch;
	o->have = 0;
	rehash(r, o);
	drop_and_tell(r, o);
}

/* Settles what had overtaken others, as far as its gap has closed; what is not newer falls away. */
static void close_gaps(struct records *r, struct origin *o)
{
	for (size_t i = 0; i < o->ahead.n;) {
		struct held *h = o->ahead.held[i];

		if (h->version > o->have && h->after > o->have) {
			i++;
			continue;
		}
		if (h->version <= o->have) {
			shelf_take(&o->ahead, i);
			free(h);
			continue;
		}
		if (!held_find(&o->settled, h->key) && shelf_reserve(&o->settled) != RECORDS_TAKEN)
			break;
		shelf_take(&o->ahead, i);
		shelf_put(&o->settled, h);
		o->have = h->version;
		i = 0;
	}
	rehash(r, o);
}

struct records *records_new(uint64_t self, uint64_t epoch, records_changed_cb *changed, void *arg)
{
	struct records *r = calloc(1, sizeof *r);
	struct origin *o;

	BUG_ON(epoch > RECORDS_NUMBER_MAX);
	if (!r)
		return NULL;
	r->self = self;
	r->changed = changed;
	r->arg = arg;
	if (origin_add(r, self, epoch, &o) != RECORDS_TAKEN) {
		free(r);
		return NULL;
	}
	return r;
}

void records_free(struct records *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n; i++) {
		shelf_drop(&r->origins[i]->settled);
		shelf_drop(&r->origins[i]->ahead);
		free(r->origins[i]);
	}
	free(r);
}

enum records_status records_publish(
	struct records *r, uint16_t key, struct span value, struct record *ret)
{
	struct origin *o = origin_find(r, r->self);
	const struct held *h = held_find(&o->settled, key);
	const struct record record = {o->id, o->epoch, o->have + 1, o->have, key, value};
	enum records_status status;

	if (value.n > RECORDS_VALUE_MAX || o->have == RECORDS_NUMBER_MAX)
		return RECORDS_TOO_LONG;
	if (h ? span_eq(value, span_of(h->value, h->n)) : value.n == 0)
		return RECORDS_KNOWN;
	status = shelf_add(&o->settled, &record);
	if (status != RECORDS_TAKEN)
		return status;
	o->have++;
	rehash(r, o);
	*ret = record_of(o, held_find(&o->settled, key));
	return RECORDS_TAKEN;
}

void records_restart(struct records *r, uint64_t epoch)
{
	struct origin *o = origin_find(r, r->self);

	BUG_ON(epoch <= o->epoch || epoch > RECORDS_NUMBER_MAX);
	o->epoch = epoch;
	rehash(r, o);
}

void records_resume(struct records *r, uint64_t epoch)
{
	struct origin *o = origin_find(r, r->self);

	BUG_ON(epoch > RECORDS_NUMBER_MAX);
	shelf_drop(&o->settled);
	o->epoch = epoch;
	o->have = 0;
	rehash(r, o);
}

enum records_status records_restore(struct records *r, const struct record *record)
{
	struct origin *o = origin_find(r, r->self);
	enum records_status status;

	if (record->value.n > RECORDS_VALUE_MAX || record->version > RECORDS_NUMBER_MAX)
		return RECORDS_TOO_LONG;
	if (record->origin != r->self || record->epoch != o->epoch || record->version <= o->have)
		return RECORDS_KNOWN;
	status = shelf_add(&o->settled, record);
	if (status != RECORDS_TAKEN)
		return status;
	o->have = record->version;
	rehash(r, o);
	return RECORDS_TAKEN;
}

/* It overtook others: used, but the gap before it stays to be asked for. */
static enum records_status merge_ahead(
	struct records *r, struct origin *o, const struct record *record)
{
	struct held *h = held_find(&o->ahead, record->key);
	enum records_status status;

	if (h && h->version >= record->version) {
		if (h->version == record->version && h->after > record->after)
			h->after = record->after;
		return RECORDS_KNOWN;
	}
	status = shelf_add(&o->ahead, record);
	if (status == RECORDS_TAKEN)
		r->changed(r->arg, o->id, record->key);
	return status;
}

static enum records_status merge_next(
	struct records *r, struct origin *o, const struct record *record)
{
	const struct held *newer = held_find(&o->ahead, record->key);
	bool is_news = !newer || newer->version < record->version;
	enum records_status status = shelf_add(&o->settled, record);

	if (status != RECORDS_TAKEN)
		return status;
	o->have = record->version;
	close_gaps(r, o);
	if (is_news)
		r->changed(r->arg, o->id, record->key);
	return RECORDS_TAKEN;
}

enum records_status records_merge(struct records *r, const struct record *record)
{
	struct origin *o = origin_find(r, record->origin);
	enum records_status status;

	if (record->value.n > RECORDS_VALUE_MAX || record->version > RECORDS_NUMBER_MAX ||
		record->epoch > RECORDS_NUMBER_MAX)
		return RECORDS_TOO_LONG;
	if (!o) {
		status = origin_add(r, record->origin, record->epoch, &o);
		if (status != RECORDS_TAKEN)
			return status;
	}
	if (record->epoch < o->epoch || (record->epoch == o->epoch && record->version <= o->have))
		return RECORDS_KNOWN;
	if (o->id == r->self)
		return RECORDS_OWN_AHEAD;
	if (record->epoch > o->epoch)
		adopt_epoch(r, o, record->epoch);
	return record->after <= o->have ? merge_next(r, o, record) : merge_ahead(r, o, record);
}

void records_forget(struct records *r, uint64_t origin)
{
	size_t i = origin_place(r, origin);
	struct origin *o;

	if (origin == r->self || i == r->n || r->origins[i]->id != origin)
		return;
	o = r->origins[i];
	r->hash -= o->hash;
	r->n--;
	r->turn = 0;
	memmove(&r->origins[i], &r->origins[i + 1], (r->n - i) * sizeof(struct origin *));
	drop_and_tell(r, o);
	free(o);
}

struct span records_value(const struct records *r, uint64_t origin, uint16_t key)
{
	const struct origin *o = origin_find(r, origin);
	const struct held *h = o ? held_newest(o, key) : NULL;

	return h ? span_of(h->value, h->n) : span_of(NULL, 0);
}

bool records_next(const struct records *r, uint64_t origin, uint32_t key, struct record *ret)
{
	const struct origin *o = origin_find(r, origin);

	while (o) {
		size_t s = held_place(&o->settled, key), a = held_place(&o->ahead, key);
		const struct held *h = s < o->settled.n ? o->settled.held[s] : NULL;

		if (a < o->ahead.n && (!h || o->ahead.held[a]->key <= h->key))
			h = o->ahead.held[a];
		if (!h)
			return false;
		if (h->n > 0) {
			*ret = record_of(o, h);
			return true;
		}
		key = h->key + 1U;
	}
	return false;
}

uint64_t records_hash(const struct records *r)
{
	return r->hash;
}

void records_expect(struct records *r, uint64_t origin)
{
	struct origin *o;

	if (!origin_find(r, origin))
		origin_add(r, origin, 0, &o); /* no room, no memory: it will be asked for */
}

size_t records_digest(struct records *r, struct records_entry *ret, size_t n)
{
	BUG_ON(r->n == 0); /* this node is always among them */
	if (n > r->n)
		n = r->n;
	for (size_t i = 0; i < n; i++) {
		const struct origin *o = r->origins[r->turn++ % r->n];

		ret[i] = (struct records_entry){o->id, o->epoch, o->have};
	}
	r->turn %= r->n;
	return n;
}

enum records_difference records_compare(
	struct records *r, const struct records_entry *theirs, struct records_entry *ret)
{
	struct origin *o = origin_find(r, theirs->origin);
	bool is_newer = o && theirs->epoch > o->epoch;

	*ret = (struct records_entry){theirs->origin, theirs->epoch, 0};
	if (!o)
		return theirs->version > 0 ? RECORDS_BEHIND : RECORDS_EQUAL;
	if (o->id == r->self &&
		(is_newer || (theirs->epoch == o->epoch && theirs->version > o->have)))
		return RECORDS_SELF;
	if (is_newer)
		adopt_epoch(r, o, theirs->epoch);
	if (theirs->epoch < o->epoch || theirs->version < o->have) {
		ret->version = theirs->epoch < o->epoch ? 0 : theirs->version;
		ret->epoch = o->epoch;
		return RECORDS_AHEAD;
	}
	ret->version = o->have;
	return theirs->version > o->have ? RECORDS_BEHIND : RECORDS_EQUAL;
}

bool records_after(const struct records *r, const struct records_entry *entry, struct record *ret)
{
	const struct origin *o = origin_find(r, entry->origin);
	const struct held *next = NULL;
	uint64_t from, after = 0;

	if (!o || entry->epoch > o->epoch)
		return false;
	from = entry->epoch < o->epoch ? 0 : entry->version;
	for (size_t i = 0; i < o->settled.n; i++) {
		const struct held *h = o->settled.held[i];

		if (h->version > from && (!next || h->version < next->version))
			next = h;
		if (h->version <= from && h->version > after)
			after = h->version;
	}
	if (!next)
		return false;
	*ret = record_of(o, next);
	ret->after = after;
	return true;
}

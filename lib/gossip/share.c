#include "gossip/state.h"

#include "base/bug.h"

enum {
	ANSWERS_MAX = 64, /* packets to one member in ANSWERS_MS */
	ANSWERS_MS = 50,
	DIGEST_ENTRIES = 64, /* in one packet */
	BUCKETS_AT_ONCE = 4,
	LIST_PIECES_MAX = 4, /* of one bucket at once */
};

bool share_may_answer(struct gossip *g, struct mono now, struct member *m)
{
	(void)g;
	if (passed(m->answered_since, now, ANSWERS_MS * 1000)) {
		m->answered_since = now;
		m->answered = 0;
	}
	if (m->answered >= ANSWERS_MAX)
		return false;
	m->answered++;
	return true;
}

static void on_record(void *arg, uint64_t origin, uint16_t key)
{
	struct gossip *g = arg;

	if (origin == g->self->id)
		return;
	gossip_event_add(g,
		&(struct queued_event){.event = GOSSIP_EVENT_RECORD, .id = origin, .key = key},
		span_of(NULL, 0));
}

bool share_new(struct gossip *g, const struct gossip_config *config)
{
	struct items_limits limits = config->items;

	if (limits.live_max == 0)
		limits.live_max = ITEMS_LIVE_DEFAULT;
	if (limits.tombstones_max == 0)
		limits.tombstones_max = ITEMS_TOMBSTONES_DEFAULT;
	g->records = records_new(config->id, config->epoch, on_record, g);
	g->items = items_new(config->id, &limits);
	return g->records && g->items;
}

void share_free(struct gossip *g)
{
	records_free(g->records);
	items_free(g->items);
}

void share_forget(struct gossip *g, uint64_t id)
{
	records_forget(g->records, id);
}

/* TLVs for one member, sent a packet at a time. */
struct parcel {
	struct gossip *g;
	struct gossip_time t;
	struct member *to;
	struct draft d;
	bool full; /* it has had its share for now */
};

static void parcel_start(
	struct parcel *p, struct gossip *g, struct gossip_time t, struct member *to)
{
	p->g = g;
	p->t = t;
	p->to = to;
	p->full = false;
	draft_start(&p->d);
}

static void parcel_flush(struct parcel *p)
{
	if (draft_is_empty(&p->d))
		return;
	if (share_may_answer(p->g, p->t.now, p->to)) {
		gossip_out_to(p->g, p->to, draft_span(&p->d));
		p->g->stats.repairs_out++;
	} else {
		p->full = true;
	}
	draft_start(&p->d);
}

/* --- records --- */

static bool put_record(struct wire_writer *w, const struct record *r)
{
	uint8_t *begun = message_begin(w, MESSAGE_RECORD);

	record_encode(w, r);
	return message_end(w, begun);
}

static void parcel_records(struct parcel *p, struct records_entry e)
{
	struct record r;

	while (!p->full && records_after(p->g->records, &e, &r)) {
		if (!put_record(&p->d.w, &r)) {
			parcel_flush(p);
			put_record(&p->d.w, &r);
		}
		e.epoch = r.epoch;
		e.version = r.version;
	}
}

static void own_ahead(struct gossip *g, struct mono now)
{
	handshake_jump(g, now, g->self->epoch);
}

static bool may_have_records(const struct gossip *g, uint64_t origin)
{
	return member_find(g, origin) != NULL;
}

void share_record(struct gossip *g, struct gossip_time t, struct span body)
{
	struct record r;

	if (!record_decode(body, &r)) {
		g->stats.refused[GOSSIP_REFUSED_MALFORMED]++;
		return;
	}
	if (!may_have_records(g, r.origin))
		return;
	switch (records_merge(g->records, &r)) {
	case RECORDS_OWN_AHEAD:
		own_ahead(g, t.now);
		break;
	case RECORDS_FULL:
		g->stats.refused[GOSSIP_REFUSED_FULL]++;
		break;
	case RECORDS_NO_MEMORY:
		g->stats.lost_to_memory++;
		break;
	case RECORDS_TAKEN:
	case RECORDS_KNOWN:
	case RECORDS_TOO_LONG:
		break;
	}
}

static void put_entries(struct wire_writer *w, enum message_type type,
	const struct records_entry *entries, size_t n)
{
	uint8_t *begun = message_begin(w, type);

	for (size_t i = 0; i < n; i++)
		records_entry_encode(w, &entries[i]);
	message_end(w, begun);
}

void share_send_digest(struct gossip *g, struct member *to)
{
	struct records_entry entries[RECORDS_DIGEST_MAX];
	size_t left = g->n_members;

	for (size_t i = 0; i < g->n_members; i++)
		records_expect(g->records, g->members[i]->id);
	while (left > 0) {
		size_t n = records_digest(
			g->records, entries, left < RECORDS_DIGEST_MAX ? left : RECORDS_DIGEST_MAX);
		struct draft d;

		if (n == 0)
			return;
		draft_start(&d);
		put_entries(&d.w, MESSAGE_DIGEST, entries, n);
		gossip_out_to(g, to, draft_span(&d));
		g->stats.repairs_out++;
		left = n < left ? left - n : 0;
	}
}

/* Theirs against ours: what we lack is asked for, what they lack is sent. */
void share_digest(struct gossip *g, struct gossip_time t, struct member *from, struct span body)
{
	struct wire_reader r = wire_read(body);
	struct records_entry wanted[DIGEST_ENTRIES], theirs, e;
	struct parcel p;
	size_t n = 0;

	parcel_start(&p, g, t, from);
	while (wire_left(&r) > 0 && records_entry_decode(&r, &theirs)) {
		if (!may_have_records(g, theirs.origin))
			continue;
		switch (records_compare(g->records, &theirs, &e)) {
		case RECORDS_BEHIND:
			if (n < DIGEST_ENTRIES)
				wanted[n++] = e;
			break;
		case RECORDS_AHEAD:
			parcel_records(&p, e);
			break;
		case RECORDS_SELF:
			own_ahead(g, t.now);
			break;
		case RECORDS_EQUAL:
			break;
		}
	}
	if (r.failed)
		g->stats.refused[GOSSIP_REFUSED_MALFORMED]++;
	parcel_flush(&p);
	if (n == 0)
		return;
	put_entries(&p.d.w, MESSAGE_WANT, wanted, n);
	parcel_flush(&p);
}

void share_want(struct gossip *g, struct gossip_time t, struct member *from, struct span body)
{
	struct wire_reader r = wire_read(body);
	struct records_entry e;
	struct parcel p;

	parcel_start(&p, g, t, from);
	while (wire_left(&r) > 0 && records_entry_decode(&r, &e))
		parcel_records(&p, e);
	if (r.failed)
		g->stats.refused[GOSSIP_REFUSED_MALFORMED]++;
	parcel_flush(&p);
}

enum records_status gossip_publish(
	struct gossip *g, struct gossip_time t, uint16_t key, struct span value)
{
	struct record r;
	struct draft d;
	enum records_status status = records_publish(g->records, key, value, &r);

	(void)t;
	if (status != RECORDS_TAKEN)
		return status;
	draft_start(&d);
	put_record(&d.w, &r);
	gossip_out_to_all(g, draft_span(&d));
	return status;
}

struct span gossip_record(const struct gossip *g, uint64_t origin, uint16_t key)
{
	return records_value(g->records, origin, key);
}

bool gossip_record_next(const struct gossip *g, uint64_t origin, uint32_t key, struct record *ret)
{
	return records_next(g->records, origin, key, ret);
}

/* --- items --- */

static bool put_item(struct wire_writer *w, struct mono now, const struct item *item)
{
	uint8_t *begun = message_begin(w, MESSAGE_ITEM);

	item_encode(w, now, item);
	return message_end(w, begun);
}

static void item_event(struct gossip *g, const struct item *item)
{
	gossip_event_add(g, &(struct queued_event){.event = GOSSIP_EVENT_ITEM, .kind = item->kind},
		item->key);
}

void share_item(struct gossip *g, struct gossip_time t, struct span body)
{
	struct item item;

	if (!item_decode(body, t.now, &item)) {
		g->stats.refused[GOSSIP_REFUSED_MALFORMED]++;
		return;
	}
	switch (items_merge(g->items, t.wall_ms, &item)) {
	case ITEMS_TAKEN:
		item_event(g, &item);
		break;
	case ITEMS_FULL:
	case ITEMS_AHEAD:
		g->stats.refused[GOSSIP_REFUSED_FULL]++;
		break;
	case ITEMS_NO_MEMORY:
		g->stats.lost_to_memory++;
		break;
	case ITEMS_KNOWN:
	case ITEMS_TOO_LONG:
		break;
	}
}

void share_send_buckets(struct gossip *g, struct member *to)
{
	uint64_t hashes[ITEMS_BUCKETS];
	struct draft d;

	for (unsigned int b = 0; b < ITEMS_BUCKETS; b++)
		hashes[b] = items_bucket_hash(g->items, b);
	draft_start(&d);
	message_put_buckets(&d.w, hashes);
	gossip_out_to(g, to, draft_span(&d));
	g->stats.repairs_out++;
}

/* One after the other, as many pieces as are sent at once. */
static void parcel_list(struct parcel *p, bool answer, uint64_t from, uint64_t to)
{
	uint64_t hashes[MESSAGE_LIST_MAX];
	struct items_piece piece;

	for (int i = 0; i < LIST_PIECES_MAX; i++) {
		items_list(p->g->items, from, hashes, MESSAGE_LIST_MAX, &piece);
		if (!message_put_list(&p->d.w, answer, &piece)) {
			parcel_flush(p);
			message_put_list(&p->d.w, answer, &piece);
		}
		if (piece.to >= to)
			return;
		from = piece.to + 1;
	}
}

void share_buckets(struct gossip *g, struct gossip_time t, struct member *from, struct span body)
{
	uint64_t theirs[ITEMS_BUCKETS];
	unsigned int first = (unsigned int)prng_below(&g->prng, ITEMS_BUCKETS);
	unsigned int sent = 0;
	struct parcel p;

	if (!message_get_buckets(body, theirs)) {
		g->stats.refused[GOSSIP_REFUSED_MALFORMED]++;
		return;
	}
	parcel_start(&p, g, t, from);
	for (unsigned int i = 0; i < ITEMS_BUCKETS && sent < BUCKETS_AT_ONCE; i++) {
		unsigned int b = (first + i) % ITEMS_BUCKETS;

		if (theirs[b] == items_bucket_hash(g->items, b))
			continue;
		parcel_list(&p, false, items_place(b), items_place(b) | (items_place(1) - 1));
		sent++;
	}
	parcel_flush(&p);
}

void share_list(struct gossip *g, struct gossip_time t, struct member *from, struct span body)
{
	struct message_list list;
	struct item item;
	struct parcel p;
	size_t i = 0;

	if (!message_get_list(body, &list)) {
		g->stats.refused[GOSSIP_REFUSED_MALFORMED]++;
		return;
	}
	parcel_start(&p, g, t, from);
	while (!p.full && items_unlisted(g->items, &list.piece, &i, &item)) {
		if (!put_item(&p.d.w, t.now, &item)) {
			parcel_flush(&p);
			put_item(&p.d.w, t.now, &item);
		}
	}
	parcel_flush(&p);
	if (list.answer || items_hold(g->items, &list.piece))
		return;
	parcel_list(&p, true, list.piece.from, list.piece.to);
	parcel_flush(&p);
}

enum items_status gossip_item_set(struct gossip *g, struct gossip_time t, const struct item *write)
{
	struct item item;
	struct draft d;
	enum items_status status = items_set(g->items, t.wall_ms, write, &item);

	if (status != ITEMS_TAKEN)
		return status;
	item_event(g, &item);
	draft_start(&d);
	put_item(&d.w, t.now, &item);
	gossip_out_to_all(g, draft_span(&d));
	return status;
}

/* What ceased by itself does so on every node, so nobody is told. */
void share_expire(struct gossip *g, struct mono now)
{
	struct item item;

	while (items_expire(g->items, now, &item))
		item_event(g, &item);
}

enum items_status gossip_item_load(struct gossip *g, struct gossip_time t, const struct item *item)
{
	(void)t;
	return items_load(g->items, item);
}

bool gossip_item(const struct gossip *g, uint8_t kind, struct span key, struct item *ret)
{
	return items_find(g->items, kind, key, ret);
}

size_t gossip_items(const struct gossip *g)
{
	return items_count(g->items);
}

void gossip_item_at(const struct gossip *g, size_t i, struct item *ret)
{
	items_at(g->items, i, ret);
}

/* From one process of a node to the next one: what others would miss if it were forgotten. Votes, repairs and questions
 * are not in it: they come again with the next beats. */
#include "gossip/state.h"

enum entry { ENTRY_SELF = 1, ENTRY_MEMBER, ENTRY_FORGOTTEN, ENTRY_RECORD };

enum { FLAG_BALANCER = 1, FLAG_SESSION = 2, FLAG_DEAD_HERE = 4 };

/* --- out --- */

static void put_mono(struct wire_writer *w, struct mono t)
{
	wire_put_u64(w, t.us);
}

static void put_text(struct wire_writer *w, const char *text)
{
	wire_put_u8(w, (uint8_t)strlen(text));
	wire_put_bytes(w, span_str(text));
}

static void put_self(const struct gossip *g, struct wire_writer *w)
{
	wire_put_u8(w, ENTRY_SELF);
	wire_put_u48(w, g->self->epoch);
	wire_put_u32(w, g->self->incarnation);
	put_text(w, g->self->version);
	wire_put_u64(w, g->sequence);
	put_mono(w, g->heard_any_at);
	put_mono(w, g->company_since);
	put_mono(w, g->next_beat);
}

static void put_session(struct wire_writer *w, const struct member *m)
{
	put_mono(w, m->session_at);
	put_mono(w, m->epoch_at);
	put_mono(w, m->heard_at);
	put_mono(w, m->sign_at);
	put_mono(w, m->hears_us_at);
	wire_put_u32(w, m->its_stamp);
	put_mono(w, m->its_stamp_at);
	wire_put_u64(w, (uint64_t)m->rtt_us);
	wire_put_u64(w, m->sequence);
	wire_put_u64(w, m->window.top);
	for (size_t i = 0; i < REPLAY_BITS / 64; i++)
		wire_put_u64(w, m->window.bits[i]);
}

static void put_member(struct wire_writer *w, const struct member *m)
{
	wire_put_u8(w, ENTRY_MEMBER);
	wire_put_u64(w, m->id);
	wire_put_u48(w, m->epoch);
	wire_put_u32(w, m->incarnation);
	wire_put_u8(w, (uint8_t)m->status);
	wire_put_u8(w,
		(uint8_t)((m->balancer ? FLAG_BALANCER : 0) | (m->has_session ? FLAG_SESSION : 0) |
			  (m->dead_here ? FLAG_DEAD_HERE : 0)));
	wire_put_u8(w, m->speaks_min);
	wire_put_u8(w, m->speaks_max);
	wire_put_bytes(w, span_of(m->addr.ip, sizeof(m->addr.ip)));
	wire_put_u16(w, m->addr.port);
	put_text(w, m->name);
	put_text(w, m->version);
	put_mono(w, m->since);
	put_session(w, m);
}

static void put_forgotten(struct wire_writer *w, const struct forgotten *f)
{
	wire_put_u8(w, ENTRY_FORGOTTEN);
	wire_put_u64(w, f->id);
	wire_put_u48(w, f->epoch);
}

struct carrier {
	gossip_carry_cb *put;
	void *arg;
	uint8_t bytes[GOSSIP_CARRY_MAX];
	struct wire_writer w;
};

static void begin(struct carrier *c)
{
	c->w = wire_write(c->bytes, sizeof(c->bytes));
}

static bool end(struct carrier *c)
{
	return !c->w.failed && c->put(c->arg, span_of(c->bytes, wire_written(&c->w)));
}

static bool put_records(const struct gossip *g, struct carrier *c, const struct member *m)
{
	struct records_entry e = {m->id, m->epoch, 0};
	struct record r;

	while (records_after(g->records, &e, &r)) {
		begin(c);
		wire_put_u8(&c->w, ENTRY_RECORD);
		record_encode(&c->w, &r);
		if (!end(c))
			return false;
		e.version = r.version;
	}
	return true;
}

bool gossip_carry(const struct gossip *g, gossip_carry_cb *put, void *arg)
{
	struct carrier c = {.put = put, .arg = arg};
	bool ok;

	begin(&c);
	put_self(g, &c.w);
	ok = end(&c);
	for (size_t i = 0; ok && i < g->n_members; i++) {
		if (g->members[i] == g->self)
			continue;
		begin(&c);
		put_member(&c.w, g->members[i]);
		ok = end(&c);
	}
	for (size_t i = 0; ok && i < g->n_forgotten; i++) {
		begin(&c);
		put_forgotten(&c.w, &g->forgotten[i]);
		ok = end(&c);
	}
	for (size_t i = 0; ok && i < g->n_members; i++)
		ok = put_records(g, &c, g->members[i]);
	return ok;
}

/* --- in --- */

static struct mono get_mono(struct wire_reader *r)
{
	return (struct mono){wire_u64(r)};
}

/* Of the same clock, so none is ahead of it but what is due. */
static struct mono get_past(struct wire_reader *r, struct mono now)
{
	return sooner(get_mono(r), now);
}

static bool get_text(struct wire_reader *r, char *ret, size_t size)
{
	size_t n = wire_u8(r);
	struct span text = wire_bytes(r, n);

	if (r->failed || n >= size)
		return false;
	if (n > 0)
		memcpy(ret, text.p, n);
	ret[n] = '\0';
	return true;
}

static bool self_input(struct gossip *g, struct gossip_time t, struct wire_reader *r)
{
	char version[GOSSIP_VERSION_MAX + 1];
	uint64_t epoch = wire_u48(r);
	uint32_t incarnation = wire_u32(r);

	if (!get_text(r, version, sizeof(version)) || !message_epoch_is_good(epoch))
		return false;
	g->sequence = wire_u64(r);
	g->heard_any_at = get_past(r, t.now);
	g->company_since = get_past(r, t.now);
	g->next_beat = sooner(get_mono(r), mono_add_us(t.now, g->beat_us));
	if (r->failed || wire_left(r) > 0)
		return false;
	g->self->epoch = epoch;
	g->self->incarnation = incarnation;
	g->self->epoch_at = g->listening_since = t.now;
	records_resume(g->records, epoch);
	/* What it says of itself is taken by others only where that is newer. */
	if (strcmp(version, g->self->version) != 0 && incarnation < UINT32_MAX)
		g->self->incarnation++;
	member_is_news(g, g->self);
	return true;
}

static bool get_session(struct wire_reader *r, struct mono now, struct member *m)
{
	m->session_at = get_past(r, now);
	m->epoch_at = get_past(r, now);
	m->heard_at = get_past(r, now);
	m->sign_at = get_past(r, now);
	m->hears_us_at = get_past(r, now);
	m->its_stamp = wire_u32(r);
	m->its_stamp_at = get_past(r, now);
	m->rtt_us = (int64_t)wire_u64(r);
	m->sequence = wire_u64(r);
	m->window.top = wire_u64(r);
	for (size_t i = 0; i < REPLAY_BITS / 64; i++)
		m->window.bits[i] = wire_u64(r);
	return !r->failed && wire_left(r) == 0;
}

/* The rest of an entry, into one that is new; false: malformed. */
static bool get_member(struct wire_reader *r, struct mono now, struct member *m)
{
	uint8_t status, flags;
	struct span ip;

	m->epoch = wire_u48(r);
	m->incarnation = wire_u32(r);
	status = wire_u8(r);
	flags = wire_u8(r);
	m->speaks_min = wire_u8(r);
	m->speaks_max = wire_u8(r);
	ip = wire_bytes(r, sizeof(m->addr.ip));
	m->addr.port = wire_u16(r);
	if (r->failed || status > MEMBER_LEFT || !message_epoch_is_good(m->epoch))
		return false;
	memcpy(m->addr.ip, ip.p, sizeof(m->addr.ip));
	m->status = (enum member_status)status;
	m->balancer = flags & FLAG_BALANCER;
	m->has_session = flags & FLAG_SESSION;
	m->dead_here = status == MEMBER_DEAD && (flags & FLAG_DEAD_HERE);
	if (!get_text(r, m->name, sizeof(m->name)) || !get_text(r, m->version, sizeof(m->version)))
		return false;
	m->since = get_past(r, now);
	return get_session(r, now, m);
}

static bool member_resume(struct gossip *g, struct gossip_time t, struct wire_reader *r)
{
	static const enum gossip_state shown[] = {
		[MEMBER_ALIVE] = GOSSIP_ALIVE,
		[MEMBER_DEAD] = GOSSIP_DEAD,
		[MEMBER_LEFT] = GOSSIP_LEFT,
	};
	uint64_t id = wire_u64(r);
	struct member *m;

	if (r->failed || id == 0 || member_find(g, id))
		return false;
	m = member_add(g, id, t.now);
	if (!m)
		return false;
	if (!get_member(r, t.now, m)) {
		member_remove(g, m);
		return false;
	}
	m->shown = shown[m->status];
	m->beat_due = true;
	g->hash_stale = g->neighbours_stale = true;
	gossip_event_member(g, GOSSIP_EVENT_DETAILS, id);
	return true;
}

static bool forgotten_resume(struct gossip *g, struct wire_reader *r)
{
	struct forgotten f = {.id = wire_u64(r), .epoch = wire_u48(r)};

	if (r->failed || wire_left(r) > 0 || f.id == 0 || g->n_forgotten == FORGOTTEN_MAX)
		return false;
	g->forgotten[g->n_forgotten++] = f;
	g->next_forgotten = g->n_forgotten % FORGOTTEN_MAX;
	return true;
}

static bool record_resume(struct gossip *g, struct span body)
{
	struct record r;

	if (!record_decode(body, &r) || !member_find(g, r.origin))
		return false;
	if (r.origin == g->self->id)
		return records_restore(g->records, &r) == RECORDS_TAKEN;
	return records_merge(g->records, &r) >= 0;
}

bool gossip_resume(struct gossip *g, struct gossip_time t, struct span entry)
{
	struct wire_reader r = wire_read(entry);

	switch (wire_u8(&r)) {
	case ENTRY_SELF:
		return self_input(g, t, &r);
	case ENTRY_MEMBER:
		return member_resume(g, t, &r);
	case ENTRY_FORGOTTEN:
		return forgotten_resume(g, &r);
	case ENTRY_RECORD:
		return record_resume(g, span_of(entry.p + 1, entry.n - 1));
	default:
		return false;
	}
}

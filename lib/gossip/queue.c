#include "gossip/state.h"

#include "base/bug.h"

#include <stdlib.h>

/* One call brings a packet's worth, or what a tick may do at once: beyond this something is lost, and repaired as if
 * the network had lost it. */
enum { ENTRIES_MAX = 65536, BYTES_MAX = 8 << 20 };

void gossip_queue_free(struct queue *q)
{
	free(q->entries);
	free(q->bytes);
	*q = (struct queue){0};
}

static bool grow(void **at, size_t *room, size_t size, size_t need, size_t max)
{
	size_t want = *room > 0 ? *room : 64;
	void *p;

	if (need <= *room)
		return true;
	if (need > max)
		return false;
	while (want < need)
		want *= 2;
	p = realloc(*at, want * size);
	if (!p)
		return false;
	*at = p;
	*room = want;
	return true;
}

/* Room for one more entry and n bytes; NULL: there is none. */
static void *queue_add(struct queue *q, size_t size, struct span bytes, size_t *ret_at)
{
	void *place = q->bytes;

	if (!grow(&q->entries, &q->room, size, q->n + 1, ENTRIES_MAX))
		return NULL;
	if (!grow(&place, &q->bytes_room, 1, q->n_bytes + bytes.n, BYTES_MAX))
		return NULL;
	q->bytes = place;
	if (bytes.n > 0)
		memcpy(q->bytes + q->n_bytes, bytes.p, bytes.n);
	*ret_at = q->n_bytes;
	q->n_bytes += bytes.n;
	return (uint8_t *)q->entries + size * q->n++;
}

static struct span bytes_of(const struct queue *q, size_t at, size_t n)
{
	return n > 0 ? span_of(q->bytes + at, n) : span_of(NULL, 0);
}

static void queue_restart(struct queue *q)
{
	q->n = q->next = q->n_bytes = 0;
}

static void add_out(struct gossip *g, struct outgoing o, struct span tlvs)
{
	struct outgoing *place;

	BUG_ON(tlvs.n > MESSAGE_BODY_MAX);
	place = queue_add(&g->out, sizeof(*place), tlvs, &o.at);
	if (!place) {
		g->stats.lost_to_memory++;
		return;
	}
	o.n = tlvs.n;
	*place = o;
}

void gossip_out_to(struct gossip *g, const struct member *m, struct span tlvs)
{
	add_out(g, (struct outgoing){.to = m->id, .addr = m->addr}, tlvs);
}

void gossip_out_to_address(
	struct gossip *g, uint64_t id, const struct gossip_addr *addr, struct span tlvs)
{
	add_out(g, (struct outgoing){.to = id, .addr = *addr}, tlvs);
}

void gossip_out_to_all(struct gossip *g, struct span tlvs)
{
	add_out(g, (struct outgoing){.to_all = true}, tlvs);
}

/* The next living member of a packet to all. */
static const struct member *next_of_all(struct gossip *g)
{
	while (g->all_next < g->n_members) {
		const struct member *m = g->members[g->all_next++];

		if (m != g->self && m->status == MEMBER_ALIVE)
			return m;
	}
	g->all_next = 0;
	return NULL;
}

bool gossip_out_next(
	struct gossip *g, uint64_t *ret_to, struct gossip_addr *ret_addr, struct span *ret)
{
	struct queue *q = &g->out;

	while (q->next < q->n) {
		const struct outgoing *o = (struct outgoing *)q->entries + q->next;
		const struct member *m = o->to_all ? next_of_all(g) : NULL;

		if (o->to_all && !m) {
			q->next++;
			continue;
		}
		*ret_to = m ? m->id : o->to;
		*ret_addr = m ? m->addr : o->addr;
		*ret = bytes_of(q, o->at, o->n);
		if (!m)
			q->next++;
		return true;
	}
	queue_restart(q);
	return false;
}

void gossip_event_add(struct gossip *g, const struct queued_event *e, struct span bytes)
{
	struct queued_event *place;
	size_t at;

	place = queue_add(&g->events, sizeof(*place), bytes, &at);
	if (!place) {
		g->stats.lost_to_memory++;
		return;
	}
	*place = *e;
	place->at = at;
	place->n = bytes.n;
}

void gossip_event_member(struct gossip *g, enum gossip_event_kind kind, uint64_t id)
{
	gossip_event_add(g, &(struct queued_event){.event = kind, .id = id}, span_of(NULL, 0));
}

/* Values are looked up now: what changed twice is told as it is. */
static void fill(struct gossip *g, const struct queued_event *q, struct gossip_event *ret)
{
	struct span bytes = bytes_of(&g->events, q->at, q->n);

	*ret = (struct gossip_event){.event = q->event,
		.id = q->id,
		.state = q->state,
		.was = q->was,
		.key = q->key,
		.kind = q->kind,
		.wanted = q->wanted,
		.addr = q->addr,
		.epoch = q->epoch};
	if (q->event == GOSSIP_EVENT_RECORD)
		ret->value = records_value(g->records, q->id, q->key);
	else if (q->event == GOSSIP_EVENT_MESSAGE)
		ret->value = bytes;
	else if (q->event == GOSSIP_EVENT_ITEM && !items_find(g->items, q->kind, bytes, &ret->item))
		/* An old tombstone that made room for newer ones. */
		ret->item = (struct item){.kind = q->kind, .key = bytes};
}

bool gossip_event(struct gossip *g, struct gossip_event *ret)
{
	struct queue *q = &g->events;

	if (q->next == q->n) {
		queue_restart(q);
		return false;
	}
	fill(g, (struct queued_event *)q->entries + q->next++, ret);
	return true;
}

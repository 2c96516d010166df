/* Who the voters are: items say who joined, left or was struck off; configured peers count until more is known. */
#include "elect/private.h"

enum { ITEM_VERSION = 1, KEY_ID = 8, KEY_ADDR = 18 };

struct node *elect_find(struct elect *e, uint64_t id)
{
	for (size_t i = 0; id != 0 && i < e->n_nodes; i++)
		if (e->nodes[i].id == id)
			return &e->nodes[i];
	return NULL;
}

static bool is_a_peers(const struct elect *e, const struct elect_addr *addr)
{
	for (size_t i = 0; i < e->n_peers; i++)
		if (elect_addr_eq(&e->peers[i].addr, addr))
			return true;
	return false;
}

/* A node that counts for nothing, and whose item keeps no peer from counting, makes room for another. */
static bool is_expendable(const struct elect *e, const struct node *n)
{
	return (!n->member || (n->role_known && !n->balancer)) && n->voter != ELECT_JOINED &&
	       !is_a_peers(e, &n->addr);
}

struct node *elect_find_or_add(struct elect *e, uint64_t id)
{
	struct node *n = elect_find(e, id);

	if (!n && e->n_nodes < ELECT_NODES_MAX)
		n = &e->nodes[e->n_nodes++];
	for (size_t i = 1; !n && i < e->n_nodes; i++)
		if (is_expendable(e, &e->nodes[i]))
			n = &e->nodes[i];
	if (n && n->id != id) {
		*n = (struct node){.id = id, .priority = ELECT_PRIORITY_FULL};
		for (size_t v = 0; v < e->n_vips; v++)
			e->vips[v].tried[n - e->nodes] = e->vips[v].votes[n - e->nodes] = 0;
	}
	return n;
}

bool elect_is_heard(const struct elect *e, const struct node *n)
{
	return !e->alone && n->member && (n->state == ELECT_ALIVE || n->state == ELECT_SUSPECT);
}

/* A balancer that is there counts although its item has not come yet. */
bool elect_is_voter(const struct node *n)
{
	if (n->id == 0)
		return false;
	return n->voter == ELECT_JOINED ||
	       (n->voter == ELECT_NOT_A_VOTER && n->member && n->balancer);
}

bool elect_peer_counts(const struct elect *e, const struct peer *p)
{
	if (p->struck)
		return false;
	for (size_t i = 0; i < e->n_nodes; i++) {
		const struct node *n = &e->nodes[i];

		if (n->id != 0 && elect_addr_eq(&n->addr, &p->addr) &&
			(i == 0 || n->voter != ELECT_NOT_A_VOTER || (n->member && n->role_known)))
			return false;
	}
	return true;
}

void elect_count_voters(struct elect *e)
{
	struct elect_quorum *q = &e->quorum;

	q->voters = q->alive = !q->returning;
	for (size_t i = 1; i < e->n_nodes; i++) {
		if (!elect_is_voter(&e->nodes[i]))
			continue;
		q->voters++;
		q->alive += elect_is_heard(e, &e->nodes[i]);
	}
	for (size_t i = 0; i < e->n_peers; i++)
		q->voters += elect_peer_counts(e, &e->peers[i]);
	q->needed = q->voters / 2 + 1;
}

/* --- items --- */

/* Who left or was struck off is counted by nobody. Those who count may be quorate without it, though it does not hear
 * them; so it must not make a majority of itself and others that come back like it. */
static bool is_returning(struct elect *e)
{
	const struct elect_quorum *q = &e->quorum;

	if (e->rule == ELECT_NONE || elect_self(e)->voter == ELECT_NOT_A_VOTER)
		return false;
	e->quorum.returning = true;
	elect_count_voters(e);
	return q->voters > 0 && q->alive < q->needed;
}

static void join_self(struct elect *e)
{
	struct node *self = elect_self(e);

	e->quorum.returning = false;
	if (self->voter == ELECT_JOINED || (e->stopping && e->for_good))
		return;
	e->quorum.returning = is_returning(e);
	if (e->quorum.returning)
		return;
	self->voter = ELECT_JOINED;
	self->item_due = true;
}

/* This node joins, and again after it left or was struck off by mistake. A configured peer that turns out to hold no
 * addresses is remembered as that. */
void elect_join(struct elect *e)
{
	join_self(e);
	for (size_t i = 1; i < e->n_nodes; i++) {
		struct node *n = &e->nodes[i];

		if (n->id == 0 || !n->member || !n->role_known || n->balancer ||
			n->voter != ELECT_NOT_A_VOTER || !is_a_peers(e, &n->addr))
			continue;
		n->voter = ELECT_NO_BALANCER;
		n->item_due = true;
	}
}

static void put_addr(struct wire_writer *w, const struct elect_addr *addr)
{
	wire_put_bytes(w, span_of(addr->ip, sizeof(addr->ip)));
	wire_put_u16(w, addr->port);
}

static struct elect_addr get_addr(struct wire_reader *r)
{
	struct span ip = wire_bytes(r, 16);
	struct elect_addr addr = {.port = wire_u16(r)};

	if (ip.n == sizeof(addr.ip))
		memcpy(addr.ip, ip.p, sizeof(addr.ip));
	return addr;
}

size_t elect_item_key(
	const struct elect *e, const struct node *n, const struct peer *p, uint8_t *out)
{
	struct wire_writer w = wire_write(out, sizeof(e->key_out));

	if (n)
		wire_put_u64(&w, n->id);
	else
		put_addr(&w, &p->addr);
	return wire_written(&w);
}

size_t elect_item_value(
	const struct elect *e, const struct node *n, const struct peer *p, uint8_t *out)
{
	struct wire_writer w = wire_write(out, sizeof(e->value_out));

	wire_put_u8(&w, ITEM_VERSION);
	wire_put_u8(&w, (uint8_t)(n ? n->voter : ELECT_FORGOTTEN));
	put_addr(&w, n ? &n->addr : &p->addr);
	wire_put_bytes(&w, n ? span_str(n->name) : span_str(""));
	return wire_written(&w);
}

static void copy_name(struct node *n, struct span name)
{
	size_t len = name.n < sizeof(n->name) - 1 ? name.n : sizeof(n->name) - 1;

	if (len == 0)
		return;
	memcpy(n->name, name.p, len);
	n->name[len] = '\0';
}

static void strike_peer(struct elect *e, const struct elect_addr *addr, bool struck)
{
	for (size_t i = 0; i < e->n_peers; i++)
		if (elect_addr_eq(&e->peers[i].addr, addr))
			e->peers[i].struck = struck;
}

static void take_item(struct elect *e, uint64_t id, enum elect_voter voter, struct wire_reader *r)
{
	struct elect_addr addr = get_addr(r);
	struct span name = wire_bytes(r, wire_left(r));
	struct node *n;

	if (r->failed || id == 0)
		return;
	n = elect_find_or_add(e, id);
	if (!n)
		return;
	n->voter = voter;
	n->item_due = false;
	if (n == elect_self(e))
		return; /* elect_join() objects if it is wrong */
	if (!n->member) {
		n->addr = addr;
		copy_name(n, name);
	}
}

void elect_item(struct elect *e, struct mono now, struct span key, struct span value)
{
	struct wire_reader k = wire_read(key), r = wire_read(value);
	uint8_t version = wire_u8(&r), voter = wire_u8(&r);

	/* A deleted item: nothing is known of that node. */
	if (value.n == 0)
		voter = ELECT_NOT_A_VOTER;
	else if (r.failed || version != ITEM_VERSION || voter < ELECT_JOINED ||
		 voter > ELECT_NO_BALANCER)
		return;
	if (key.n == KEY_ADDR) {
		struct elect_addr addr = get_addr(&k);

		strike_peer(e, &addr, voter == ELECT_FORGOTTEN);
	} else if (key.n == KEY_ID && value.n > 0) {
		take_item(e, wire_u64(&k), (enum elect_voter)voter, &r);
	} else if (key.n == KEY_ID) {
		struct node *n = elect_find(e, wire_u64(&k));

		if (n)
			n->voter = ELECT_NOT_A_VOTER;
	}
	elect_decide(e, now);
}

/* --- members --- */

void elect_member(struct elect *e, struct mono now, const struct elect_member *m)
{
	struct node *n = elect_find(e, m->id);

	/* One of many backend nodes: no voter, nothing to remember. */
	if (!n && m->role_known && !m->balancer && !is_a_peers(e, &m->addr))
		return;
	n = elect_find_or_add(e, m->id);
	if (!n)
		return; /* more than ELECT_NODES_MAX: it takes part in nothing */
	n->has_digest = m->has_digest;
	n->digest = m->digest;
	if (n != elect_self(e)) {
		/* What it held while we did not hear each other is not known: the neighbours may think that it
		 * still does. */
		if (n->member && n->state == ELECT_DEAD && m->state == ELECT_ALIVE)
			elect_announce_all(e);
		n->member = true;
		n->state = m->state;
		n->addr = m->addr;
		n->role_known = m->role_known;
		n->balancer = m->balancer && m->role_known;
		copy_name(n, span_str(m->name));
	}
	elect_decide(e, now);
}

void elect_forgotten(struct elect *e, struct mono now, uint64_t id)
{
	struct node *n = elect_find(e, id);

	if (!n || n == elect_self(e))
		return;
	n->member = n->balancer = n->role_known = n->has_digest = false;
	n->state = ELECT_UNHEARD;
	elect_drop_record(n);
	elect_decide(e, now);
}

/* --- striking off --- */

enum elect_order elect_forget(struct elect *e, struct mono now, uint64_t id)
{
	struct node *n = elect_find(e, id);

	if (!n)
		return ELECT_NO_NODE;
	if (n == elect_self(e) ||
		(n->member && (n->state == ELECT_ALIVE || n->state == ELECT_SUSPECT)))
		return ELECT_ALIVE_YET;
	n->voter = ELECT_FORGOTTEN;
	n->item_due = true;
	elect_decide(e, now);
	return ELECT_STRUCK;
}

enum elect_order elect_forget_peer(struct elect *e, struct mono now, const char *text)
{
	for (size_t i = 0; i < e->n_peers; i++) {
		struct peer *p = &e->peers[i];

		if (strcmp(p->text, text) != 0 || !elect_peer_counts(e, p))
			continue;
		p->struck = p->item_due = true;
		elect_decide(e, now);
		return ELECT_STRUCK;
	}
	return ELECT_NO_NODE;
}

bool elect_voter_at(const struct elect *e, size_t i, struct elect_voter_view *ret)
{
	for (size_t n = 0; n < e->n_nodes; n++) {
		const struct node *node = &e->nodes[n];

		if ((n == 0 ? !e->quorum.returning : elect_is_voter(node)) && i-- == 0) {
			*ret = (struct elect_voter_view){node->id, node->name,
				n == 0	       ? ELECT_ALIVE
				: node->member ? node->state
					       : ELECT_UNHEARD};
			return true;
		}
	}
	for (size_t p = 0; p < e->n_peers; p++) {
		if (elect_peer_counts(e, &e->peers[p]) && i-- == 0) {
			*ret = (struct elect_voter_view){0, e->peers[p].text, ELECT_UNHEARD};
			return true;
		}
	}
	return false;
}

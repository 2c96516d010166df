/* What comes out, in an order that matters: first what leaves the interface, then what comes on it, then the record
 * that says so, then the answers. All of it is what differs from what the caller was told, so nothing can overflow. */
#include "elect/private.h"

static bool next_change(struct elect *e, struct elect_event *ret)
{
	for (size_t i = 0; i < e->n_vips; i++) {
		struct vip *v = &e->vips[i];

		if (v->phase != PHASE_NONE || !v->told)
			continue;
		v->told = false;
		*ret = (struct elect_event){
			.kind = ELECT_DROP, .vip = i, .cause = v->cause, .node = v->cause_node};
		return true;
	}
	for (size_t i = 0; i < e->n_vips; i++) {
		struct vip *v = &e->vips[i];

		if (v->phase == PHASE_NONE || v->told)
			continue;
		v->told = true;
		*ret = (struct elect_event){.kind = ELECT_HOLD,
			.vip = i,
			.cause = v->cause,
			.node = v->cause_node,
			.term = v->term};
		return true;
	}
	for (size_t i = 0; i < e->n_vips; i++) {
		struct vip *v = &e->vips[i];

		if (v->phase != PHASE_HOLDING || !v->announce_due)
			continue;
		v->announce_due = false;
		*ret = (struct elect_event){.kind = ELECT_ANNOUNCE, .vip = i};
		return true;
	}
	return false;
}

/* The place of the record's running number is left out of the comparison. */
static bool next_record(struct elect *e, struct elect_event *ret)
{
	size_t n = elect_encode_record(e, e->value_out);

	if (n == e->record_n && memcmp(e->value_out, e->record, n) == 0)
		return false;
	e->seq++;
	e->record_n = elect_encode_record(e, e->record);
	*ret = (struct elect_event){
		.kind = ELECT_PUBLISH, .value = span_of(e->record, e->record_n)};
	return true;
}

static bool next_item(struct elect *e, struct elect_event *ret)
{
	const struct node *node = NULL;
	const struct peer *peer = NULL;

	for (size_t i = 0; i < e->n_nodes && !node; i++)
		if (e->nodes[i].id != 0 && e->nodes[i].item_due) {
			e->nodes[i].item_due = false;
			node = &e->nodes[i];
		}
	for (size_t i = 0; i < e->n_peers && !node && !peer; i++)
		if (e->peers[i].item_due) {
			e->peers[i].item_due = false;
			peer = &e->peers[i];
		}
	if (!node && !peer)
		return false;
	*ret = (struct elect_event){
		.kind = ELECT_VOTER,
		.key = span_of(e->key_out, elect_item_key(e, node, peer, e->key_out)),
		.value = span_of(e->value_out, elect_item_value(e, node, peer, e->value_out)),
	};
	return true;
}

/* --- messages --- */

static bool send(struct elect *e, struct elect_event *ret, uint64_t to, enum elect_message kind,
	const struct wire_writer *w)
{
	BUG_ON(w->failed);
	*ret = (struct elect_event){.kind = ELECT_SEND,
		.node = to,
		.message = (uint8_t)kind,
		.value = span_of(e->value_out, wire_written(w))};
	return true;
}

static bool next_of_sync(struct elect *e, struct elect_event *ret)
{
	for (size_t i = 1; i < e->n_nodes; i++) {
		struct node *n = &e->nodes[i];
		struct wire_writer w = wire_write(e->value_out, sizeof(e->value_out));

		if (n->id != 0 && n->answer_due) {
			n->answer_due = false;
			w.p += elect_synced_value(e, n, e->value_out);
			return send(e, ret, n->id, ELECT_SYNCED, &w);
		}
		if (n->id != 0 && n->ask_due) {
			n->ask_due = false;
			wire_put_u32(&w, e->nonce);
			return send(e, ret, n->id, ELECT_SYNC, &w);
		}
	}
	return false;
}

static bool next_vote(struct elect *e, struct vip *v, struct elect_event *ret)
{
	struct wire_writer w = wire_write(e->value_out, sizeof(e->value_out));
	enum vote_reply reply = v->reply;

	wire_put_u32(&w, v->key);
	if (reply != REPLY_NONE) {
		v->reply = REPLY_NONE;
		elect_put_term(&w, v->reply_term);
		if (reply == REPLY_GRANT)
			return send(e, ret, v->reply_to, ELECT_GRANT, &w);
		elect_put_term(&w, v->floor);
		wire_put_u64(&w, reply == REPLY_DENY_OWNED ? v->owner : 0);
		return send(e, ret, v->reply_to, ELECT_DENY, &w);
	}
	for (size_t i = 1; v->ask.term != 0 && i < e->n_nodes; i++) {
		if (v->votes[i] != VOTE_DUE)
			continue;
		v->votes[i] = VOTE_NONE;
		elect_put_term(&w, v->ask.term);
		wire_put_u64(&w, v->ask.offered_by);
		return send(e, ret, e->nodes[i].id, ELECT_CLAIM, &w);
	}
	return false;
}

static bool next_of_vip(struct elect *e, struct vip *v, struct elect_event *ret)
{
	struct wire_writer w = wire_write(e->value_out, sizeof(e->value_out));
	uint64_t to;

	wire_put_u32(&w, v->key);
	if (v->accept_to != 0 && v->phase == PHASE_HOLDING) {
		to = v->accept_to;
		v->accept_to = 0;
		elect_put_term(&w, v->term);
		wire_put_u32(&w, e->seq);
		return send(e, ret, to, ELECT_ACCEPT, &w);
	}
	if (v->refusal.to != 0) {
		to = v->refusal.to;
		v->refusal.to = 0;
		elect_put_term(&w, v->refusal.term);
		wire_put_u8(&w, v->refusal.of_move);
		wire_put_u8(&w, v->refusal.reason);
		elect_put_term(&w, v->floor);
		return send(e, ret, to, ELECT_REFUSE, &w);
	}
	if (v->offer.to != 0 && v->offer.due) {
		v->offer.due = false;
		elect_put_term(&w, v->offer.term);
		wire_put_u8(&w, v->offer.pin);
		return send(e, ret, v->offer.to, ELECT_OFFER, &w);
	}
	if (v->ask_to != 0 && v->ask_due && v->owner != 0) {
		v->ask_due = false;
		wire_put_u64(&w, v->ask_to);
		return send(e, ret, v->owner, ELECT_MOVE, &w);
	}
	return false;
}

static bool next_message(struct elect *e, struct elect_event *ret)
{
	for (size_t i = 0; i < e->n_vips; i++)
		if (next_vote(e, &e->vips[i], ret) || next_of_vip(e, &e->vips[i], ret))
			return true;
	return next_of_sync(e, ret);
}

/* --- news --- */

static bool next_news(struct elect *e, struct elect_event *ret)
{
	if (e->quorum_due) {
		e->quorum_due = false;
		*ret = (struct elect_event){
			.kind = ELECT_QUORUM, .ok = e->quorum.met, .text = e->quorum.text};
		return true;
	}
	for (size_t i = 0; i < e->n_vips; i++) {
		struct vip *v = &e->vips[i];

		if (v->owner_due) {
			v->owner_due = false;
			if (v->owner == v->owner_was)
				continue;
			*ret = (struct elect_event){.kind = ELECT_OWNER,
				.vip = i,
				.node = v->owner,
				.was = v->owner_was,
				.term = v->owner_term};
			return true;
		}
		if (v->moved_due) {
			v->moved_due = false;
			*ret = (struct elect_event){.kind = ELECT_MOVED,
				.vip = i,
				.node = v->moved_to,
				.ok = v->moved_ok,
				.text = v->moved_text};
			return true;
		}
	}
	return false;
}

static bool is_stopped(const struct elect *e)
{
	for (size_t i = 0; i < e->n_vips; i++)
		if (e->vips[i].phase != PHASE_NONE || e->vips[i].told)
			return false;
	return e->stopping;
}

bool elect_next(struct elect *e, struct mono now, struct elect_event *ret)
{
	(void)now;
	if (next_change(e, ret) || next_record(e, ret) || next_item(e, ret) ||
		next_message(e, ret) || next_news(e, ret))
		return true;
	if (e->gateway_due) {
		e->gateway_due = false;
		*ret = (struct elect_event){.kind = ELECT_ASK};
		return true;
	}
	if (!e->stopped_told && is_stopped(e)) {
		e->stopped_told = true;
		*ret = (struct elect_event){.kind = ELECT_STOPPED};
		return true;
	}
	return false;
}

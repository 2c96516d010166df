#include "check.h"
#include "node.h"

static bool is_running(const struct node *node)
{
	return node->state == NODE_RUNNING;
}

static bool members_agree(struct sim *s, const struct node *node, char *why, size_t n)
{
	for (uint32_t i = 0; i < s->n; i++) {
		const struct node *other = &s->nodes[i];
		struct gossip_member m;
		bool known = gossip_find(node->gossip, other->id, &m);
		bool alive = known && (m.state == GOSSIP_ALIVE ||
					      (m.state == GOSSIP_SUSPECT && s->scenario.loss > 0));

		if (other->run == 0 || (other->leaving && is_running(other)))
			continue;
		if (is_running(other) != alive) {
			snprintf(why, n, "%s takes %s for %s", node->name, other->name,
				!known	? "unknown"
				: alive ? "alive"
					: "dead or doubted");
			return false;
		}
	}
	return true;
}

static bool items_agree(const struct node *a, const struct node *b, char *why, size_t n)
{
	if (gossip_items(a->gossip) != gossip_items(b->gossip)) {
		snprintf(why, n, "%s has %zu items, %s %zu", a->name, gossip_items(a->gossip),
			b->name, gossip_items(b->gossip));
		return false;
	}
	for (size_t i = 0; i < gossip_items(a->gossip); i++) {
		struct item of_a, of_b;

		gossip_item_at(a->gossip, i, &of_a);
		if (gossip_item(b->gossip, of_a.kind, of_a.key, &of_b) &&
			of_a.stamp == of_b.stamp && of_a.node == of_b.node &&
			span_eq(of_a.value, of_b.value))
			continue;
		snprintf(why, n, "%s and %s differ in item %u/%.*s", a->name, b->name, of_a.kind,
			of_a.kind == NODE_VOTER ? 0 : (int)of_a.key.n, (const char *)of_a.key.p);
		return false;
	}
	return true;
}

/* What the running say of themselves; of the dead, what they were writing as they died may differ. */
static bool records_agree(struct sim *s, const struct node *node, char *why, size_t n)
{
	for (uint32_t i = 0; i < s->n; i++) {
		const struct node *origin = &s->nodes[i];
		struct record said;

		if (!is_running(origin) || origin->leaving)
			continue;
		for (uint32_t key = 0; gossip_record_next(origin->gossip, origin->id, key, &said);
			key = said.key + 1U) {
			if (span_eq(said.value, gossip_record(node->gossip, origin->id, said.key)))
				continue;
			snprintf(why, n, "%s does not have record %u of %s", node->name, said.key,
				origin->name);
			return false;
		}
	}
	return true;
}

static bool vip_agrees(struct sim *s, uint32_t vip, char *why, size_t n)
{
	const struct node *holder = NULL;
	bool quorate = false;

	for (uint32_t i = 0; i < s->n; i++) {
		const struct node *node = &s->nodes[i];
		struct elect_quorum quorum;

		if (vip_is_on(s, node, vip)) {
			if (holder || !is_running(node)) {
				snprintf(why, n, "%s answers for vip %u, and %s", node->name, vip,
					holder ? holder->name : "does not run");
				return false;
			}
			holder = node;
		}
		if (!is_running(node) || !node->elect || node->leaving)
			continue;
		elect_quorum(node->elect, &quorum);
		quorate = quorate || (quorum.met && quorum.in_sync);
	}
	if (quorate != (holder != NULL)) {
		snprintf(why, n, "vip %u has %s owner, and quorum is %s", vip, holder ? "an" : "no",
			quorate ? "met" : "not met");
		return false;
	}
	for (uint32_t i = 0; holder && i < s->n; i++) {
		const struct node *node = &s->nodes[i];
		struct elect_vip_view view;

		if (!is_running(node) || !node->elect || node->leaving)
			continue;
		elect_vip(node->elect, vip, &view);
		if (view.owner != holder->id) {
			snprintf(why, n, "%s does not know that %s owns vip %u", node->name,
				holder->name, vip);
			return false;
		}
	}
	return true;
}

bool agree(struct sim *s, char *why, size_t n)
{
	const struct node *first = NULL;

	for (uint32_t i = 0; i < s->n; i++) {
		const struct node *node = &s->nodes[i];

		if (node->state == NODE_PAUSED || !is_running(node) || node->leaving)
			continue;
		if (!members_agree(s, node, why, n) || !records_agree(s, node, why, n))
			return false;
		if (first && !items_agree(first, node, why, n))
			return false;
		first = first ? first : node;
	}
	for (uint32_t v = 0; v < s->scenario.vips; v++) {
		if (!vip_agrees(s, v, why, n))
			return false;
	}
	return true;
}

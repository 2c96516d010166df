/* The items of the cluster: cluster.h's names for lib/gossip's. */
#include "control/cluster_inside.h"

static struct cluster_item item_of(const struct item *i)
{
	return (struct cluster_item){
		.kind = i->kind,
		.key = i->key,
		.value = i->value,
		.stamp = i->stamp,
		.origin = i->node,
		.until = i->until,
	};
}

bool cluster_item_set(struct cluster *cl, uint8_t kind, struct span key, struct span value)
{
	return cluster_item_set_until(cl, kind, key, value, (struct mono){0});
}

bool cluster_item_set_until(
	struct cluster *cl, uint8_t kind, struct span key, struct span value, struct mono until)
{
	struct gossip_time t = cluster_enter(cl);
	struct item write = {.kind = kind, .key = key, .value = value, .until = until};
	enum items_status status = gossip_item_set(cl->gossip, t, &write);

	cluster_done(cl, t);
	return status >= 0;
}

bool cluster_item_find(
	const struct cluster *cl, uint8_t kind, struct span key, struct cluster_item *ret)
{
	struct item i;

	if (!gossip_item(cl->gossip, kind, key, &i))
		return false;
	*ret = item_of(&i);
	return true;
}

struct span cluster_item(const struct cluster *cl, uint8_t kind, struct span key)
{
	struct item i;

	return gossip_item(cl->gossip, kind, key, &i) ? i.value : span_of(NULL, 0);
}

bool cluster_item_next(
	const struct cluster *cl, uint8_t kind, size_t *cursor, struct cluster_item *ret)
{
	struct item i;

	while (*cursor < gossip_items(cl->gossip)) {
		gossip_item_at(cl->gossip, (*cursor)++, &i);
		if (kind != 0 && i.kind != kind)
			continue;
		*ret = item_of(&i);
		return true;
	}
	return false;
}

bool cluster_item_load(struct cluster *cl, const struct cluster_item *item)
{
	struct gossip_time t = cluster_enter(cl);
	struct item i = {
		.kind = item->kind,
		.key = item->key,
		.value = item->value,
		.stamp = item->stamp,
		.node = item->origin,
		.until = item->until,
	};

	return gossip_item_load(cl->gossip, t, &i) >= 0;
}

/* What the cluster says is told to lib/elect: members, claims, voters, messages. */
#include "control/cluster.h"
#include "control/vip_inside.h"

static void tell_member(struct vip *v, struct mono now, const struct cluster_member *m)
{
	static const enum elect_state states[] = {
		[CLUSTER_ALIVE] = ELECT_ALIVE,
		[CLUSTER_SUSPECT] = ELECT_SUSPECT,
		[CLUSTER_DEAD] = ELECT_DEAD,
		[CLUSTER_LEFT] = ELECT_LEFT,
	};
	struct elect_member member = {
		.id = m->id,
		.name = m->name,
		.addr = vip_elect_addr(&m->addr),
		.state = states[m->state],
		.balancer = m->balancer,
		.role_known = m->name[0] != '\0',
		.has_digest = m->has_digest,
		.digest = m->config_digest,
	};

	elect_member(v->elect, now, &member);
}

static void on_member(void *arg, const struct cluster_member *m)
{
	struct vip *v = arg;
	struct mono now = vip_enter(v);

	vip_watch_standing(v, now);
	tell_member(v, now, m);
	vip_done(v, now);
}

static void on_forgotten(void *arg, uint64_t id)
{
	struct vip *v = arg;
	struct mono now = vip_enter(v);

	elect_forgotten(v->elect, now, id);
	vip_done(v, now);
}

static void on_record(void *arg, uint64_t origin, uint16_t key, struct span value)
{
	struct vip *v = arg;
	struct mono now;

	if (key != CLUSTER_RECORD_CLAIMS)
		return;
	now = vip_enter(v);
	elect_record(v->elect, now, origin, value);
	vip_done(v, now);
}

static void on_item(void *arg, const struct cluster_item *item)
{
	struct vip *v = arg;
	struct mono now;

	if (item->kind != CLUSTER_ITEM_VOTER)
		return;
	now = vip_enter(v);
	elect_item(v->elect, now, item->key, item->value);
	vip_done(v, now);
}

static void on_message(void *arg, uint64_t from, uint8_t kind, struct span value)
{
	struct vip *v = arg;
	struct mono now = vip_enter(v);

	elect_message(v->elect, now, from, kind, value);
	vip_done(v, now);
}

static const struct cluster_hooks hooks = {
	.member = on_member,
	.forgotten = on_forgotten,
	.record = on_record,
	.item = on_item,
	.message = on_message,
};

void vip_tell_voters(struct vip *v, struct mono now)
{
	struct cluster_item item;
	size_t cursor = 0;

	while (cluster_item_next(v->control->cluster, CLUSTER_ITEM_VOTER, &cursor, &item))
		elect_item(v->elect, now, item.key, item.value);
}

/* What is there already is not told by hooks. */
static void tell_what_is_there(struct vip *v, struct mono now)
{
	struct cluster *cl = v->control->cluster;

	vip_tell_voters(v, now);
	for (size_t i = 0; i < cluster_members(cl); i++) {
		const struct cluster_member *m = cluster_member_at(cl, i);
		uint64_t id = m->id;

		tell_member(v, now, m);
		elect_record(v->elect, now, id, cluster_record(cl, id, CLUSTER_RECORD_CLAIMS));
	}
}

void vip_listen(struct vip *v, struct mono now)
{
	cluster_subscribe(v->control->cluster, &hooks, v);
	tell_what_is_there(v, now);
}

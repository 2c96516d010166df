/* Virtual addresses and quorum for `show cluster`, the API and the metrics. */
#include "control/vip_inside.h"

#include "control/cluster.h"
#include "log.h"

#include <string.h>

void vip_quorum(const struct vip *v, struct elect_quorum *ret)
{
	elect_quorum(v->elect, ret);
}

size_t vip_count(const struct vip *v)
{
	return v ? v->n_slots : 0;
}

void vip_view(const struct vip *v, size_t i, struct vip_view *ret)
{
	const struct vip_slot *s = &v->slots[i];
	const struct cluster_member *owner;
	struct elect_vip_view e;

	elect_vip(v->elect, i, &e);
	owner = e.owner ? cluster_find(v->control->cluster, e.owner) : NULL;
	*ret = (struct vip_view){
		.conf = s->conf,
		.address = s->text,
		.owner = owner ? owner->name : NULL,
		.term = e.term,
		.since_wall_us = s->since_wall_us,
		.mine = e.mine,
		.pinned = e.pinned,
		.moving = e.moving,
		.contested = e.contested,
		.taken = s->taken,
		.dropped = s->dropped,
		.moves = s->moves,
		.warning = s->warning[0] ? s->warning : NULL,
	};
}

bool vip_find(const struct vip *v, const char *address, size_t *ret)
{
	for (size_t i = 0; i < v->n_slots; i++) {
		if (strcmp(address, v->slots[i].text) != 0 &&
			strcmp(address, v->slots[i].conf->text) != 0)
			continue;
		*ret = i;
		return true;
	}
	return false;
}

/* --- JSON --- */

static json_t *text_or_null(const char *text)
{
	return text ? json_string(text) : json_null();
}

json_t *vip_view_json(const struct vip_view *view)
{
	char since[LOG_TIME_MAX];

	return json_pack("{s:s,s:s,s:o,s:I,s:o,s:b,s:b,s:b}", "address", view->address, "interface",
		view->conf->interface, "owner", text_or_null(view->owner), "term",
		(json_int_t)view->term, "since",
		view->since_wall_us ? json_string(log_time(view->since_wall_us, since))
				    : json_null(),
		"pinned", view->pinned, "moving", view->moving, "contested", view->contested);
}

json_t *vip_json(const struct vip *v)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < vip_count(v); i++) {
		struct vip_view view;

		vip_view(v, i, &view);
		json_array_append_new(list, vip_view_json(&view));
	}
	return list;
}

json_t *vip_quorum_json(const struct vip *v)
{
	struct elect_quorum q;

	vip_quorum(v, &q);
	return json_pack("{s:s,s:I,s:I,s:b,s:I,s:s,s:b}", "rule",
		q.rule == ELECT_NONE ? "none" : "majority", "voters", (json_int_t)q.voters, "alive",
		(json_int_t)q.alive, "met", q.met, "needed", (json_int_t)q.needed, "reason", q.text,
		"in_sync", q.in_sync);
}

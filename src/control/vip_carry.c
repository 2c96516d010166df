/* What is held, from one process of this node to the next: what lib/elect knows, with its length, and of each address in
 * the order of the configuration since when its owner has it, and what was counted. */
#include "base/wire.h"
#include "control/vip_inside.h"

size_t vip_carry(const struct vip *v, uint8_t ret[VIP_CARRY_MAX])
{
	struct wire_writer w = wire_write(ret, VIP_CARRY_MAX);
	uint8_t elect[ELECT_CARRY_MAX];
	size_t n = elect_carry(v->elect, elect);

	wire_put_u16(&w, (uint16_t)n);
	wire_put_bytes(&w, span_of(elect, n));
	for (size_t i = 0; i < v->n_slots; i++) {
		wire_put_u64(&w, v->slots[i].since_wall_us);
		wire_put_u64(&w, v->slots[i].taken);
		wire_put_u64(&w, v->slots[i].dropped);
		wire_put_u64(&w, v->slots[i].moves);
	}
	return wire_written(&w);
}

bool vip_carried(struct vip *v, struct mono now, struct span carried)
{
	struct wire_reader r = wire_read(carried);
	uint16_t n = wire_u16(&r);
	struct span elect = wire_bytes(&r, n);

	if (r.failed || wire_left(&r) != 32 * v->n_slots || !elect_resume(v->elect, now, elect))
		return false;
	for (size_t i = 0; i < v->n_slots; i++) {
		struct vip_slot *s = &v->slots[i];
		struct elect_vip_view view;

		s->since_wall_us = wire_u64(&r);
		s->taken = wire_u64(&r);
		s->dropped = wire_u64(&r);
		s->moves = wire_u64(&r);
		elect_vip(v->elect, i, &view);
		if (view.mine)
			vip_hold_resume(v, s, now);
	}
	return true;
}

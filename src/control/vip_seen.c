#include "control/vip_seen.h"

#include "base/wire.h"
#include "control/cluster.h"

#include <string.h>

enum { V4_BYTES = 4, V6_BYTES = 16 };

void vip_seen_put(struct wire_writer *w, const struct config_vip *conf, uint64_t since_wall_us)
{
	size_t n = conf->addr.family == AF_INET ? V4_BYTES : V6_BYTES;
	uint64_t ms = since_wall_us / 1000;
	size_t name = strnlen(conf->interface, VIP_INTERFACE_SIZE - 1);

	wire_put_u8(w, (uint8_t)n);
	wire_put_bytes(w, span_of(conf->addr.ip, n));
	wire_put_u16(w, (uint16_t)(ms >> 32));
	wire_put_u32(w, (uint32_t)ms);
	wire_put_u8(w, (uint8_t)name);
	wire_put_bytes(w, span_of(conf->interface, name));
}

struct entry {
	struct addr addr;
	uint64_t since_wall_us;
	char interface[VIP_INTERFACE_SIZE];
};

static bool get(struct wire_reader *r, struct entry *ret)
{
	struct entry e = {{.family = AF_UNSPEC}, 0, ""};
	struct span ip = wire_bytes(r, wire_u8(r)), name;
	uint64_t high = wire_u16(r), ms = high << 32 | wire_u32(r);

	name = wire_bytes(r, wire_u8(r));
	if (r->failed || (ip.n != V4_BYTES && ip.n != V6_BYTES) || name.n >= sizeof(e.interface))
		return false;
	e.addr.family = ip.n == V4_BYTES ? AF_INET : AF_INET6;
	memcpy(e.addr.ip, ip.p, ip.n);
	e.since_wall_us = ms * 1000;
	for (size_t i = 0; i < name.n;
		i++) /* it comes from elsewhere, and goes to logs and pages */
		e.interface[i] = name.p[i] > ' ' && name.p[i] < 0x7f ? (char)name.p[i] : '?';
	*ret = e;
	return true;
}

static struct vip_seen *find_or_add(struct vip_seen *all, size_t *n, const struct entry *e)
{
	struct vip_seen *s;

	for (size_t i = 0; i < *n; i++)
		if (addr_eq(&all[i].conf.addr, &e->addr))
			return &all[i];
	if (*n == VIP_SEEN_MAX)
		return NULL;
	s = &all[(*n)++];
	*s = (struct vip_seen){.conf = {.addr = e->addr}};
	memcpy(s->interface, e->interface, sizeof(s->interface));
	addr_format_ip(&e->addr, s->text);
	return s;
}

static bool is_above(const struct elect_claim *c, uint64_t id, const struct vip_seen *s)
{
	if (s->owner == 0 || c->term != s->view.term)
		return s->owner == 0 || c->term > s->view.term;
	return c->priority != s->priority ? c->priority > s->priority : id > s->owner;
}

static void look_at_claim(struct vip_seen *s, const struct cluster_member *m, struct span claims,
	const struct entry *e)
{
	uint32_t key = elect_vip_key(&e->addr.ip[0], e->addr.family == AF_INET);
	struct elect_claim c;

	for (size_t i = 0; elect_claim_at(claims, i, &c); i++) {
		if (c.key != key || !c.hold)
			continue;
		s->view.contested = s->owner != 0;
		if (!is_above(&c, m->id, s))
			continue;
		s->owner = m->id;
		s->priority = c.priority;
		s->view.owner = m->name;
		s->view.term = c.term;
		s->view.pinned = c.pinned;
		s->view.since_wall_us = e->since_wall_us;
	}
}

static void look_at_member(
	const struct control *c, const struct cluster_member *m, struct vip_seen *all, size_t *n)
{
	struct wire_reader r = wire_read(cluster_record(c->cluster, m->id, CLUSTER_RECORD_VIPS));
	struct span claims = cluster_record(c->cluster, m->id, CLUSTER_RECORD_CLAIMS);
	bool there = m->state == CLUSTER_ALIVE || m->state == CLUSTER_SUSPECT;
	struct entry e;

	while (wire_left(&r) > 0 && get(&r, &e)) {
		struct vip_seen *s = find_or_add(all, n, &e);

		if (s && there)
			look_at_claim(s, m, claims, &e);
	}
}

size_t vip_seen(const struct control *c, struct vip_seen ret[VIP_SEEN_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < cluster_members(c->cluster); i++)
		look_at_member(c, cluster_member_at(c->cluster, i), ret, &n);
	for (size_t i = 0; i < n; i++) {
		ret[i].conf.text = ret[i].view.address = ret[i].text;
		ret[i].conf.interface = ret[i].interface;
		ret[i].view.conf = &ret[i].conf;
	}
	return n;
}

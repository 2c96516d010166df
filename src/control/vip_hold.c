/* Addresses on interfaces: leases, announcements, and what others do to them. */
#include "control/vip_inside.h"

#include "control/events.h"
#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	ANNOUNCE_FOR_EVER_MS = 30000, /* neighbours that forgot, or came late */
	HAND_OVER_MS = 3,
	CONTRADICT_MS = 100, /* long enough for a claim to come that explains it */
	/* A renewal that fails is tried again with the next one, as long as the lease stands. */
	OVERDUE_MS = VIP_LEASE_S * 1000 - 2 * VIP_RENEW_MS,
	PUT_BACK_MS = 100,  /* apart at least, where somebody takes it away again and again */
	NEWS_AT_ONCE = 512, /* in one turn of the loop, however much neighbours send */
};

/* After the first one. */
static const uint16_t announce_after_ms[] = {50, 150, 400, 1000, 2000, 5000};

/* Things that repeat are said every ten seconds. */
static bool may_say(struct vip_slot *s, struct mono now)
{
	if (!mono_reached(now, s->say_at))
		return false;
	s->say_at = mono_add_ms(now, VIP_SAY_AGAIN_MS);
	return true;
}

static bool find_link(struct vip *v, struct vip_slot *s)
{
	s->has_link = vipaddr_link_by_name(v->addrs, s->conf->interface, &s->link) == 0;
	return s->has_link;
}

/* --- who had it before --- */

static void set_foreign(struct vip_slot *s, bool foreign)
{
	if (foreign == s->foreign)
		return;
	s->foreign = foreign;
	if (!foreign) {
		s->warning[0] = '\0';
		log_notice("vip", "%s is no longer configured on this machine by others", s->text);
		return;
	}
	snprintf(s->warning, sizeof(s->warning),
		"%s is configured on this machine by others: it answers for it even when another "
		"node owns "
		"it; remove it there",
		s->text);
	log_warning("vip", "%s", s->warning);
}

static void look_at_addresses(struct vip *v)
{
	struct vipaddr_entry entries[VIPADDR_LIST_MAX];
	int n = vipaddr_list(v->addrs, entries, VIPADDR_LIST_MAX);

	for (size_t i = 0; i < v->n_slots && n >= 0; i++) {
		bool foreign = false;

		for (int k = 0; k < n; k++)
			foreign =
				foreign || (!entries[k].ours &&
						   vipaddr_ip_eq(&entries[k].ip, &v->slots[i].ip) &&
						   entries[k].valid_sec > VIP_LEASE_S);
		set_foreign(&v->slots[i], foreign);
	}
}

bool vip_hold_open(struct vip *v, char *why, size_t why_size)
{
	for (size_t i = 0; i < v->n_slots; i++) {
		if (!find_link(v, &v->slots[i])) {
			snprintf(why, why_size,
				"cluster.vips: %s: there is no interface %s on this machine",
				v->slots[i].conf->text, v->slots[i].conf->interface);
			return false;
		}
	}
	return true;
}

bool vip_hold_sweep(struct vip *v, char *why, size_t why_size)
{
	struct vipaddr_ip ips[ELECT_VIPS_MAX], keep[ELECT_VIPS_MAX];
	size_t n_keep = 0;
	int swept;

	for (size_t i = 0; i < v->n_slots; i++) {
		ips[i] = v->slots[i].ip;
		if (v->slots[i].held)
			keep[n_keep++] = ips[i];
	}
	swept = vipaddr_sweep(v->addrs, ips, v->n_slots, keep, n_keep);
	if (swept < 0) {
		snprintf(why, why_size,
			"virtual addresses of a former run cannot be taken away: %s; CAP_NET_ADMIN "
			"is "
			"needed for cluster.vips",
			strerror(-swept));
		return false;
	}
	if (swept > 0)
		log_notice("vip", "%d virtual addresses that a former run left were taken away",
			swept);
	look_at_addresses(v);
	return true;
}

/* --- holding --- */

static bool put(struct vip *v, struct vip_slot *s, struct mono now)
{
	int err;

	if (s->foreign)
		return true;
	err = vipaddr_add(v->addrs, &s->ip, s->link.ifindex, VIP_LEASE_S);
	if (err == 0) {
		s->put_at = now;
		return true;
	}
	if (may_say(s, now))
		log_error("vip", "%s cannot be put on %s: %s%s", s->text, s->conf->interface,
			strerror(-err),
			err == -EACCES && !vipaddr_ip_is_v4(&s->ip)
				? "; IPv6 is disabled on it (sysctl disable_ipv6)"
				: "");
	return false;
}

bool vip_hold_add(struct vip *v, struct vip_slot *s, struct mono now)
{
	if (!s->has_link || !s->link.up) {
		if (may_say(s, now))
			log_error("vip", "%s cannot be held: %s %s", s->text, s->conf->interface,
				s->has_link ? "is down" : "does not exist");
		return false;
	}
	if (!put(v, s, now))
		return false;
	s->held = true;
	s->delete_at.us = 0;
	vip_hold_announce(v, s, now);
	return true;
}

void vip_hold_resume(struct vip *v, struct vip_slot *s, struct mono now)
{
	(void)v;
	s->held = true;
	s->put_at = now;
	s->announce_step = sizeof(announce_after_ms) / sizeof(announce_after_ms[0]);
	s->announce_at = mono_add_ms(now, ANNOUNCE_FOR_EVER_MS);
}

void vip_hold_drop(struct vip *v, struct vip_slot *s)
{
	int err = 0;

	s->held = false;
	s->announce_at = MONO_NEVER;
	s->contradict_at.us = s->delete_at.us = 0;
	if (!s->foreign && s->has_link)
		err = vipaddr_delete(v->addrs, &s->ip, s->link.ifindex);
	if (err < 0)
		log_error("vip", "%s cannot be taken from %s: %s; it goes by itself within %d s",
			s->text, s->conf->interface, strerror(-err), VIP_LEASE_S);
}

void vip_hold_hand_over(struct vip *v, struct vip_slot *s, struct mono now)
{
	s->held = false;
	s->announce_at = MONO_NEVER;
	s->contradict_at.us = 0;
	s->delete_at = mono_add_ms(now, HAND_OVER_MS);
	(void)v;
}

bool vip_hold_is_handing_over(const struct vip *v)
{
	for (size_t i = 0; i < v->n_slots; i++)
		if (v->slots[i].delete_at.us != 0)
			return true;
	return false;
}

/* Others may have it then, so nothing of it may stay here. */
static void give_up(struct vip *v, struct vip_slot *s, struct mono now)
{
	vip_hold_drop(v, s);
	elect_held(v->elect, now, (size_t)(s - v->slots), false);
}

void vip_hold_renew(struct vip *v, struct mono now)
{
	if (!elect_may_renew(v->elect))
		return;
	for (size_t i = 0; i < v->n_slots; i++) {
		struct vip_slot *s = &v->slots[i];

		if (s->held && !put(v, s, now) &&
			mono_reached(now, mono_add_ms(s->put_at, OVERDUE_MS)))
			give_up(v, s, now);
	}
}

/* --- announcing --- */

static void announce_once(struct vip *v, struct vip_slot *s, struct mono now)
{
	int err = vipaddr_announce(v->addrs, &s->ip, &s->link);

	if (err < 0 && err != -ENETDOWN && may_say(s, now))
		log_warning("vip", "%s cannot be announced on %s: %s", s->text, s->conf->interface,
			strerror(-err));
}

static void announce_and_plan(struct vip *v, struct vip_slot *s, struct mono now)
{
	size_t n = sizeof(announce_after_ms) / sizeof(announce_after_ms[0]);
	uint32_t wait = ANNOUNCE_FOR_EVER_MS;

	announce_once(v, s, now);
	if (s->announce_step < n) {
		/* They count from the first one. */
		wait = announce_after_ms[s->announce_step] -
		       (s->announce_step > 0 ? announce_after_ms[s->announce_step - 1] : 0);
		s->announce_step++;
	}
	s->announce_at = mono_add_ms(now, wait);
}

void vip_hold_announce(struct vip *v, struct vip_slot *s, struct mono now)
{
	s->announce_step = 0;
	announce_and_plan(v, s, now);
}

static struct mono earlier(struct mono a, struct mono b)
{
	return a.us < b.us ? a : b;
}

struct mono vip_hold_due(struct vip *v, struct mono now)
{
	struct mono next = MONO_NEVER;

	for (size_t i = 0; i < v->n_slots; i++) {
		struct vip_slot *s = &v->slots[i];

		if (s->delete_at.us != 0 && mono_reached(now, s->delete_at))
			vip_hold_drop(v, s);
		else if (s->delete_at.us != 0)
			next = earlier(next, s->delete_at);
		if (!s->held)
			continue;
		if (s->contradict_at.us != 0 && mono_reached(now, s->contradict_at)) {
			s->contradict_at.us = 0;
			vip_hold_announce(v, s, now);
		} else if (mono_reached(now, s->announce_at)) {
			announce_and_plan(v, s, now);
		}
		next = earlier(next, s->announce_at);
		if (s->contradict_at.us != 0)
			next = earlier(next, s->contradict_at);
	}
	return next;
}

/* --- what others do --- */

static struct vip_slot *find_slot(struct vip *v, const struct vipaddr_ip *ip)
{
	for (size_t i = 0; i < v->n_slots; i++)
		if (vipaddr_ip_eq(&v->slots[i].ip, ip))
			return &v->slots[i];
	return NULL;
}

static void on_removed(struct vip *v, const struct vipaddr_entry *e, struct mono now)
{
	struct vip_slot *s = find_slot(v, &e->ip);

	if (!s)
		return;
	if (!e->ours && e->valid_sec > VIP_LEASE_S)
		look_at_addresses(v);
	/* Renewed since, or taken from another interface. */
	if (!s->held || e->ifindex != s->link.ifindex || !elect_may_renew(v->elect))
		return;
	if (!mono_reached(now, s->put_back_at))
		return; /* the next renewal puts it back */
	s->put_back_at = mono_add_ms(now, PUT_BACK_MS);
	if (may_say(s, now))
		log_warning("vip", "%s was taken from %s by somebody else: it is put back", s->text,
			s->conf->interface);
	if (put(v, s, now))
		vip_hold_announce(v, s, now);
	else
		give_up(v, s, now);
}

static void on_added(struct vip *v, const struct vipaddr_entry *e)
{
	struct vip_slot *s = find_slot(v, &e->ip);

	if (s && !e->ours && e->valid_sec > VIP_LEASE_S)
		set_foreign(s, true);
}

static void lose_link(struct vip *v, struct vip_slot *s, struct mono now)
{
	if (!s->held)
		return;
	log_warning("vip", "%s lost its interface: %s is down", s->text, s->conf->interface);
	give_up(v, s, now);
}

/* The interface of that name is another one, or has another hardware address (a bond that fails over, a card that was
 * replaced): the neighbours still send to the old one. */
static void change_link(struct vip *v, struct vip_slot *s, struct mono now)
{
	if (!s->held)
		return;
	log_notice(
		"vip", "%s: %s has changed: the neighbours are told", s->text, s->conf->interface);
	if (put(v, s, now))
		vip_hold_announce(v, s, now);
	else
		give_up(v, s, now);
}

static void take_link(
	struct vip *v, struct vip_slot *s, const struct vipaddr_link *link, struct mono now)
{
	struct vipaddr_link before = s->link;
	bool was_up = s->has_link && before.up;

	s->has_link = true;
	s->link = *link;
	if (was_up && !link->up)
		lose_link(v, s, now);
	else if (!was_up && link->up)
		elect_able(v->elect, now, (size_t)(s - v->slots));
	else if (was_up && (before.ifindex != link->ifindex ||
				   memcmp(before.mac, link->mac, sizeof(before.mac)) != 0))
		change_link(v, s, now);
}

static void on_link(struct vip *v, const struct vipaddr_link *link, bool gone, struct mono now)
{
	for (size_t i = 0; i < v->n_slots; i++) {
		struct vip_slot *s = &v->slots[i];
		bool is_same = s->has_link && s->link.ifindex == link->ifindex;

		if (!gone && strcmp(s->conf->interface, link->name) == 0) {
			take_link(v, s, link, now);
		} else if (is_same) { /* gone, or of another name now */
			lose_link(v, s, now);
			s->has_link = false;
		}
	}
}

/* Somebody else says that he has it. His claim may be on its way; if none comes, the neighbours are told again. */
static void on_heard(struct vip *v, const struct vipaddr_event *e, struct mono now)
{
	struct vip_slot *s = find_slot(v, &e->ip);
	struct elect_vip_view view;

	if (e->to_us && v->gateway.known && vipaddr_ip_eq(&e->ip, &v->gateway.ip))
		elect_gateway(v->elect, now);
	if (!s || !s->held)
		return;
	elect_vip(v->elect, (size_t)(s - v->slots), &view);
	if (view.moving || s->contradict_at.us != 0)
		return;
	s->contradict_at = mono_add_ms(now, CONTRADICT_MS);
	if (may_say(s, now))
		log_warning("vip",
			"another host on %s (%02x:%02x:%02x:%02x:%02x:%02x) announces %s, which "
			"this node "
			"owns",
			s->conf->interface, e->mac[0], e->mac[1], e->mac[2], e->mac[3], e->mac[4],
			e->mac[5], s->text);
}

static void on_missed(struct vip *v, struct mono now)
{
	look_at_addresses(v);
	for (size_t i = 0; i < v->n_slots; i++) {
		struct vipaddr_link link = {0};
		struct vip_slot *s = &v->slots[i];
		int err = vipaddr_link_by_name(v->addrs, s->conf->interface, &link);

		if (err == 0)
			on_link(v, &link, false, now);
		else if (err == -ENODEV)
			on_link(v, &s->link, true, now);
	}
	vip_hold_renew(v, now);
}

void vip_hold_news(struct vip *v, struct mono now)
{
	struct vipaddr_event e;

	for (int n = 0; n < NEWS_AT_ONCE && vipaddr_event(v->addrs, &e); n++) {
		switch (e.kind) {
		case VIPADDR_ADDED:
			on_added(v, &e.entry);
			break;
		case VIPADDR_REMOVED:
			on_removed(v, &e.entry, now);
			break;
		case VIPADDR_LINK:
		case VIPADDR_LINK_GONE:
			on_link(v, &e.link, e.kind == VIPADDR_LINK_GONE, now);
			break;
		case VIPADDR_HEARD:
			on_heard(v, &e, now);
			break;
		case VIPADDR_MISSED:
			on_missed(v, now);
			break;
		}
	}
}

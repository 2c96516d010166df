#include "control/vip.h"

#include "control/cluster.h"
#include "control/vip_inside.h"
#include "gossip/gossip.h"
#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POLL_BEATS = 4 };

/* --- time --- */

/* After the silence limit others may have taken over what this node holds; after a lease it holds nothing any more. */
static void after_pause(struct vip *v, struct mono now, uint64_t paused_us)
{
	bool long_one = paused_us > (uint64_t)VIP_LEASE_S * 1000000;

	log_warning("vip", "this process did not run for %llu ms: %s",
		(unsigned long long)paused_us / 1000,
		long_one ? "virtual addresses are let go of until it is known who owns them now"
			 : "others are asked who owns the virtual addresses now");
	if (long_one)
		elect_woken(v->elect, now);
	else
		elect_doubt(v->elect, now);
	vip_done(v, now);
}

struct mono vip_enter(struct vip *v)
{
	uint64_t boot_us = vip_boot_us(), paused_us = boot_us - v->boot_us;
	struct mono now = mono_now();

	v->boot_us = boot_us;
	if (paused_us > v->pause_us)
		after_pause(v, now, paused_us);
	return now;
}

static bool is_stop_over(const struct vip *v)
{
	return v->stopped && v->stops[0].done && !vip_hold_is_handing_over(v);
}

static void tell_stopped(struct vip *v)
{
	for (unsigned i = 0; i < VIP_STOPS_MAX; i++) {
		void (*done)(void *) = v->stops[i].done;

		v->stops[i].done = NULL;
		if (done)
			done(v->stops[i].arg);
	}
}

static void arm(struct vip *v, struct mono now, struct mono at)
{
	uint64_t us = is_stop_over(v) ? 0 : mono_diff_us(now, at);
	struct timeval wait = {(time_t)(us / 1000000), (suseconds_t)(us % 1000000)};

	if (at.us == v->armed.us && us > 0)
		return;
	v->armed = at;
	evtimer_add(v->timer, &wait);
}

static struct mono earlier(struct mono a, struct mono b)
{
	return a.us < b.us ? a : b;
}

void vip_done(struct vip *v, struct mono now)
{
	struct elect_event e;
	struct mono at;

	while (elect_next(v->elect, now, &e))
		vip_carry_out(v, &e, now);
	at = earlier(elect_deadline(v->elect), vip_hold_due(v, now));
	at = earlier(at, earlier(v->renew_at, v->poll_at));
	arm(v, now, at);
}

/* Leases first: whatever else there is to do must not let them end. */
static void do_what_is_due(struct vip *v, struct mono now)
{
	if (mono_reached(now, v->renew_at)) {
		v->renew_at = mono_add_ms(now, VIP_RENEW_MS);
		vip_hold_renew(v, now);
		vip_watch_workers(v, now);
		elect_set_gateway(v->elect, now, vip_gateway_find(v, now));
		vip_watch_servers(v, now);
		vip_watch_alone(v);
	}
	if (mono_reached(now, v->poll_at)) {
		v->poll_at = mono_add_ms(now, v->poll_ms);
		vip_watch_standing(v, now);
	}
	elect_tick(v->elect, now);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct vip *v = arg;
	struct mono now = vip_enter(v);
	bool over = is_stop_over(v);

	(void)fd;
	(void)what;
	v->armed = MONO_NEVER;
	do_what_is_due(v, now);
	vip_done(v, now);
	if (over)
		tell_stopped(v);
}

static void on_news(evutil_socket_t fd, short what, void *arg)
{
	struct vip *v = arg;
	struct mono now = vip_enter(v);

	(void)fd;
	(void)what;
	vip_hold_news(v, now);
	vip_done(v, now);
}

/* --- life --- */

static bool fill_slots(struct vip *v)
{
	const struct config_cluster *conf = &v->control->config->cluster;

	v->n_slots = conf->n_vips;
	v->slots = calloc(v->n_slots, sizeof(*v->slots));
	for (size_t i = 0; v->slots && i < v->n_slots; i++) {
		struct vip_slot *s = &v->slots[i];
		char text[ADDR_TEXT_MAX];

		s->conf = &conf->vips[i];
		s->ip = vip_ip_of(&s->conf->addr);
		s->announce_at = MONO_NEVER;
		snprintf(s->text, sizeof(s->text), "%s", addr_format_ip(&s->conf->addr, text));
	}
	return v->slots != NULL;
}

/* Room for any number, so that a change of them cannot fail. */
static bool make_peers(struct vip *v)
{
	v->peers = calloc(GOSSIP_PEERS_MAX, sizeof(*v->peers));
	v->peer_texts = calloc(GOSSIP_PEERS_MAX, sizeof(*v->peer_texts));
	return v->peers && v->peer_texts;
}

static void fill_peers(struct vip *v, const struct config_cluster *conf)
{
	for (size_t i = 0; i < conf->n_peers; i++)
		v->peers[i] = (struct elect_peer){vip_elect_addr(&conf->peers[i]),
			addr_format(&conf->peers[i], v->peer_texts[i])};
}

static bool make_elect(struct vip *v, struct mono now)
{
	const struct config *config = v->control->config;
	const struct config_cluster *conf = &config->cluster;
	const struct cluster_member *self = cluster_member_at(v->control->cluster, 0);
	struct elect_vip vips[ELECT_VIPS_MAX] = {0};
	struct elect_config ec = {
		.id = cluster_self(v->control->cluster),
		.name = config->node,
		.addr = vip_elect_addr(&conf->bind),
		.rule = conf->quorum == QUORUM_NONE ? ELECT_NONE : ELECT_MAJORITY,
		.has_gateway = vip_gateway_find(v, now),
		.resumed = vip_watch_was_alone(v),
		.run = (uint32_t)self->epoch,
		.beat_ms = conf->beat_ms,
		.silent_ms = conf->silent_ms,
		.peers = v->peers,
		.n_peers = conf->n_peers,
		.vips = vips,
		.n_vips = v->n_slots,
	};

	for (size_t i = 0; i < v->n_slots; i++) {
		const struct config_vip *c = v->slots[i].conf;

		memcpy(vips[i].ip, v->slots[i].ip.bytes, sizeof(vips[i].ip));
		vips[i].prefer = c->prefer ? cluster_node_id(v->control->cluster, c->prefer) : 0;
		vips[i].preempt_ms = c->preempt && c->preempt_delay_ms < ELECT_PREEMPT_OFF
					     ? (uint32_t)c->preempt_delay_ms
					     : ELECT_PREEMPT_OFF;
	}
	fill_peers(v, conf);
	v->elect = elect_new(&ec, now);
	return v->elect != NULL;
}

static void begin(struct vip *v, struct mono now)
{
	elect_start(v->elect, now);
	vip_publish(v);
	vip_done(v, now);
}

static bool open_system(struct vip *v, char *why, size_t why_size)
{
	const char *what = "";

	v->addrs = vipaddr_open(&what);
	if (v->addrs)
		return vip_hold_open(v, why, why_size);
	snprintf(why, why_size, "cluster.vips: %s: %s; CAP_NET_ADMIN and CAP_NET_RAW are needed",
		what, strerror(errno));
	return false;
}

static bool open_events(struct vip *v)
{
	v->timer = evtimer_new(v->control->base, on_timer, v);
	v->news =
		event_new(v->control->base, vipaddr_fd(v->addrs), EV_READ | EV_PERSIST, on_news, v);
	return v->timer && v->news && event_add(v->news, NULL) == 0;
}

static uint64_t pause_limit_us(const struct config *c)
{
	uint64_t ms = c->cluster.silent_ms;

	return (ms < VIP_LEASE_S * 1000 ? ms : VIP_LEASE_S * 1000) * 1000;
}

struct vip *vip_new_later(struct control *c, char *why, size_t why_size)
{
	struct vip *v = calloc(1, sizeof(*v));
	struct mono now = mono_now();

	snprintf(why, why_size, "out of memory");
	if (!v)
		return NULL;
	v->control = c;
	v->armed = MONO_NEVER;
	v->renew_at = v->poll_at = now;
	v->pause_us = pause_limit_us(c->config);
	v->poll_ms = POLL_BEATS * c->config->cluster.beat_ms;
	v->boot_us = vip_boot_us();
	v->workers = calloc(c->n_workers + 1, sizeof(*v->workers));
	if (!v->workers || !fill_slots(v) || !make_peers(v) || !open_system(v, why, why_size) ||
		!make_elect(v, now) || !open_events(v)) {
		vip_free(v);
		return NULL;
	}
	return v;
}

struct vip *vip_new(struct control *c, char *why, size_t why_size)
{
	struct vip *v = vip_new_later(c, why, why_size);
	struct mono now = mono_now();

	if (!v)
		return NULL;
	if (!vip_hold_sweep(v, why, why_size)) {
		vip_free(v);
		return NULL;
	}
	vip_listen(v, now);
	begin(v, now);
	return v;
}

void vip_join(struct vip *v, struct span carried)
{
	struct mono now = mono_now();
	char why[256];

	v->boot_us = vip_boot_us();
	v->renew_at = v->poll_at = now;
	vip_listen(v, now);
	if (!vip_carried(v, now, carried))
		log_warning("vip", "what the process before held is not known: the addresses are "
				   "taken anew");
	if (!vip_hold_sweep(v, why, sizeof(why)))
		log_error("vip", "%s", why);
	begin(v, now);
}

/* They stay where they are, for the next process. */
void vip_hand_over(struct vip *v)
{
	if (!v)
		return;
	for (size_t i = 0; i < v->n_slots; i++) {
		if (v->slots[i].delete_at.us != 0)
			vip_hold_drop(v, &v->slots[i]);
		v->slots[i].held = false;
	}
	event_del(v->news);
	evtimer_del(v->timer);
}

void vip_free(struct vip *v)
{
	if (!v)
		return;
	for (size_t i = 0; v->elect && i < v->n_slots; i++)
		if (v->slots[i].held || v->slots[i].delete_at.us != 0)
			vip_hold_drop(v, &v->slots[i]);
	if (v->timer)
		event_free(v->timer);
	if (v->news)
		event_free(v->news);
	vipaddr_close(v->addrs);
	elect_free(v->elect);
	free(v->peers);
	free(v->peer_texts);
	free(v->workers);
	free(v->slots);
	free(v);
}

/* --- orders --- */

void vip_stop(struct vip *v, bool for_good, void (*done)(void *arg), void *arg)
{
	struct mono now = vip_enter(v);

	for (unsigned i = 0; i < VIP_STOPS_MAX; i++)
		if (!v->stops[i].done) {
			v->stops[i].done = done;
			v->stops[i].arg = arg;
			break;
		}
	elect_stop(v->elect, now, for_good);
	vip_done(v, now);
}

void vip_set_peers(struct vip *v, const struct config_cluster *conf)
{
	struct mono now = vip_enter(v);

	fill_peers(v, conf);
	elect_set_peers(v->elect, v->peers, conf->n_peers);
	vip_tell_voters(v, now);
	elect_start(v->elect, now);
	vip_done(v, now);
}

enum elect_order vip_forget(struct vip *v, const char *name)
{
	struct mono now = vip_enter(v);
	enum elect_order order =
		elect_forget(v->elect, now, cluster_node_id(v->control->cluster, name));

	if (order == ELECT_NO_NODE)
		order = elect_forget_peer(v->elect, now, name);
	vip_done(v, now);
	return order;
}

enum elect_order vip_move(struct vip *v, size_t slot, const char *node, struct vip_wait wait)
{
	struct mono now = vip_enter(v);
	struct vip_waiter *free_one = NULL;
	enum elect_order order;

	for (size_t i = 0; i < VIP_WAITERS_MAX; i++)
		if (!v->waiters[i].cb)
			free_one = &v->waiters[i];
	if (!free_one)
		return ELECT_BUSY;
	order = elect_move(v->elect, now, slot, cluster_node_id(v->control->cluster, node));
	if (order == ELECT_STARTED)
		*free_one = (struct vip_waiter){slot, wait.cb, wait.arg};
	vip_done(v, now);
	return order;
}

void vip_move_cancel(struct vip *v, void *arg)
{
	for (size_t i = 0; i < VIP_WAITERS_MAX; i++)
		if (v->waiters[i].arg == arg)
			v->waiters[i].cb = NULL;
}

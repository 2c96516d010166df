#include "config-build.h"

#include "control/cluster.h"

#include "base/bug.h"
#include "control/cluster_epoch.h"
#include "control/cluster_inside.h"
#include "inherit.h"
#include "log.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	ITEMS_LIVE = 20480, /* 16384 bans, and what operators set of servers */
	ITEMS_TOMBSTONES = 16384,
	/* Without a cluster nobody is beaten to: what is left is items whose time ends. */
	ALONE_BEAT_MS = 1000,
	ALONE_SILENT_MS = 12000,
};

/* --- ids --- */

/* The first 64 bits of a BLAKE2b hash of what is said, never 0. */
static uint64_t hash_of(const char *first, const char *second)
{
	uint8_t hash[crypto_generichash_BYTES_MIN];
	crypto_generichash_state state;
	uint64_t id = 0;

	crypto_generichash_init(&state, NULL, 0, sizeof(hash));
	crypto_generichash_update(&state, (const uint8_t *)first, strlen(first) + 1);
	crypto_generichash_update(&state, (const uint8_t *)second, strlen(second));
	crypto_generichash_final(&state, hash, sizeof(hash));
	for (unsigned i = 0; i < 8; i++)
		id = id << 8 | hash[i];
	return id ? id : 1;
}

uint64_t cluster_node_id(const struct cluster *cl, const char *node_name)
{
	return hash_of(cl->conf->name ? cl->conf->name : "", node_name);
}

uint64_t cluster_self(const struct cluster *cl)
{
	return cl->id;
}

bool cluster_enabled(const struct cluster *cl)
{
	return cl->conf->name != NULL;
}

/* --- time, and what a call brings --- */

struct gossip_time cluster_enter(struct cluster *cl)
{
	struct gossip_time t = {mono_now(), log_wall_us() / 1000};
	uint64_t late_us = mono_diff_us(cl->armed, t.now);

	cl->news++;
	if (!cl->started || late_us == 0)
		return t;
	cl->armed = MONO_NEVER; /* this lateness is told once */
	cluster_count_lag(cl, late_us, t.now);
	if (late_us > UINT64_C(2000) * cl->conf->beat_ms && cluster_enabled(cl))
		gossip_lagged(cl->gossip, t, late_us);
	return t;
}

static void send_packet(struct cluster *cl, const struct gossip_packet *p)
{
	struct seal_addresses who = {cl->cluster_id, cl->id, p->to};
	struct addr to = cluster_addr_from(&p->addr);
	uint8_t datagram[SEAL_DATAGRAM_MAX];
	size_t n = seal_box(cluster_keys_ring(cl->keys), &who, p->payload, datagram);

	BUG_ON(n == 0);
	cl->packets_out++;
	cl->bytes_out += n;
	if (!cluster_socket_send(cl->socket, &to, span_of(datagram, n), p->hears_us))
		cluster_count_unsent(cl, errno, &to, n);
}

static void arm(struct cluster *cl, struct mono now)
{
	struct mono at = gossip_deadline(cl->gossip);
	uint64_t us = mono_diff_us(now, at);
	struct timeval wait = {(time_t)(us / 1000000), (suseconds_t)(us % 1000000)};

	if (at.us == cl->deadline.us)
		return;
	cl->deadline = at;
	cl->armed = mono_reached(now, at) ? now : at; /* what is due already cannot come late yet */
	if (at.us == MONO_NEVER.us) {
		evtimer_del(cl->timer);
		return;
	}
	/* libevent counts from when this turn began: it would come too early, and once more. */
	event_base_update_cache_time(cl->setup.base);
	evtimer_add(cl->timer, &wait);
}

static void send_and_arm(struct cluster *cl, struct gossip_time t)
{
	struct gossip_packet p;

	while (gossip_output(cl->gossip, t, &p))
		if (cl->socket && cl->started)
			send_packet(cl, &p);
	if (cl->started)
		arm(cl, t.now);
}

void cluster_done(struct cluster *cl, struct gossip_time t)
{
	send_and_arm(cl, t);
	if (!cl->settling)
		event_active(cl->settle, 0, 0);
}

void cluster_settle(struct cluster *cl)
{
	struct gossip_event e;

	if (cl->settling)
		return;
	cl->settling = true;
	while (gossip_event(cl->gossip, &e))
		cluster_dispatch(cl, &e);
	if (cl->unsure)
		cluster_agree_check(cl, &cl->agree);
	cl->unsure = false;
	cl->settling = false;
}

static void on_settle(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	cluster_settle(arg);
}

/* --- what comes in --- */

static void on_datagram(void *arg, const struct addr *from, struct span datagram)
{
	struct cluster *cl = arg;
	uint8_t room[SEAL_PAYLOAD_MAX];
	struct seal_opened o;
	enum seal_refusal refusal =
		seal_open(cluster_keys_ring(cl->keys), cl->cluster_id, cl->id, datagram, room, &o);
	struct gossip_addr sender = cluster_addr_to(from);
	struct gossip_time t;

	cl->packets_in++;
	cl->bytes_in += datagram.n;
	if (refusal != SEAL_OPENED) {
		cluster_count_refused(cl, refusal, from, datagram, mono_now());
		return;
	}
	t = cluster_enter(cl);
	gossip_input(cl->gossip, t, &sender, o.sender, o.addressed, o.payload);
	send_and_arm(cl, t);
	cluster_settle(cl);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct cluster *cl = arg;

	(void)fd;
	(void)what;
	cluster_enter(cl);
	cluster_socket_receive(cl->socket, on_datagram, cl);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct cluster *cl = arg;
	struct gossip_time t = cluster_enter(cl);

	(void)fd;
	(void)what;
	cl->armed = cl->deadline = MONO_NEVER;
	gossip_tick(cl->gossip, t);
	send_and_arm(cl, t);
	cluster_settle(cl);
}

static void on_lifeline(void *arg, uint64_t id, bool open)
{
	struct cluster *cl = arg;
	struct gossip_time t = cluster_enter(cl);

	if (!open) {
		cl->line_id = id;
		cl->line_ended = t.now;
	}
	gossip_lifeline(cl->gossip, t, id, open);
	cluster_done(cl, t);
}

static bool is_member(void *arg, const struct addr *from)
{
	struct cluster *cl = arg;

	cluster_entries_refresh(cl);
	for (size_t i = 0; i < cl->n_entries; i++) {
		const struct addr *a = &cl->entries[i].m.addr;

		if (a->family == from->family && memcmp(a->ip, from->ip, sizeof(a->ip)) == 0)
			return true;
	}
	return false;
}

/* --- keys --- */

static void publish_node(struct cluster *cl)
{
	uint8_t body[CLUSTER_NODE_BYTES_MAX];
	size_t n;

	if (cl->keys) {
		const struct seal_ring *ring = cluster_keys_ring(cl->keys);

		cl->node.n_keys = seal_ring_count(ring);
		for (size_t i = 0; i < cl->node.n_keys; i++)
			cl->node.keys[i] = seal_ring_id(ring, i);
		cl->node.active = seal_ring_active(ring);
	}
	n = cluster_node_encode(&cl->node, body);
	cluster_publish(cl, CLUSTER_RECORD_NODE, span_of(body, n));
}

/* A node is asked about its keys as long as it may be there: suspect ones too. */
static bool counts_for_keys(const struct cluster_member *m)
{
	return !m->self && (m->state == CLUSTER_ALIVE || m->state == CLUSTER_SUSPECT);
}

void cluster_reload_keys(struct cluster *cl)
{
	struct cluster_keys_member members[GOSSIP_MEMBERS_MAX];
	size_t n = 0;

	if (!cl->keys)
		return;
	cluster_entries_refresh(cl);
	for (size_t i = 0; i < cl->n_entries; i++) {
		const struct cluster_entry *e = &cl->entries[i];

		if (counts_for_keys(&e->m))
			members[n++] = (struct cluster_keys_member){
				e->name, e->node.n_keys ? &e->node : NULL};
	}
	if (cluster_keys_follow(cl->keys, members, n))
		publish_node(cl);
}

static void on_second(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	cluster_reload_keys(arg);
}

const char *cluster_keys_wait(const struct cluster *cl)
{
	return cl->keys ? cluster_keys_waits(cl->keys) : "";
}

size_t cluster_key_ids(const struct cluster *cl, uint32_t *ret, size_t max)
{
	const struct seal_ring *ring = cl->keys ? cluster_keys_ring(cl->keys) : NULL;
	size_t n = 0;

	if (!ring)
		return 0;
	ret[n++] = seal_ring_active(ring);
	for (size_t i = 0; i < seal_ring_count(ring) && n < max; i++)
		if (seal_ring_id(ring, i) != ret[0])
			ret[n++] = seal_ring_id(ring, i);
	return n;
}

size_t cluster_derive(const struct cluster *cl, const char context[8],
	uint8_t (*ret)[CLUSTER_SECRET_BYTES], size_t max)
{
	uint32_t ids[SEAL_KEYS_MAX];
	size_t n = cluster_key_ids(cl, ids, max < SEAL_KEYS_MAX ? max : SEAL_KEYS_MAX);

	for (size_t i = 0; i < n; i++)
		crypto_kdf_derive_from_key(ret[i], CLUSTER_SECRET_BYTES, 1, context,
			seal_ring_key(cluster_keys_ring(cl->keys), ids[i]));
	return n;
}

/* --- what consumers do --- */

void cluster_publish(struct cluster *cl, uint16_t key, struct span value)
{
	struct gossip_time t = cluster_enter(cl);

	BUG_ON(value.n > CLUSTER_VALUE_MAX);
	gossip_publish(cl->gossip, t, key, value);
	cluster_done(cl, t);
}

struct span cluster_record(const struct cluster *cl, uint64_t origin, uint16_t key)
{
	return gossip_record(cl->gossip, origin, key);
}

void cluster_send(struct cluster *cl, uint64_t to, uint8_t kind, struct span value)
{
	struct gossip_time t = cluster_enter(cl);

	gossip_send(cl->gossip, t, to, kind, value);
	cluster_done(cl, t);
}

void cluster_set_priority(struct cluster *cl, uint32_t priority)
{
	if (cl->node.priority == priority)
		return;
	cl->node.priority = priority;
	publish_node(cl);
}

void cluster_set_digest(struct cluster *cl, uint64_t digest)
{
	if (cl->node.has_digest && cl->node.digest == digest)
		return;
	cl->node.has_digest = true;
	cl->node.digest = digest;
	publish_node(cl);
}

void cluster_set_peers(struct cluster *cl, const struct addr *peers, size_t n)
{
	struct gossip_addr addrs[GOSSIP_PEERS_MAX];
	struct gossip_time t = cluster_enter(cl);

	for (size_t i = 0; i < n; i++)
		addrs[i] = cluster_addr_to(&peers[i]);
	gossip_set_peers(cl->gossip, t, addrs, n);
	cluster_done(cl, t);
}

void cluster_subscribe(struct cluster *cl, const struct cluster_hooks *hooks, void *arg)
{
	BUG_ON(cl->n_subscribers == CLUSTER_SUBSCRIBERS_MAX);
	cl->subscribers[cl->n_subscribers++] = (struct cluster_subscriber){hooks, arg};
}

void cluster_leave(struct cluster *cl)
{
	struct gossip_time t = cluster_enter(cl);

	gossip_leave(cl->gossip, t);
	cluster_done(cl, t);
}

bool cluster_forget(struct cluster *cl, uint64_t id)
{
	struct gossip_time t = cluster_enter(cl);
	bool ok = gossip_forget(cl->gossip, t, id);

	cluster_done(cl, t);
	return ok;
}

/* --- ports --- */

static bool refuse_port(
	const struct config *c, const char *what, const char *kind, char *why, size_t why_size)
{
	char text[ADDR_TEXT_MAX];

	snprintf(why, why_size, "the cluster cannot use %s %s (cluster.bind): %s: %s", kind,
		addr_format(&c->cluster.bind, text), what, strerror(errno));
	return false;
}

bool cluster_ports_open(const struct config *c, struct inherit *inherit, struct cluster_ports *ret,
	char *why, size_t why_size)
{
	char name[INHERIT_NAME_MAX];
	const char *what = "";

	*ret = (struct cluster_ports){-1, -1, NULL};
	if (!c->cluster.name)
		return true;
	ret->ring = seal_ring_load(c->cluster.keys, why, why_size);
	if (!ret->ring)
		return false;
	inherit_name("cluster-udp", &c->cluster.bind, name);
	if (!inherit_take(inherit, name, &ret->udp, 1))
		ret->udp = cluster_socket_udp(&c->cluster.bind, &what);
	if (ret->udp < 0)
		return refuse_port(c, what, "UDP", why, why_size);
	inherit_name("cluster-tcp", &c->cluster.bind, name);
	if (!inherit_take(inherit, name, &ret->tcp, 1))
		ret->tcp = cluster_socket_tcp(&c->cluster.bind, &what);
	return ret->tcp >= 0 || refuse_port(c, what, "TCP", why, why_size);
}

void cluster_ports_close(struct cluster_ports *ports)
{
	if (ports->udp >= 0)
		close(ports->udp);
	if (ports->tcp >= 0)
		close(ports->tcp);
	seal_ring_free(ports->ring);
	*ports = (struct cluster_ports){-1, -1, NULL};
}

/* --- life --- */

struct gossip *cluster_gossip_new(struct cluster *cl, uint64_t epoch)
{
	const struct config_cluster *conf = cl->conf;
	struct gossip_addr *peers = calloc(conf->n_peers + 1, sizeof(*peers));
	struct gossip_addr self = cluster_addr_to(&conf->bind);
	uint64_t wall_ms = log_wall_us() / 1000, seed;
	struct gossip *g;

	if (!peers)
		return NULL;
	if (!conf->name)
		self.port = 1; /* nobody will ever hear of it, but it has to have one */
	for (size_t i = 0; i < conf->n_peers; i++)
		peers[i] = cluster_addr_to(&conf->peers[i]);
	randombytes_buf(&seed, sizeof(seed));
	if (epoch == 0)
		epoch = conf->name ? cluster_epoch_next(cl->setup.config->state_dir, wall_ms)
				   : wall_ms;
	g = gossip_new(
		&(struct gossip_config){
			.node = cl->setup.config->node,
			.id = cl->id,
			.self = self,
			.balancer = conf->n_vips > 0,
			.beat_ms = conf->name ? conf->beat_ms : ALONE_BEAT_MS,
			.silent_ms = conf->name ? conf->silent_ms : ALONE_SILENT_MS,
			.peers = peers,
			.n_peers = conf->n_peers,
			.epoch = epoch,
			.seed = seed,
			.version = PACKAGE_VERSION,
			.items = {ITEMS_LIVE, ITEMS_TOMBSTONES},
		},
		(struct gossip_time){mono_now(), wall_ms});
	free(peers);
	return g;
}

static bool open_events(struct cluster *cl)
{
	struct event_base *base = cl->setup.base;

	cl->timer = evtimer_new(base, on_timer, cl);
	cl->second = event_new(base, -1, EV_PERSIST, on_second, cl);
	cl->settle = event_new(base, -1, 0, on_settle, cl);
	return cl->timer && cl->second && cl->settle;
}

/* Each is taken as soon as it has an owner. */
static bool take_ports(struct cluster *cl)
{
	struct cluster_ports *p = &cl->setup.ports;
	struct lifelines_hooks hooks = {.changed = on_lifeline, .is_member = is_member, .arg = cl};

	if (!cl->conf->name)
		return true;
	cl->socket = cluster_socket_new(p->udp);
	cl->keys = cluster_keys_new(cl->conf->keys, p->ring);
	cl->lifelines = lifelines_new(cl->setup.base, p->tcp, &cl->conf->bind, &hooks);
	cl->readable = event_new(cl->setup.base, p->udp, EV_READ | EV_PERSIST, on_readable, cl);
	return cl->socket && cl->keys && cl->lifelines && cl->readable;
}

/* Whatever no owner was found for. */
static void close_rest(struct cluster *cl)
{
	struct cluster_ports rest = cl->setup.ports;

	if (cl->socket)
		rest.udp = -1;
	if (cl->lifelines)
		rest.tcp = -1;
	if (cl->keys)
		rest.ring = NULL;
	cluster_ports_close(&rest);
}

struct cluster *cluster_new(const struct cluster_setup *setup)
{
	struct cluster *cl = calloc(1, sizeof(*cl));

	if (!cl) {
		struct cluster_ports ports = setup->ports;

		cluster_ports_close(&ports);
		return NULL;
	}
	cl->setup = *setup;
	cl->conf = &setup->config->cluster;
	cl->armed = cl->deadline = MONO_NEVER;
	cl->reorder = true;
	cl->id = cluster_node_id(cl, setup->config->node);
	cl->cluster_id = hash_of("cluster", cl->conf->name ? cl->conf->name : "");
	cl->entries = calloc(GOSSIP_MEMBERS_MAX, sizeof(*cl->entries));
	if (!cl->entries || !open_events(cl) || !take_ports(cl)) {
		close_rest(cl);
		cluster_free(cl);
		return NULL;
	}
	cl->gossip = cluster_gossip_new(cl, 0);
	if (cl->gossip)
		return cl;
	cluster_free(cl);
	return NULL;
}

void cluster_start(struct cluster *cl)
{
	static const struct timeval second = {1, 0};
	char text[ADDR_TEXT_MAX];

	cl->started = true;
	if (cluster_enabled(cl)) {
		event_add(cl->readable, NULL);
		event_add(cl->second, &second);
		log_notice("cluster", "%s: node %s listens on %s, %zu peers to ask", cl->conf->name,
			cl->setup.config->node, addr_format(&cl->conf->bind, text),
			cl->conf->n_peers);
	}
	publish_node(cl);
}

/* The lifelines stay for the moment: their end is no death as long as beats come, so the next process beats first. */
void cluster_pause(struct cluster *cl)
{
	cluster_settle(cl);
	cl->started = false;
	cl->settling = true; /* nobody is told any more */
	if (cl->lifelines)
		lifelines_accept(cl->lifelines, false);
	if (cl->readable)
		event_del(cl->readable);
	event_del(cl->timer);
	event_del(cl->second);
}

void cluster_go_on(struct cluster *cl)
{
	static const struct timeval second = {1, 0};

	cl->started = true;
	cl->settling = false;
	cl->armed = cl->deadline = MONO_NEVER;
	if (cl->readable) {
		lifelines_accept(cl->lifelines, true);
		event_add(cl->readable, NULL);
		event_add(cl->second, &second);
	}
	cluster_done(cl, cluster_enter(cl));
}

void cluster_hand_over(struct cluster *cl)
{
	lifelines_free(cl->lifelines);
	cl->lifelines = NULL;
}

int cluster_give(struct cluster *cl,
	int (*give)(void *arg, const char *name, const int *fds, size_t n), void *arg)
{
	char name[INHERIT_NAME_MAX];
	int result;

	if (!cluster_enabled(cl))
		return 0;
	inherit_name("cluster-udp", &cl->conf->bind, name);
	result = give(arg, name, &cl->setup.ports.udp, 1);
	inherit_name("cluster-tcp", &cl->conf->bind, name);
	return result != 0 ? result : give(arg, name, &cl->setup.ports.tcp, 1);
}

static void free_event(struct event *e)
{
	if (e)
		event_free(e);
}

void cluster_free(struct cluster *cl)
{
	if (!cl)
		return;
	cl->started = false;
	cl->settling = true; /* nobody is told any more */
	lifelines_free(cl->lifelines);
	free_event(cl->readable);
	free_event(cl->timer);
	free_event(cl->second);
	free_event(cl->settle);
	gossip_free(cl->gossip);
	cluster_socket_free(cl->socket);
	cluster_keys_free(cl->keys);
	free(cl->entries);
	free(cl);
}

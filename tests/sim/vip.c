#include "base/bug.h"
#include "check.h"
#include "network.h"
#include "node.h"

enum { GATEWAY_US = 800, HAND_OVER_US = 3000 };

static void vip_ip(uint32_t vip, uint8_t ret[16])
{
	static const uint8_t prefix[16] = {[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2};

	memcpy(ret, prefix, 16);
	ret[15] = (uint8_t)(100 + vip);
}

static struct elect_addr elect_addr_of(const struct gossip_addr *addr)
{
	struct elect_addr a = {.port = addr->port};

	memcpy(a.ip, addr->ip, sizeof a.ip);
	return a;
}

static void tell_voters(struct sim *s, struct node *node)
{
	for (size_t i = 0; i < gossip_items(node->gossip); i++) {
		struct item item;

		gossip_item_at(node->gossip, i, &item);
		if (item.kind == NODE_VOTER)
			elect_item(node->elect, node_mono(s, node), item.key, item.value);
	}
}

bool vip_start(struct sim *s, struct node *node, bool resumed)
{
	const struct scenario *c = &s->scenario;
	struct elect_vip vips[SIM_VIPS_MAX] = {0};
	struct elect_peer peers[SIM_NODES_MAX];
	struct elect_config config = {
		.id = node->id,
		.name = node->name,
		.addr = elect_addr_of(&node->addr),
		.rule = c->quorum ? ELECT_MAJORITY : ELECT_NONE,
		.has_gateway = c->gateway,
		.resumed = resumed,
		.run = node->run,
		.beat_ms = c->beat_ms,
		.silent_ms = c->silent_ms,
		.peers = peers,
		.vips = vips,
		.n_vips = c->vips,
	};

	for (uint32_t i = 0; i < c->balancers; i++) {
		if (i != node->index)
			peers[config.n_peers++] = (struct elect_peer){
				elect_addr_of(&s->nodes[i].addr), s->nodes[i].name};
	}
	for (uint32_t v = 0; v < c->vips; v++) {
		vip_ip(v, vips[v].ip);
		vips[v].preempt_ms = 1000;
		if (v == 0 && c->prefer > 0)
			vips[v].prefer = s->nodes[c->prefer - 1].id;
	}
	node->elect = elect_new(&config, node_mono(s, node));
	if (!node->elect)
		return false;
	tell_voters(s, node);
	elect_start(node->elect, node_mono(s, node));
	return true;
}

static enum elect_state elect_state_of(enum gossip_state state)
{
	switch (state) {
	case GOSSIP_ALIVE:
		return ELECT_ALIVE;
	case GOSSIP_SUSPECT:
		return ELECT_SUSPECT;
	case GOSSIP_DEAD:
		return ELECT_DEAD;
	case GOSSIP_LEFT:
		return ELECT_LEFT;
	}
	return ELECT_UNHEARD;
}

void vip_tell(struct sim *s, struct node *node, uint64_t id)
{
	struct gossip_member m;
	struct elect_member member;
	struct span about = gossip_record(node->gossip, id, NODE_RECORD);

	if (!gossip_find(node->gossip, id, &m))
		return;
	member = (struct elect_member){
		.id = id,
		.name = m.name,
		.addr = elect_addr_of(&m.addr),
		.state = elect_state_of(m.state),
		.balancer = m.balancer,
		.role_known = true,
		.has_digest = about.n > 0,
		.digest = about.n > 0 ? about.p[0] : 0,
	};
	elect_member(node->elect, node_mono(s, node), &member);
}

void vip_event(struct sim *s, struct node *node, const struct gossip_event *event)
{
	struct mono now = node_mono(s, node);

	switch (event->event) {
	case GOSSIP_EVENT_MEMBER:
	case GOSSIP_EVENT_DETAILS:
		vip_look(s, node);
		vip_tell(s, node, event->id);
		break;
	case GOSSIP_EVENT_FORGOTTEN:
		elect_forgotten(node->elect, now, event->id);
		break;
	case GOSSIP_EVENT_RECORD:
		if (event->key == NODE_CLAIMS)
			elect_record(node->elect, now, event->id, event->value);
		else if (event->key == NODE_RECORD)
			vip_tell(s, node, event->id);
		break;
	case GOSSIP_EVENT_ITEM:
		if (event->item.kind == NODE_VOTER)
			elect_item(node->elect, now, event->item.key, event->item.value);
		break;
	case GOSSIP_EVENT_MESSAGE:
		elect_message(node->elect, now, event->id, event->kind, event->value);
		break;
	default:
		return;
	}
	vip_drain(s, node);
}

/* Before anything else: others may have taken over what it holds, or its leases have ended. */
void vip_resume(struct sim *s, struct node *node, uint64_t paused_us)
{
	if (paused_us > SIM_LEASE_US)
		elect_woken(node->elect, node_mono(s, node));
	else if (paused_us > 1000 * (uint64_t)s->scenario.silent_ms)
		elect_doubt(node->elect, node_mono(s, node));
	else
		return;
	node_drain(s, node);
}

void vip_look(struct sim *s, struct node *node)
{
	struct gossip_self self;

	if (!node->elect)
		return;
	gossip_self(node->gossip, &self);
	elect_set_alone(node->elect, node_mono(s, node), self.alone || self.unheard);
}

/* The kernel takes its time to let go of an address. */
static void lease(struct sim *s, struct node *node, uint32_t vip)
{
	node->lease[vip] = s->now + SIM_LEASE_US + sim_below(s, SIM_LEASE_LATE_US);
}

static void hold(struct sim *s, struct node *node, const struct elect_event *event)
{
	uint32_t vip = (uint32_t)event->vip;
	bool is_first = true;

	if (node->cannot[vip]) {
		sim_say(s, node, "cannot hold vip %u", vip);
		elect_held(node->elect, node_mono(s, node), vip, false);
		return;
	}

	sim_say(s, node, "holds vip %u, term %llu: %s", vip, (unsigned long long)event->term,
		elect_cause_text(event->cause));
	for (uint32_t v = 0; v < s->scenario.vips; v++)
		is_first = is_first && !node->holds[v];
	if (is_first)
		agenda_put(
			&s->agenda, s->now + SIM_RENEW_US, EVENT_RENEW, node->index, node->run, 0);
	node->holds[vip] = true;
	node->term[vip] = event->term;
	if (!vip_is_on(s, node, vip))
		node->since[vip] = s->now;
	lease(s, node, vip);
	check_hold(s, node, vip);
	if (s->on_hold)
		s->on_hold(s, node, vip);
	elect_held(node->elect, node_mono(s, node), vip, true);
}

static void drop(struct sim *s, struct node *node, const struct elect_event *event)
{
	uint32_t vip = (uint32_t)event->vip;

	sim_say(s, node, "drops vip %u: %s", vip, elect_cause_text(event->cause));
	node->holds[vip] = false;
	/* What is on its way to the old owner still arrives. */
	node->lease[vip] = event->cause == ELECT_HANDED_OVER ? s->now + HAND_OVER_US : 0;
	check_holders(s);
}

static void stopped(struct sim *s, struct node *node)
{
	node->leaving = true;
	gossip_leave(node->gossip, node_time(s, node));
	agenda_put(&s->agenda, s->now + 6000 * s->scenario.beat_ms, EVENT_EXIT, node->index,
		node->run, 0);
}

static void act(struct sim *s, struct node *node, const struct elect_event *event)
{
	struct gossip_time t = node_time(s, node);
	struct item voter = {.kind = NODE_VOTER, .key = event->key, .value = event->value};

	switch (event->kind) {
	case ELECT_HOLD:
		hold(s, node, event);
		break;
	case ELECT_DROP:
		drop(s, node, event);
		break;
	case ELECT_PUBLISH:
		gossip_publish(node->gossip, t, NODE_CLAIMS, event->value);
		break;
	case ELECT_VOTER:
		gossip_item_set(node->gossip, t, &voter);
		break;
	case ELECT_SEND:
		gossip_send(node->gossip, t, event->node, event->message, event->value);
		break;
	case ELECT_ASK:
		if (network_hears(s, SIM_GATEWAY, node->index) &&
			network_hears(s, node->index, SIM_GATEWAY))
			agenda_put(&s->agenda, s->now + GATEWAY_US, EVENT_GATEWAY, node->index,
				node->run, 0);
		break;
	case ELECT_STOPPED:
		if (!node->leaving)
			stopped(s, node);
		break;
	case ELECT_MOVED:
		sim_say(s, node, "moved vip %zu: %s", event->vip,
			event->text ? event->text : "done");
		break;
	default:
		break; /* announcements, and what is only for the log */
	}
}

void vip_drain(struct sim *s, struct node *node)
{
	struct elect_event event;

	while (elect_next(node->elect, node_mono(s, node), &event))
		act(s, node, &event);
}

void vip_renew(struct sim *s, struct node *node, uint32_t run)
{
	bool any = false;

	if (node->run != run || node->state == NODE_DOWN || node->state == NODE_OFF)
		return;
	for (uint32_t v = 0; v < s->scenario.vips; v++) {
		if (!node->holds[v])
			continue;
		any = true;
		if (node->state == NODE_RUNNING && elect_may_renew(node->elect))
			lease(s, node, v);
	}
	if (any)
		agenda_put(&s->agenda, s->now + SIM_RENEW_US, EVENT_RENEW, node->index, run, 0);
}

void vip_gateway(struct sim *s, struct node *node, uint32_t run)
{
	if (node->run != run || node->state != NODE_RUNNING || !node->elect)
		return;
	elect_gateway(node->elect, node_mono(s, node));
	node_drain(s, node);
}

bool vip_is_on(const struct sim *s, const struct node *node, uint32_t vip)
{
	return node->lease[vip] > s->now;
}

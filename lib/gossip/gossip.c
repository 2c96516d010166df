#include "gossip/gossip.h"

#include "base/bug.h"
#include "gossip/state.h"

#include <stdlib.h>

/* The dead hear from those who think so about this often: handshake.c. */
enum { PROBED_US = 500 * 1000, REACHED_BEATS = 4 };
enum { BEATS_MIN = 12, BEAT_MAX_MS = 10000, SILENT_MAX_MS = 60000 };

/* --- life --- */

static bool text_is_good(const char *text, size_t min, size_t max)
{
	size_t n = text ? strlen(text) : 0;

	if (!text || n < min || n > max)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return false;
	return true;
}

static bool config_is_good(const struct gossip_config *c)
{
	if (c->id == 0 || c->self.port == 0 || c->epoch == 0 || c->epoch > MESSAGE_EPOCH_MAX)
		return false;
	if (!text_is_good(c->node, 1, GOSSIP_NAME_MAX) ||
		!text_is_good(c->version, 0, GOSSIP_VERSION_MAX))
		return false;
	if (c->beat_ms == 0 || c->beat_ms > BEAT_MAX_MS || c->silent_ms > SILENT_MAX_MS ||
		c->silent_ms < c->beat_ms * BEATS_MIN)
		return false;
	return c->n_peers <= GOSSIP_PEERS_MAX && c->speaks_min <= c->speaks_max;
}

static bool set_self(struct gossip *g, const struct gossip_config *config, struct gossip_time t)
{
	struct member *m = member_add(g, config->id, t.now);

	if (!m)
		return false;
	g->self = m;
	m->epoch = config->epoch;
	m->addr = config->self;
	m->balancer = config->balancer;
	m->speaks_min = config->speaks_min ? config->speaks_min : GOSSIP_SPEAKS_MIN;
	m->speaks_max = config->speaks_max ? config->speaks_max : GOSSIP_SPEAKS_MAX;
	memcpy(m->name, config->node, strlen(config->node) + 1);
	memcpy(m->version, config->version, strlen(config->version) + 1);
	return true;
}

/* What is asked already keeps its pace. */
static struct peer peer_at(const struct gossip *g, struct gossip_time t, struct gossip_addr addr)
{
	for (size_t i = 0; i < g->n_peers; i++)
		if (memcmp(&g->peers[i].addr, &addr, sizeof(addr)) == 0)
			return g->peers[i];
	return (struct peer){.addr = addr, .next = t.now};
}

void gossip_set_peers(
	struct gossip *g, struct gossip_time t, const struct gossip_addr *peers, size_t n)
{
	struct peer next[GOSSIP_PEERS_MAX];

	BUG_ON(n > GOSSIP_PEERS_MAX);
	for (size_t i = 0; i < n; i++)
		next[i] = peer_at(g, t, peers[i]);
	memcpy(g->peers, next, n * sizeof(next[0]));
	g->n_peers = n;
}

/* There is room for any number, so that a change of them cannot fail. */
static bool set_peers(struct gossip *g, const struct gossip_config *config, struct gossip_time t)
{
	g->peers = calloc(GOSSIP_PEERS_MAX, sizeof(*g->peers));
	if (!g->peers)
		return false;
	gossip_set_peers(g, t, config->peers, config->n_peers);
	return true;
}

struct gossip *gossip_new(const struct gossip_config *config, struct gossip_time t)
{
	struct gossip *g;

	if (!config_is_good(config))
		return NULL;
	g = calloc(1, sizeof(*g));
	if (!g)
		return NULL;
	prng_init(&g->prng, config->seed ^ config->id);
	g->beat_us = config->beat_ms * 1000;
	g->silent_us = config->silent_ms * 1000;
	g->next_beat = g->ticked_for = g->listening_since = t.now;
	if (!share_new(g, config) || !set_self(g, config, t) || !set_peers(g, config, t)) {
		gossip_free(g);
		return NULL;
	}
	return g;
}

void gossip_free(struct gossip *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->n_members; i++)
		free(g->members[i]);
	free(g->peers);
	share_free(g);
	gossip_queue_free(&g->out);
	gossip_queue_free(&g->events);
	free(g);
}

void gossip_leave(struct gossip *g, struct gossip_time t)
{
	if (g->has_left)
		return;
	g->has_left = true;
	if (g->self->incarnation < UINT32_MAX)
		g->self->incarnation++;
	member_set_status(g, t.now, g->self, MEMBER_LEFT, false);
	member_is_news(g, g->self);
	suspicion_look(g, t.now);
}

/* --- in --- */

static void member_input(
	struct gossip *g, struct gossip_time t, struct member *from, struct span body)
{
	struct message_claim c;
	struct message_self s;

	if (!message_get_member(body, &c, &s)) {
		g->stats.refused[GOSSIP_REFUSED_MALFORMED]++;
		return;
	}
	/* Its beat came first and had the incarnation; the next process of a node may be of another version. */
	if (c.id == from->id && c.epoch == from->epoch && c.incarnation == from->incarnation)
		member_set_details(g, from, &s);
	spread_claim(g, t, &c, &s, false);
}

static void forget_input(struct gossip *g, struct gossip_time t, struct span body)
{
	uint64_t id, epoch;

	if (message_get_forget(body, &id, &epoch))
		spread_forget(g, t, id, epoch);
	else
		g->stats.refused[GOSSIP_REFUSED_MALFORMED]++;
}

static void direct_input(struct gossip *g, const struct member *from, struct span body)
{
	struct message_direct d;

	if (!message_get_direct(body, &d)) {
		g->stats.refused[GOSSIP_REFUSED_MALFORMED]++;
		return;
	}
	gossip_event_add(g,
		&(struct queued_event){
			.event = GOSSIP_EVENT_MESSAGE, .id = from->id, .kind = d.kind},
		d.value);
}

static void tlv_input(
	struct gossip *g, struct gossip_time t, struct member *from, const struct message_tlv *tlv)
{
	switch ((enum message_type)tlv->type) {
	case MESSAGE_BEAT:
		beat_input(g, t, from, tlv->body);
		break;
	case MESSAGE_MEMBER:
		member_input(g, t, from, tlv->body);
		break;
	case MESSAGE_VOTES:
		beat_votes(g, t, from, tlv->body);
		break;
	case MESSAGE_DEATHS:
		spread_deaths(g, t, tlv->body);
		break;
	case MESSAGE_SUMMARY:
		summary_input(g, t, from, tlv->body);
		break;
	case MESSAGE_FORGET:
		forget_input(g, t, tlv->body);
		break;
	case MESSAGE_DIRECT:
		direct_input(g, from, tlv->body);
		break;
	case MESSAGE_VITALS:
		vitals_input(g, t.now, tlv->body);
		break;
	case MESSAGE_RECORD:
		share_record(g, t, tlv->body);
		break;
	case MESSAGE_DIGEST:
		share_digest(g, t, from, tlv->body);
		break;
	case MESSAGE_WANT:
		share_want(g, t, from, tlv->body);
		break;
	case MESSAGE_ITEM:
		share_item(g, t, tlv->body);
		break;
	case MESSAGE_BUCKETS:
		share_buckets(g, t, from, tlv->body);
		break;
	case MESSAGE_LIST:
		share_list(g, t, from, tlv->body);
		break;
	case MESSAGE_CHALLENGE:
	case MESSAGE_ECHO:
	case MESSAGE_SELF:
		break; /* handshake_input() */
	}
}

static bool is_handshake(uint8_t type)
{
	return type == MESSAGE_CHALLENGE || type == MESSAGE_ECHO;
}

/* What a packet says may strike its sender off, or end its session: then the rest of it is nobody's. */
static void session_input(struct gossip *g, struct gossip_time t, struct arrival *a)
{
	struct wire_reader tlvs = a->tlvs;
	struct message_tlv tlv;
	bool beat = false, handshake = false;

	suspicion_heard(g, t.now, a->in_session);
	while (message_next(&tlvs, &tlv)) {
		struct member *from = member_find(g, a->sender);

		if (!from || !from->has_session || from->epoch != a->head.epoch)
			return;
		beat |= tlv.type == MESSAGE_BEAT;
		handshake |= is_handshake(tlv.type);
		tlv_input(g, t, from, &tlv);
	}
	a->in_session = member_find(g, a->sender);
	if (a->in_session && beat)
		suspicion_sweep(g, t.now, a->in_session);
	if (a->in_session && handshake)
		handshake_input(g, t, a);
}

static struct member *session_of(const struct gossip *g, const struct arrival *a)
{
	struct member *m = a->addressed ? member_find(g, a->sender) : NULL;

	return m && m->has_session && m->epoch == a->head.epoch ? m : NULL;
}

void gossip_input(struct gossip *g, struct gossip_time t, const struct gossip_addr *from,
	uint64_t sender, bool addressed, struct span payload)
{
	struct arrival a = {.from = from, .sender = sender, .addressed = addressed};

	g->stats.packets_in++;
	if (sender == 0 || sender == g->self->id || !message_open(payload, &a.head, &a.tlvs)) {
		g->stats.refused[GOSSIP_REFUSED_MALFORMED]++;
		return;
	}
	a.in_session = session_of(g, &a);
	if (!a.in_session) {
		handshake_input(g, t, &a);
	} else if (!replay_take(&a.in_session->window, a.head.sequence)) {
		g->stats.refused[GOSSIP_REFUSED_REPLAY]++;
		handshake_replayed(g, t, &a);
	} else {
		session_input(g, t, &a);
		if (beat_goes_along(g, t.now))
			gossip_tick(g, t);
	}
	suspicion_judge(g, t.now);
}

void gossip_lagged(struct gossip *g, struct gossip_time t, uint64_t lag_us)
{
	if (lag_us > 2 * (uint64_t)g->beat_us)
		suspicion_lagged(g, t.now);
}

void gossip_tick(struct gossip *g, struct gossip_time t)
{
	gossip_lagged(g, t, mono_diff_us(gossip_deadline(g), t.now));
	share_expire(g, t.now);
	suspicion_look(g, t.now);
	beat_tick(g, t);
	g->ticked_for = t.now;
}

struct mono gossip_deadline(const struct gossip *g)
{
	struct mono first = sooner(g->next_beat, items_deadline(g->items));

	return sooner(sooner(first, beat_urgent_at(g)), suspicion_deadline(g));
}

void gossip_lifeline(struct gossip *g, struct gossip_time t, uint64_t id, bool open)
{
	struct member *m = member_find(g, id);

	if (!m || !m->lifeline_wanted || m->lifeline_open == open)
		return;
	m->lifeline_open = open;
	m->lifeline_ended_at.us = open ? 0 : t.now.us;
	suspicion_look(g, t.now);
}

bool gossip_forget(struct gossip *g, struct gossip_time t, uint64_t id)
{
	struct member *m = member_find(g, id);

	if (!m || m == g->self || m->status == MEMBER_ALIVE)
		return false;
	spread_forget(g, t, id, m->epoch);
	suspicion_judge(g, t.now);
	return true;
}

/* --- out --- */

/* Each member's packets are counted for itself, so that a burst to all does not run through its window. */
static uint64_t next_sequence(struct gossip *g, struct member *m)
{
	return m ? ++m->sequence : ++g->sequence;
}

/* Its beats say when it heard us last. A word that is older is no proof that the way still works, nor that of another
 * address is. */
static bool is_reached(const struct gossip *g, struct mono now, const struct member *m,
	const struct gossip_addr *at)
{
	return is_set(m->reached_at) && !passed(m->reached_at, now, REACHED_BEATS * g->beat_us) &&
	       memcmp(at, &m->addr, sizeof(*at)) == 0;
}

bool gossip_output(struct gossip *g, struct gossip_time t, struct gossip_packet *ret)
{
	struct wire_writer w = wire_write(g->packet, sizeof(g->packet));
	struct span tlvs;
	struct member *m;
	struct draft d;

	if (gossip_out_next(g, &ret->to, &ret->addr, &tlvs)) {
		m = ret->to ? member_find(g, ret->to) : NULL;
	} else {
		if (!beat_next(g, t, &d, &m))
			return false;
		ret->to = m->id;
		ret->addr = m->addr;
		tlvs = draft_span(&d);
	}
	message_put_head(&w,
		&(struct message_head){.epoch = g->self->epoch, .sequence = next_sequence(g, m)});
	wire_put_bytes(&w, tlvs);
	ret->payload = span_of(g->packet, wire_written(&w));
	ret->hears_us = m && is_reached(g, t.now, m, &ret->addr);
	g->stats.packets_out++;
	g->stats.payload_bytes_out += ret->payload.n;
	return true;
}

bool gossip_send(
	struct gossip *g, struct gossip_time t, uint64_t to, uint8_t kind, struct span value)
{
	struct member *m = member_find(g, to);
	struct draft d;

	(void)t;
	if (!m || m == g->self || value.n > GOSSIP_MESSAGE_MAX)
		return false;
	draft_start(&d);
	message_put_direct(&d.w, kind, value);
	gossip_out_to(g, m, draft_span(&d));
	return true;
}

/* --- who is there --- */

size_t gossip_count(const struct gossip *g)
{
	return g->n_members;
}

static void show(const struct gossip *g, const struct member *m, struct gossip_member *ret)
{
	*ret = (struct gossip_member){.id = m->id,
		.name = m->name,
		.version = m->version,
		.addr = m->addr,
		.state = m->shown,
		.self = m == g->self,
		.balancer = m->balancer,
		.observed = m->is_neighbour,
		.heard = m->is_neighbour && member_is_heard(g, g->ticked_for, m),
		.epoch = m->epoch,
		.incarnation = m->incarnation,
		.since = m->since,
		.heard_at = m->heard_at,
		.rtt_us = m->rtt_us,
		.speaks_min = m->speaks_min,
		.speaks_max = m->speaks_max};
	ret->hears_us = ret->heard && !passed(m->hears_us_at, g->ticked_for, g->silent_us);
}

bool gossip_member_at(const struct gossip *g, size_t i, struct gossip_member *ret)
{
	if (i >= g->n_members)
		return false;
	show(g, g->members[i], ret);
	return true;
}

bool gossip_find(const struct gossip *g, uint64_t id, struct gossip_member *ret)
{
	const struct member *m = member_find(g, id);

	if (m)
		show(g, m, ret);
	return m != NULL;
}

static uint8_t common_version(const struct gossip *g)
{
	uint8_t min = 0, max = UINT8_MAX;

	for (size_t i = 0; i < g->n_members; i++) {
		const struct member *m = g->members[i];

		if (m != g->self && m->status != MEMBER_ALIVE)
			continue;
		min = m->speaks_min > min ? m->speaks_min : min;
		max = m->speaks_max < max ? m->speaks_max : max;
	}
	return min <= max ? max : 0;
}

void gossip_self(const struct gossip *g, struct gossip_self *ret)
{
	*ret = (struct gossip_self){.epoch = g->self->epoch,
		.incarnation = g->self->incarnation,
		.left = g->has_left,
		.alone = g->alone,
		.unheard = g->unheard,
		.accused = is_set(g->accused_at) &&
			   !passed(g->accused_at, g->ticked_for, g->silent_us + PROBED_US),
		.lagging = suspicion_is_lagging(g, g->ticked_for),
		.speaks = common_version(g)};
}

void gossip_stats(const struct gossip *g, struct gossip_stats *ret)
{
	*ret = g->stats;
}

/* One node: the process (gossip, election, and what the daemon does between them), its disk, its clocks
 * and its kernel's addresses. */
#ifndef SIM_NODE_H
#define SIM_NODE_H

#include "sim.h"

enum {
	NODE_RECORD = 1, /* as in src/cluster_kinds.h */
	NODE_CLAIMS = 2,
	NODE_HEALTH = 16,
	NODE_VOTER = 1,
	NODE_SERVER = 2,
	NODE_BAN = 3,
};

void node_init(struct sim *s, struct node *node, uint32_t index);
void node_release(struct node *node);

/* --- life --- */

void node_start(struct sim *s, struct node *node);
void node_kill(
	struct sim *s, struct node *node, bool host); /* host: all of it, and nobody is told */
void node_stop(struct sim *s, struct node *node, bool for_good); /* TERM, or `leave` */
void node_exit(struct sim *s, struct node *node, uint32_t run);
void node_pause(struct sim *s, struct node *node);
void node_resume(struct sim *s, struct node *node);
void node_forget_disk(struct node *node);

/* --- what comes in --- */

void node_input(struct sim *s, struct node *node, const struct gossip_addr *from, uint64_t sender,
	bool addressed, struct span payload);
void node_tick(struct sim *s, struct node *node);
void node_lifeline(struct sim *s, struct node *node, uint64_t id, bool open);

/* --- what operators and servers do --- */

void node_set_item(struct sim *s, struct node *node, uint32_t key, uint32_t life_ms);
void node_set_items(struct sim *s, struct node *node, uint32_t first, uint32_t n);
void node_say(struct sim *s, struct node *node, uint32_t key, uint32_t bytes);
void node_forget(struct sim *s, struct node *node, struct node *gone);
void node_set_digest(struct sim *s, struct node *node, uint8_t digest);
void node_move(struct sim *s, struct node *node, uint32_t vip, uint32_t to);

/* --- vip.c: the election and the kernel's addresses --- */

bool vip_start(struct sim *s, struct node *node, bool resumed);
void vip_event(struct sim *s, struct node *node, const struct gossip_event *event);
void vip_drain(struct sim *s, struct node *node);
void vip_look(struct sim *s, struct node *node); /* alone or unheard */
void vip_resume(struct sim *s, struct node *node, uint64_t paused_us);
void vip_tell(struct sim *s, struct node *node, uint64_t id); /* of a member */
void vip_renew(struct sim *s, struct node *node, uint32_t run);
void vip_gateway(struct sim *s, struct node *node, uint32_t run);
bool vip_is_on(const struct sim *s, const struct node *node, uint32_t vip); /* it answers for it */

/* --- lifeline.c: TCP connections whose end is told --- */

void lifeline_want(struct sim *s, struct node *observer, uint64_t id, bool wanted);
void lifeline_event(struct sim *s, uint32_t observer, uint32_t target, uint32_t generation);
void lifeline_ended(
	struct sim *s, struct node *target); /* its process is gone, its kernel says so */
void lifeline_lost(struct sim *s, struct node *observer); /* its own process is gone */

/* After a call into gossip or elect: acts on all that came of it. */
void node_drain(struct sim *s, struct node *node);

static inline struct mono node_mono(const struct sim *s, const struct node *node)
{
	return (struct mono){s->now + node->mono_us};
}

static inline struct gossip_time node_time(const struct sim *s, const struct node *node)
{
	return (struct gossip_time){node_mono(s, node),
		(uint64_t)(INT64_C(1800000000000) + node->wall_ms) + s->now / 1000};
}

#endif

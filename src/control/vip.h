/* The virtual addresses of this node: lib/elect decides, lib/vipaddr puts them on the interface and announces them,
 * the cluster carries claims and messages. An address that is held has a lifetime of VIP_LEASE_S in the kernel, renewed
 * every VIP_RENEW_MS only while lib/elect says so and the workers' loops make progress: whatever happens to this
 * process, the kernel takes it away.
 *
 * Rules and times: doc/failover.md. owner: control; thread: control. */
#ifndef CONTROL_VIP_H
#define CONTROL_VIP_H

#include "config/config.h"
#include "control/control.h"
#include "elect/elect.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum {
	VIP_LEASE_S = 2,
	VIP_RENEW_MS = 500,
	VIP_STUCK_MS =
		1000, /* a worker that passed through its loop no more for so long is stuck */
};

struct vip;

/* A balancer: after cluster_new() and the items that were kept, before cluster_start(). Sweeps what a former run left.
 * NULL: `why` says what was refused (no such interface, a missing capability). A node without vips needs none. */
struct vip *vip_new(struct control *c, char *why, size_t why_size);

/* One process of this node after the other (doc/decisions/013). The earlier one writes what it holds and lets it stand:
 * it renews nothing and takes nothing away any more. The next one is made by vip_new_later(), which sweeps and decides
 * nothing, and goes on with that when the earlier one is silent, after cluster_start(). Nothing, or what is malformed: as at a
 * start. */
enum { VIP_CARRY_MAX = ELECT_CARRY_MAX + 2 + 32 * ELECT_VIPS_MAX };
size_t vip_carry(const struct vip *v, uint8_t ret[VIP_CARRY_MAX]);
void vip_hand_over(struct vip *v);
struct vip *vip_new_later(struct control *c, char *why, size_t why_size);
void vip_join(struct vip *v, struct span carried);

/* Lets go of what is still held: of an orderly end vip_stop() comes first. NULL is allowed. */
void vip_free(struct vip *v);

/* Hands everything over, then calls `done` once, from the loop; within 2 x silent_ms. With `for_good` this node stops
 * being a voter. A second call waits for the same end, and is told at once where that has come. */
void vip_stop(struct vip *v, bool for_good, void (*done)(void *arg), void *arg);

/* A reload: the addresses in `peers` are others from now on. A new one counts as a voter until more is known of it. */
void vip_set_peers(struct vip *v, const struct config_cluster *conf);

/* Strikes a voter off, by its node's name or, if it was never heard, by its address in `peers`. The member itself is
 * struck off by cluster_forget(). Returns ELECT_STRUCK, or why not. */
enum elect_order vip_forget(struct vip *v, const char *name);

/* Moves an address, and calls `wait.cb` when that has ended, maybe before it returns. Only for ELECT_STARTED. */
struct vip_wait {
	void (*cb)(void *arg, bool ok, const char *text);
	void *arg;
};
enum elect_order vip_move(struct vip *v, size_t slot, const char *node, struct vip_wait wait);
void vip_move_cancel(struct vip *v, void *arg); /* that waiter is called no more */

/* --- what to show --- */

void vip_quorum(const struct vip *v, struct elect_quorum *ret);

struct vip_view {
	const struct config_vip *conf;
	const char *address; /* without its prefix */
	const char *owner;   /* a node's name; NULL: nobody */
	uint64_t term;
	uint64_t since_wall_us; /* of this owner */
	bool mine, pinned, moving, contested;
	uint64_t taken, dropped; /* how often this node did, since it started */
	uint64_t moves;		 /* changes of its owner that this node saw */
	const char *warning;	 /* NULL: none */
};

size_t vip_count(const struct vip *v); /* NULL: none */
bool vip_find(
	const struct vip *v, const char *address, size_t *ret); /* with or without its prefix */
void vip_view(const struct vip *v, size_t i, struct vip_view *ret);

/* The members of `show cluster json`; NULL: out of memory. Of a node without vips: vip_seen.h. */
json_t *vip_json(const struct vip *v);
json_t *vip_view_json(const struct vip_view *view);
json_t *vip_quorum_json(const struct vip *v);

#endif

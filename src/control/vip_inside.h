/* What the files of the virtual addresses share among themselves; others use vip.h.
 * owner: control; thread: control. */
#ifndef CONTROL_VIP_INSIDE_H
#define CONTROL_VIP_INSIDE_H

#include "base/mono.h"
#include "control/vip.h"
#include "elect/elect.h"
#include "net/addr.h"
#include "vipaddr/vipaddr.h"

#include <string.h>

enum { VIP_TEXT_MAX = 64, VIP_WAITERS_MAX = 16, VIP_SAY_AGAIN_MS = 10000 };

/* One virtual address. */
struct vip_slot {
	const struct config_vip *conf;
	struct vipaddr_ip ip;
	char text[VIP_TEXT_MAX]; /* without the prefix: "10.10.10.100" */
	struct vipaddr_link link;
	bool has_link;
	bool held;
	bool foreign; /* somebody else put it on an interface of this machine: it is never taken away */
	char warning[192];

	/* The schedule of announcements: step counts those that were sent. */
	unsigned announce_step;
	struct mono announce_at;
	struct mono put_at;	   /* when its lease was last renewed */
	struct mono put_back_at;   /* not before, after somebody took it away */
	struct mono delete_at;	   /* handed over: it goes from the interface then; 0: no */
	struct mono contradict_at; /* another host announced it: announced once more then; 0: no */
	struct mono say_at;	   /* what keeps happening is said again then */

	uint64_t taken, dropped, moves;
	uint64_t since_wall_us;
};

struct vip_gateway {
	struct vipaddr_ip ip;
	struct vipaddr_link link;
	bool known;
	struct mono resolve_at;
};

/* How one worker's loop gets on. */
struct vip_worker {
	uint64_t loops;
	struct mono moved_at;
	bool stuck;
};

/* Who waits for the end of a stop: a `leave`, and a stop of the process besides. */
enum { VIP_STOPS_MAX = 2 };

struct vip_waiter {
	size_t slot;
	void (*cb)(void *arg, bool ok, const char *text); /* NULL: free */
	void *arg;
};

struct vip {
	struct control *control;
	struct elect *elect;
	struct vipaddr *addrs;
	struct vip_slot *slots;
	size_t n_slots;
	struct vip_worker *workers;
	struct vip_gateway gateway;
	struct elect_peer *peers;
	char (*peer_texts)[ADDR_TEXT_MAX];

	struct event *timer, *news;
	struct mono armed, renew_at, poll_at;
	uint64_t boot_us; /* CLOCK_BOOTTIME when this was last awake */
	uint64_t
		pause_us; /* that nobody need have noticed; after a longer one others may own what this node holds */
	uint32_t poll_ms;
	bool alone_kept; /* what the file says */

	bool stopped;
	struct {
		void (*done)(void *arg); /* NULL: free */
		void *arg;
	} stops[VIP_STOPS_MAX];
	struct vip_waiter waiters[VIP_WAITERS_MAX];
};

static inline struct vipaddr_ip vip_ip_of(const struct addr *a)
{
	struct vipaddr_ip ip = {{[10] = 0xff, [11] = 0xff}};

	if (a->family == AF_INET)
		memcpy(ip.bytes + 12, a->ip, 4);
	else
		memcpy(ip.bytes, a->ip, sizeof(ip.bytes));
	return ip;
}

static inline struct elect_addr vip_elect_addr(const struct addr *a)
{
	struct elect_addr ret = {.port = a->port};
	struct vipaddr_ip ip = vip_ip_of(a);

	memcpy(ret.ip, ip.bytes, sizeof(ret.ip));
	return ret;
}

/* --- vip.c --- */

/* Before every call into lib/elect: reads the clock, and lets go of everything first if this process was paused. */
struct mono vip_enter(struct vip *v);

/* After it: does what came of it, and arms the timer. */
void vip_done(struct vip *v, struct mono now);

/* --- vip_orders.c --- */

/* What this node holds, for nodes that have no virtual addresses themselves. */
void vip_publish(struct vip *v);

/* One order of lib/elect. May call into it again: what comes of that is among its next orders. */
void vip_carry_out(struct vip *v, const struct elect_event *e, struct mono now);

/* --- vip_cluster.c --- */

/* Tells lib/elect what is known of the cluster, and from then on what is new. */
void vip_listen(struct vip *v, struct mono now);
void vip_tell_voters(struct vip *v, struct mono now); /* all that are known */

/* --- vip_carry.c --- */

/* What vip_carry() wrote, before vip_begin(); false: malformed, and nothing of it was taken. */
bool vip_carried(struct vip *v, struct mono now, struct span carried);

/* --- vip_hold.c: addresses on interfaces --- */

bool vip_hold_open(struct vip *v, char *why, size_t why_size);

/* Takes away what a former run left, but not what is held. */
bool vip_hold_sweep(struct vip *v, char *why, size_t why_size);

/* An earlier process of this node put it there. */
void vip_hold_resume(struct vip *v, struct vip_slot *s, struct mono now);
bool vip_hold_add(struct vip *v, struct vip_slot *s, struct mono now);
void vip_hold_drop(struct vip *v, struct vip_slot *s);

/* Another node has it on its interface and said so: it goes from ours a moment later, so that what is on its way here
 * still arrives. */
void vip_hold_hand_over(struct vip *v, struct vip_slot *s, struct mono now);
bool vip_hold_is_handing_over(const struct vip *v);
void vip_hold_announce(struct vip *v, struct vip_slot *s, struct mono now); /* from the start */

/* Renews the leases; what cannot be renewed is told to lib/elect. */
void vip_hold_renew(struct vip *v, struct mono now);

/* Sends announcements that are due; returns when the next one is. */
struct mono vip_hold_due(struct vip *v, struct mono now);

/* What the kernel and the neighbours say. */
void vip_hold_news(struct vip *v, struct mono now);

/* --- vip_watch.c: what decides whether anything may be held --- */

void vip_watch_workers(struct vip *v, struct mono now);
void vip_watch_standing(struct vip *v, struct mono now);
void vip_watch_servers(struct vip *v, struct mono now); /* how many this node reaches */
void vip_watch_alone(struct vip *v);	 /* keeps on disk whether this node serves alone */
bool vip_watch_was_alone(struct vip *v); /* before, and the machine was not booted since */
bool vip_gateway_find(struct vip *v, struct mono now);
void vip_gateway_ask(struct vip *v, struct mono now);
uint64_t vip_boot_us(void);

#endif

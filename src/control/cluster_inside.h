/* What the files of the cluster share among themselves; others use cluster.h.
 * owner: control; thread: control. */
#ifndef CONTROL_CLUSTER_INSIDE_H
#define CONTROL_CLUSTER_INSIDE_H

#include "control/cluster.h"
#include "control/cluster_agree.h"
#include "control/cluster_keys.h"
#include "control/cluster_lifeline.h"
#include "control/cluster_node.h"
#include "control/cluster_socket.h"
#include "gossip/gossip.h"
#include "seal/seal.h"

/* A member as it was when it was last asked for, with texts of its own. */
struct cluster_entry {
	struct cluster_member m;
	char name[GOSSIP_NAME_MAX + 1];
	char version[GOSSIP_VERSION_MAX + 1];
	struct cluster_node node; /* n_keys 0: it has said nothing yet */
	uint64_t news;		  /* it is as of then */
};

enum { CLUSTER_GONE = 8 };

struct cluster_gone {
	uint64_t id;
	char name[GOSSIP_NAME_MAX + 1];
};

/* What is said at most once a minute, and how often it was held back. */
struct cluster_said {
	struct mono again;
	uint64_t held_back;
};

struct cluster_subscriber {
	const struct cluster_hooks *hooks;
	void *arg;
};

struct cluster {
	struct cluster_setup setup;
	const struct config_cluster *conf;
	uint64_t id, cluster_id;
	struct gossip *gossip;
	struct cluster_keys *keys; /* these three: NULL without a cluster */
	struct cluster_socket *socket;
	struct lifelines *lifelines;
	uint64_t line_id; /* whose lifeline ended last, and when */
	struct mono line_ended;

	struct event *readable, *timer, *second, *settle;
	struct mono deadline; /* lib/gossip's, that the timer is set for */
	struct mono armed;    /* when the timer is to fire, unless that was told as late already */
	bool started, settling;

	struct cluster_subscriber subscribers[CLUSTER_SUBSCRIBERS_MAX];
	unsigned n_subscribers;
	struct cluster_node node; /* what this node says of itself */

	/* cluster_members.c */
	struct cluster_entry *entries; /* GOSSIP_MEMBERS_MAX */
	size_t n_entries;
	struct cluster_agree_log agree;
	bool unsure; /* a member or its digest has changed: do they agree? */
	struct cluster_gone
		gone[CLUSTER_GONE]; /* names of who was struck off lately, for the log */
	unsigned n_gone;
	uint64_t
		news; /* something may have changed: an entry of earlier news is read anew when asked for */
	bool reorder; /* who is there has changed, or a name */

	/* cluster_count.c */
	uint64_t packets_in, bytes_in, packets_out, bytes_out, send_errors;
	uint64_t refused[SEAL_REFUSALS];
	struct cluster_said said[SEAL_REFUSALS], said_lag, said_size;
	uint64_t lag_us[2]; /* the longest of this minute and of the one before */
	struct mono lag_turn;
};

/* --- cluster.c --- */

/* Reads the clocks, and tells lib/gossip if this node's loop came late. Before every call into it. */
struct gossip_time cluster_enter(struct cluster *cl);

/* Sends what came of the call, and has the hooks run from the loop. After every call into it. */
void cluster_done(struct cluster *cl, struct gossip_time t);

/* `epoch` 0: the next one of this node. NULL: out of memory. */
struct gossip *cluster_gossip_new(struct cluster *cl, uint64_t epoch);

/* --- cluster_members.c --- */

void cluster_entries_refresh(struct cluster *cl);			   /* all of them */
struct cluster_entry *cluster_entry_find(struct cluster *cl, uint64_t id); /* NULL: nobody */
const char *cluster_gone_name(
	const struct cluster *cl, uint64_t id); /* of one that was struck off */
struct addr cluster_addr_from(const struct gossip_addr *a);
struct gossip_addr cluster_addr_to(const struct addr *a);

/* --- cluster_count.c --- */

void cluster_count_refused(struct cluster *cl, enum seal_refusal cause, const struct addr *from,
	struct span datagram, struct mono now);
/* `error`: why; of n bytes. */
void cluster_count_unsent(struct cluster *cl, int error, const struct addr *to, size_t n);
void cluster_count_lag(struct cluster *cl, uint64_t lag_us, struct mono now);

/* --- cluster_events.c --- */

/* Acts on one event, and tells the subscribers. */
void cluster_dispatch(struct cluster *cl, const struct gossip_event *e);

#endif

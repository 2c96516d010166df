/* Whether live members that do the same work have equal configurations, by the digests they say (config/digest.h).
 * owner: cluster.c; thread: control. */
#ifndef CONTROL_CLUSTER_AGREE_H
#define CONTROL_CLUSTER_AGREE_H

#include "control/cluster.h"

struct cluster_agreement {
	unsigned digests; /* different ones; 0 and 1: they agree */
	char text[320];	  /* "lb-01, lb-02 have 1f…, lb-03 has 8c…" */
};

enum cluster_work {
	CLUSTER_WORK_BALANCER, /* may own virtual addresses */
	CLUSTER_WORK_PASSES,   /* passes TLS through without */
	CLUSTER_WORK_BACKEND,
	CLUSTER_WORKS
};
const char *cluster_work_word(enum cluster_work work); /* "balancers" */

void cluster_agreement(struct cluster *cl, enum cluster_work work, struct cluster_agreement *ret);

/* Logs it when it has changed. */
struct cluster_agree_log {
	char said[CLUSTER_WORKS][320];
};
void cluster_agree_check(struct cluster *cl, struct cluster_agree_log *log);

#endif

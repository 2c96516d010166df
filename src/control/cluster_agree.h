/* Whether live members of one role have equal configurations, by the digests they say (config_digest.h).
 * owner: cluster.c; thread: control. */
#ifndef CONTROL_CLUSTER_AGREE_H
#define CONTROL_CLUSTER_AGREE_H

#include "control/cluster.h"

struct cluster_agreement {
	unsigned digests; /* different ones; 0 and 1: they agree */
	char text[320];	  /* "lb-01, lb-02 have 1f…, lb-03 has 8c…" */
};

void cluster_agreement(struct cluster *cl, bool balancers, struct cluster_agreement *ret);

/* Logs it when it has changed. */
struct cluster_agree_log {
	char said[2][320]; /* by role */
};
void cluster_agree_check(struct cluster *cl, struct cluster_agree_log *log);

#endif

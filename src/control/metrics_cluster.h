/* The metrics of the cluster and its virtual addresses, a part of metrics.h. Without a cluster they tell of this node
 * alone. thread: control. */
#ifndef CONTROL_METRICS_CLUSTER_H
#define CONTROL_METRICS_CLUSTER_H

#include "control/control.h"
#include "expo/expo.h"

void metrics_cluster_write(const struct control *c, struct expo *out, enum expo_format format);

#endif

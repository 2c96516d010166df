/* The metrics of the cluster, a part of metrics.h; nothing where there is no cluster. thread: control. */
#ifndef CONTROL_METRICS_CLUSTER_H
#define CONTROL_METRICS_CLUSTER_H

#include "control/control.h"
#include "expo/expo.h"

void metrics_cluster_write(const struct control *c, struct expo *out, enum expo_format format);

#endif

/* The Prometheus (and OpenMetrics) exposition of everything that is counted: names aegislb_*, base units, documented in
 * doc/metrics.md. No label takes a client-chosen value: listener, backend, server, worker, cause and state only.
 * thread: control. */
#ifndef CONTROL_METRICS_H
#define CONTROL_METRICS_H

#include "control/control.h"
#include "expo/expo.h"

void metrics_write(const struct control *c, struct expo *out, enum expo_format format);

#endif

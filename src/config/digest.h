/* A number that is equal where two nodes' configurations agree in what should be equal: the listeners without their
 * `bind`, the backends, and of the cluster its name, profile, quorum and virtual addresses without their interfaces
 * (which are named differently on different machines). Listeners and backends are compared as they are written: the
 * order of keys, the kind of brackets and how a duration is written do not matter, a default that is spelt out does.
 *
 * Its last bit says whether some listener passes TLS through: such nodes have no reason to be equal to those that
 * terminate it. */
#ifndef CONFIG_DIGEST_H
#define CONFIG_DIGEST_H

#include "config/config.h"

#include <libconfig.h>

enum { CONFIG_DIGEST_PASSES = 1 };

uint64_t config_digest(const struct config *c, const config_setting_t *root);

#endif

/* The `cluster` group of the configuration. */
#ifndef CONFIG_CLUSTER_H
#define CONFIG_CLUSTER_H

#include "config/read.h"

/* To a struct config_cluster. */
void config_read_cluster(struct config_reader *r, const config_setting_t *s, void *to);

#endif

/* What a reload cannot change: said with its place in the file, instead of half done. */
#ifndef CONFIG_RESTART_H
#define CONFIG_RESTART_H

#include "config/say.h"

/* Compares what was read with r->running. */
void config_restart_check(struct config_reader *r, const config_setting_t *root);

/* What an upgrade cannot change of the group `cluster`, as a text to compare: malloc'd; NULL: out of memory. */
char *config_cluster_text(const struct config *config);

#endif

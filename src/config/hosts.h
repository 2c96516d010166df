/* Builds the table by which a listener of mode = "http" finds its routes: for each pattern of host names
 * its routes, the longest path first, and the next less exact pattern. */
#ifndef CONFIG_HOSTS_H
#define CONFIG_HOSTS_H

#include "config/read.h"

/* `routes` is the setting that l->routes were read from. Two routes that claim the same name and path
 * are an error. */
void config_build_hosts(
	struct config_reader *r, const config_setting_t *routes, struct config_listener *l);

#endif

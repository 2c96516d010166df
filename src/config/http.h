/* Reads one listener of mode = "http", and builds its table of hosts and paths. */
#ifndef CONFIG_HTTP_H
#define CONFIG_HTTP_H

#include "config/read.h"

/* *l holds the defaults. The backends of r->config must have been read. */
void config_read_http_listener(
	struct config_reader *r, const config_setting_t *s, struct config_listener *l);

#endif

/* Reads one listener: what it listens on, its limits, its routes and the table of their names. */
#ifndef CONFIG_LISTENER_H
#define CONFIG_LISTENER_H

#include "config_read.h"

/* To a struct config_listener. The backends of r->config must have been read: routes name them. */
void config_read_listener(struct config_reader *r, const config_setting_t *s, void *to);

#endif

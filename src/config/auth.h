/* Reads a route's `auth`: who may ask. */
#ifndef CONFIG_AUTH_H
#define CONFIG_AUTH_H

#include "config/read.h"

/* To a struct config_auth. */
void config_read_auth(struct config_reader *r, const config_setting_t *s, void *to);

#endif

/* Reads the tls group of a listener, its certificates with it. */
#ifndef CONFIG_TLS_H
#define CONFIG_TLS_H

#include "config/read.h"

/* To a const struct config_tls *. */
void config_read_tls(struct config_reader *r, const config_setting_t *s, void *to);

#endif

/* Reads a route's `compress`: true, or a group that says more. */
#ifndef CONFIG_COMPRESS_H
#define CONFIG_COMPRESS_H

#include "config/read.h"

/* To a struct config_compress. */
void config_read_compress(struct config_reader *r, const config_setting_t *s, void *to);

#endif

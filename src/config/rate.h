/* Reads a route's rate limit on requests. */
#ifndef CONFIG_RATE_H
#define CONFIG_RATE_H

#include "config/read.h"

/* `store` of any rate limit: "local", which is all there is yet. */
void config_read_rate_store(struct config_reader *r, const config_setting_t *s, void *to);

/* To a struct config_request_limit. */
void config_read_request_limit(struct config_reader *r, const config_setting_t *s, void *to);

#endif

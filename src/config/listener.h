/* Reads one listener: what it listens on, its limits, its routes and the table of their names. */
#ifndef CONFIG_LISTENER_H
#define CONFIG_LISTENER_H

#include "config/read.h"

/* To a struct config_listener. The backends of r->config must have been read: routes name them. */
void config_read_listener(struct config_reader *r, const config_setting_t *s, void *to);

/* --- what listeners of both modes share --- */

enum {
	CONFIG_BINDS_MAX = 64,
	CONFIG_PREFIXES_MAX = 1024,
	/* An access record carries the route's index in 16 bits, with a sign. */
	CONFIG_ROUTES_MAX = 32767,
	CONFIG_HOST_NAMES_MAX = 65535,
};

extern const struct config_word config_modes[];

/* To a struct config_rate_limit. */
void config_read_rate_limit(struct config_reader *r, const config_setting_t *s, void *to);

/* To an int: the index of the backend that the setting names. */
void config_read_backend_name(struct config_reader *r, const config_setting_t *s, void *to);

/* The name in the form that is compared; nothing where it is none. What is wrong with its form as such
 * is found when it joins the listener's table. */
void config_read_host_name(
	struct config_reader *r, const config_setting_t *s, const char *expected, const char **to);

#endif

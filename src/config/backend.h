/* Reads one backend: how it is balanced and checked, and its servers. */
#ifndef CONFIG_BACKEND_H
#define CONFIG_BACKEND_H

#include "config/read.h"

#define CONFIG_BACKENDS_EXPECTED "a list of backends: backends = ( { ... } );"

/* To a struct config_backend. */
void config_read_backend(struct config_reader *r, const config_setting_t *s, void *to);

#endif

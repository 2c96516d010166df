/* Checks what no single key can tell: names and addresses given twice, backends that nothing uses. */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

#include "config/say.h"

/* r->config is filled from `root`; what could not be read there is zero and passed over. */
void config_check(struct config_reader *r, const config_setting_t *root);

#endif

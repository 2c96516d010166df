/* From text to libconfig's tree, with libconfig's complaints told so that a person finds the spot. */
#ifndef CONFIG_PARSE_H
#define CONFIG_PARSE_H

#include "config/errors.h"
#include "config/text.h"

#include <libconfig.h>
#include <stdbool.h>

/* `parsed` was initialized by config_init(), and is the caller's to destroy in either case. False: one error was
 * added; libconfig stops at the first of its kind. */
bool config_parse(const struct config_text *text, config_t *parsed, struct config_errors *errors);

#endif

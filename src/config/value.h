/* Single values of the configuration: from the text of one to what it means. Pure; any thread. */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include "config/config.h"

/* "500ms", "5s", "1m", "1h", "365d": a whole number and its unit, or "0". False where it is anything else, or
 * longer than CONFIG_DURATION_MAX_MS. */
bool config_duration(const char *text, uint64_t *ret_ms);

enum { CONFIG_DAY_MS = 24 * 60 * 60 * 1000 };
#define CONFIG_DURATION_MAX_MS (3650 * (uint64_t)CONFIG_DAY_MS)

/* "200" or "200-299", within 100 … 599. */
bool config_status_range(const char *text, struct config_status_range *ret);

/* Three or four octal digits: "0660". */
bool config_file_mode(const char *text, unsigned *ret_mode);

/* What HAProxy's tools can carry as the name of a listener, backend or server: 1 … CONFIG_NAME_MAX of letters,
 * digits, '-', '_', '.' and ':'. */
enum { CONFIG_NAME_MAX = 63 };
bool config_name(const char *text);

#endif

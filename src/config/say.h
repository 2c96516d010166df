/* Says what is wrong with a setting: where it stands, what was found, what was expected. */
#ifndef CONFIG_SAY_H
#define CONFIG_SAY_H

#include "config/config.h"
#include "config/errors.h"
#include "config/text.h"

#include <libconfig.h>

/* What reading a configuration works on. owner: config_load(), for its call. */
struct config_reader {
	struct config *config; /* what is being filled */
	const struct config_text *text;
	struct config_errors *errors;
	const struct config *running; /* NULL: this is a start */
};

/* FILE:LINE: PATH: and the words of fmt. */
void config_error(struct config_reader *r, const config_setting_t *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void config_warning(struct config_reader *r, const config_setting_t *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* FILE:LINE: PATH: found SO-AND-SO; expected … */
void config_error_found(struct config_reader *r, const config_setting_t *at, const char *expected);

/* The same with the reason why what was found will not do: found SO-AND-SO: WHY; expected … */
void config_error_why(
	struct config_reader *r, const config_setting_t *at, const char *why, const char *expected);

/* FILE:LINE: PATH.KEY: missing; expected … */
void config_error_missing(struct config_reader *r, const config_setting_t *group, const char *key,
	const char *expected);

struct config_place config_place_of(const struct config_reader *r, const config_setting_t *s);

/* `text` in quotes, cut where it is very long, control bytes as \xNN: what a message may show. */
enum { CONFIG_QUOTED_MAX = 128 };
const char *config_quoted(const char *text, char buf[CONFIG_QUOTED_MAX]);

#endif

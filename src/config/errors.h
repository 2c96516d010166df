/* What is wrong with a configuration, collected while it is read and told in the order of its lines.
 *
 * Every message is `FILE:LINE: text`. Collecting cannot fail but for memory, which ends the process: this runs
 * at start, and at reload for some kilobytes. Thread: the caller's. */
#ifndef CONFIG_ERRORS_H
#define CONFIG_ERRORS_H

#include "config/load.h"

#include <stdarg.h>
#include <stddef.h>

enum config_severity { CONFIG_WARNING, CONFIG_ERROR };

/* Where something stands: `order` counts lines through all included files in reading order, from 1. */
struct config_place {
	const char *file;
	unsigned line; /* 0: the file as a whole */
	unsigned order;
};

struct config_message {
	char *text;
	unsigned order, number;
	enum config_severity severity;
};

/* owner: config_load(); zeroed is empty. */
struct config_errors {
	struct config_message *messages;
	size_t n_messages;
	size_t n_errors;
	size_t n_unsaid; /* beyond CONFIG_MESSAGES_MAX */
};

enum { CONFIG_MESSAGES_MAX = 1000 };

void config_errors_add(struct config_errors *e, enum config_severity severity,
	struct config_place at, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void config_errors_vadd(struct config_errors *e, enum config_severity severity,
	struct config_place at, const char *fmt, va_list ap) __attribute__((format(printf, 4, 0)));

/* Sorts the messages into the report, which owns them from then on; e is empty afterwards. */
void config_errors_report(struct config_errors *e, struct config_report *ret);

#endif

/* Reads a configuration file: text to struct config, every error found and said in one go.
 *
 * Each error is one line: `FILE:LINE: PATH: what was found; what was expected[; did you mean "x"?]`. */
#ifndef CONFIG_LOAD_H
#define CONFIG_LOAD_H

#include "config/config.h"

#include <stdbool.h>

/* Errors and warnings, in the order found. Texts end without a newline; the list owns them. */
struct config_report {
	char **errors;
	size_t n_errors;
	char **warnings;
	size_t n_warnings;
};

void config_report_release(struct config_report *r);

/* NULL where any error was found: then report->errors says all of them. Fills the report in either case.
 * Does what a start would but for the system: binds nothing, connects nowhere, asks for no local address.
 * The result is owned by the caller: config_free(). */
struct config *config_load(const char *file, struct config_report *report);

/* The same for a reload: what the running configuration cannot change without a restart is an error where it differs. Any
 * thread. */
struct config *config_load_next(
	const char *file, const struct config *running, struct config_report *report);

#endif

/* The text of a configuration: the file and what it includes, as one text in which each line knows where it came
 * from. libconfig then reads that text.
 *
 * Inclusion is done here, because libconfig 1.5 looks for included files in the working directory and loses track of
 * whose line is wrong. `@include "FILE"` stands on a line of its own; FILE is relative to the including file. Refused
 * here, because libconfig would cut them silently: NUL bytes, and numbers beyond 64 bits (those beyond 32 bits are
 * marked as such). A text ends on its line, a bracket has its other half. Bounded: regular files only, CONFIG_TEXT_MAX bytes in all. */
#ifndef CONFIG_TEXT_H
#define CONFIG_TEXT_H

#include "base/span.h"
#include "config/errors.h"

enum {
	CONFIG_TEXT_MAX = 4 << 20,
	CONFIG_INCLUDES_MAX = 10, /* one inside the other */
	CONFIG_NESTING_MAX = 32,  /* brackets inside brackets */
};

struct config_text;

/* NULL where anything is wrong: then `errors` says all of it. Owned by the caller. */
struct config_text *config_text_read(const char *file, struct config_errors *errors);
void config_text_free(struct config_text *t); /* NULL is allowed */

const char *config_text_string(const struct config_text *t);

/* The place and the bytes of a line, counted from 1 through the whole text; a number beyond its end is the last
 * line's. What they return lives as long as t. */
struct config_place config_text_place(const struct config_text *t, unsigned order);
struct span config_text_line(const struct config_text *t, unsigned order);

#endif

/* What the daemon says of itself, fetched as JSON and turned into rows that can be asked by
 * name. */
#ifndef CTL_FACTS_H
#define CTL_FACTS_H

#include "ctl/ask.h"

#include <jansson.h>
#include <stdint.h>

/* owner: the caller, by facts_release(). info is one object, rows an array of objects: name ->
 * value, as in `show info` and `show stat`; health and cluster as in `show health json` and `show cluster json`. */
struct facts {
	json_t *info, *rows, *health, *cluster;
};

enum ask_status facts_fetch(const char *socket, struct facts *ret);
void facts_release(struct facts *f);

/* One JSON answer; said on stderr where there is none. NULL: failed. Returns owned. */
json_t *facts_ask(const char *socket, const char *command, enum ask_status *ret_status);

/* A value by its name: "" and 0 where there is none. */
const char *fact_text(const json_t *object, const char *name);
uint64_t fact_number(const json_t *object, const char *name);

/* How long ago a time of JSON was, in seconds; 0 where it is none. */
uint64_t fact_age(const json_t *object, const char *name);

#endif

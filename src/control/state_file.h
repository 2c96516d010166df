/* The text of state.json: one JSON object a line. Pure.
 *
 *	{"version": 2, "node": "lb-01", "lines": 2}
 *	{"saved_ms": 1764039000200}
 *	{"kind": 2, "key": "admin aegis/aegis-01", "value": "drain", "stamp": 1764039000123, "origin": "91b0…"}
 *	{"here": "admin aegis/aegis-01", "stamp": 1764039000123, "origin": "91b0…", "file": "ready"}
 *
 * The first line, and as many as it says, were written at once; what changes is appended, and the last line about a
 * thing holds. A line that a power cut tore is the last one and has no end: nobody was told that it is kept. An item
 * with a lifetime has "left_ms", counted from the last "saved_ms" before it. Bytes that are not plain ASCII stand in "key_hex" and "value_hex". */
#ifndef CONTROL_STATE_FILE_H
#define CONTROL_STATE_FILE_H

#include "control/cluster.h"
#include "control/truth.h"
#include "expo/expo.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

enum { STATE_VERSION = 2 };

/* Each writes one line. `lines`: how many follow at once. */
void state_file_head(struct expo *e, const char *node, size_t lines);
void state_file_saved(struct expo *e, uint64_t wall_ms);
void state_file_item(struct expo *e, const struct cluster_item *item, struct mono now);
void state_file_here(struct expo *e, const struct truth_here *here);
void state_file_gone(struct expo *e, const char *key); /* nothing is known of it any more */

/* A line that was read. */
enum state_line_kind { STATE_SAVED, STATE_ITEM, STATE_HERE, STATE_GONE };
struct state_line {
	enum state_line_kind kind;
	json_t *json;		  /* what the texts are borrowed from; owned */
	uint64_t saved_ms;	  /* the last that was told, by the wall clock */
	struct cluster_item item; /* without its `until` */
	bool timed;
	uint64_t left_ms;
	struct truth_here here;		  /* of STATE_GONE its key alone */
	uint8_t *key_bytes, *value_bytes; /* of the item, where they came as hex; owned */
};

struct state_file {
	struct state_line *lines;
	size_t n, room;
	bool torn; /* the last line had no end and was left out */
};

/* False: it is not one of ours, not whole, or memory ran out: *ret_why says which. Nothing is to be released then. */
bool state_file_read(FILE *f, struct state_file *ret, const char **ret_why);
void state_file_release(struct state_file *f);

#endif

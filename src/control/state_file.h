/* The text of state.json: items and what this node knows of them, one a line, as JSON. Pure.
 *
 *	{"version": 2, "node": "lb-01", "saved_ms": 1764039000200,
 *	"items": [
 *	{"kind": 2, "key": "admin aegis/aegis-01", "value": "drain", "stamp": 1764039000123, "origin": "91b0…"}],
 *	"here": [
 *	{"key": "admin aegis/aegis-01", "stamp": 1764039000123, "origin": "91b0…", "file": "ready"}]}
 *
 * An item with a lifetime has "left_ms", what was left of it when the file was saved. Bytes that are not plain ASCII stand in "key_hex" and "value_hex". */
#ifndef CONTROL_STATE_FILE_H
#define CONTROL_STATE_FILE_H

#include "control/cluster.h"
#include "control/truth.h"
#include "expo/expo.h"

#include <jansson.h>
#include <stdbool.h>

enum { STATE_VERSION = 2 };

void state_file_text(struct expo *e, struct span text); /* a JSON string */
void state_file_item(struct expo *e, const struct cluster_item *item, struct mono now);
void state_file_here(struct expo *e, const struct truth_here *here);

struct state_file_item {
	struct cluster_item item; /* without its `until` */
	bool timed;
	uint64_t left_ms;			/* when it was saved */
	uint8_t bytes[CLUSTER_VALUE_MAX + 256]; /* of its key and value, where they came as hex */
};

struct state_file_here {
	struct truth_here here;
};

struct state_file {
	struct state_file_item *items;
	size_t n_items;
	struct state_file_here *here;
	size_t n_here;
	uint64_t saved_ms; /* by the wall clock */
};

/* Borrows texts from the JSON. False: not one of ours, not whole, or out of memory; nothing is to be released. */
bool state_file_read(const json_t *all, struct state_file *ret);
void state_file_release(struct state_file *f);

#endif

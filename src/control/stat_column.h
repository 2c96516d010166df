/* One named value of `show stat` or `show info`, with HAProxy's type and tags, and how it is
 * written. Pure. */
#ifndef CONTROL_STAT_COLUMN_H
#define CONTROL_STAT_COLUMN_H

#include "expo/expo.h"

#include <jansson.h>
#include <stdint.h>

enum stat_type { STAT_STR, STAT_U32, STAT_S32, STAT_U64 };

/* Three letters of tags, as in HAProxy's typed output: origin (Metric, Status, Key, Config,
 * Product), nature (Max, Gauge, Limit, Counter, Rate, avg, Age, Duration, Name, Output) and
 * scope (Process, Service). */
struct stat_column {
	const char *name; /* NULL: a position that HAProxy has and we have not */
	enum stat_type type;
	const char *tags;
};

enum stat_kind { STAT_BLANK, STAT_NUMBER, STAT_TEXT };

struct stat_value {
	enum stat_kind kind;
	int64_t number;
	const char *text; /* borrowed */
};

static inline struct stat_value stat_number(uint64_t n)
{
	return (struct stat_value){STAT_NUMBER, (int64_t)n, NULL};
}

static inline struct stat_value stat_text(const char *text)
{
	return (struct stat_value){STAT_TEXT, 0, text};
}

/* The bare value; nothing for a blank. */
void stat_value_plain(const struct stat_value *v, struct expo *out);

/* A cell of CSV and its comma. */
void stat_value_csv(const struct stat_value *v, struct expo *out);

/* ":TAGS:TYPE:VALUE" as it ends a line of HAProxy's typed output. */
void stat_value_typed(const struct stat_column *c, const struct stat_value *v, struct expo *out);

/* Adds field, processNum, tags and value to `item`, in HAProxy's order. The value must not be
 * blank. False: out of memory. */
bool stat_value_json(
	unsigned position, const struct stat_column *c, const struct stat_value *v, json_t *item);

#endif

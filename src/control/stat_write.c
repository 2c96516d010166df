/* The written forms of show stat's rows, and the whole tables for who wants them at once. */
#include "control/stat_row.h"

#include "control/stat.h"

#include <stdlib.h>

/* Between the columns of a row and those of HAProxy's modules stands one cell with a dash,
 * header included. */
static void module_mark(struct expo *out)
{
	expo_str(out, "-,");
}

void stat_header_csv(struct expo *out)
{
	expo_str(out, "# ");
	for (unsigned i = 0; i < STAT_COLUMNS; i++) {
		if (i == STAT_MODULES)
			module_mark(out);
		expo_fmt(out, "%s,", stat_columns[i].name);
	}
	expo_csv_end(out);
}

void stat_row_csv(const struct stat_row *row, struct expo *out)
{
	for (unsigned i = 0; i < STAT_COLUMNS; i++) {
		if (i == STAT_MODULES)
			module_mark(out);
		stat_value_csv(&row->values[i], out);
	}
	expo_csv_end(out);
}

/* HAProxy tags a few columns otherwise on BACKEND rows, where they are sums. */
static struct stat_column column_of(const struct stat_row *row, unsigned id)
{
	struct stat_column c = stat_columns[id];
	bool sum = id == STAT_ACT || id == STAT_BCK || id == STAT_RATE || id == STAT_RATE_MAX;

	if (row->object == STAT_BACKEND && sum)
		c.tags = "MGP";
	return c;
}

void stat_row_typed(const struct stat_row *row, struct expo *out)
{
	static const char letters[] = {
		[STAT_FRONTEND] = 'F', [STAT_BACKEND] = 'B', [STAT_SERVER] = 'S'};

	for (unsigned i = 0; i < STAT_COLUMNS; i++) {
		struct stat_column c = column_of(row, i);

		if (row->values[i].kind == STAT_BLANK)
			continue;
		expo_fmt(out, "%c.%u.%u.%u.%s.1", letters[row->object], row->iid, row->sid, i,
			c.name);
		stat_value_typed(&c, &row->values[i], out);
		expo_char(out, '\n');
	}
	expo_char(out, '\n');
}

static json_t *row_json(const struct stat_row *row)
{
	static const char *const objects[] = {
		[STAT_FRONTEND] = "Frontend", [STAT_BACKEND] = "Backend", [STAT_SERVER] = "Server"};
	json_t *array = json_array();

	for (unsigned i = 0; array && i < STAT_COLUMNS; i++) {
		struct stat_column c = column_of(row, i);
		json_t *item;

		if (row->values[i].kind == STAT_BLANK)
			continue;
		item = json_pack("{s:s,s:i,s:i}", "objType", objects[row->object], "proxyId",
			(int)row->iid, "id", (int)row->sid);
		if (!item || !stat_value_json(i, &c, &row->values[i], item) ||
			json_array_append(array, item) < 0) {
			json_decref(array);
			array = NULL;
		}
		json_decref(item);
	}
	return array;
}

void stat_row_json(const struct stat_row *row, struct expo *out)
{
	json_t *json = row_json(row);
	char *line = json ? json_dumps(json, JSON_COMPACT) : NULL;

	if (line)
		expo_str(out, line);
	else
		out->failed = true;
	free(line);
	json_decref(json);
}

void stat_csv(struct control *c, struct expo *out)
{
	struct stat_cursor at = {0};
	struct stat_row row;

	stat_header_csv(out);
	while (stat_next(c, &stat_all, &at, &row))
		stat_row_csv(&row, out);
}

void stat_json(struct control *c, struct expo *out)
{
	struct stat_cursor at = {0};
	struct stat_row row;
	const char *before = "[";

	while (stat_next(c, &stat_all, &at, &row)) {
		expo_str(out, before);
		stat_row_json(&row, out);
		before = ",";
	}
	expo_str(out, *before == '[' ? "[]" : "]");
}

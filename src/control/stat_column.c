#include "control/stat_column.h"

#include "base/bug.h"

#include <string.h>

static const char *const type_names[] = {
	[STAT_STR] = "str",
	[STAT_U32] = "u32",
	[STAT_S32] = "s32",
	[STAT_U64] = "u64",
};

void stat_value_plain(const struct stat_value *v, struct expo *out)
{
	if (v->kind == STAT_NUMBER)
		expo_fmt(out, "%lld", (long long)v->number);
	else if (v->kind == STAT_TEXT)
		expo_str(out, v->text);
}

void stat_value_csv(const struct stat_value *v, struct expo *out)
{
	if (v->kind == STAT_NUMBER)
		expo_fmt(out, "%lld,", (long long)v->number);
	else if (v->kind == STAT_TEXT)
		expo_csv_text(out, span_str(v->text));
	else
		expo_csv_blank(out);
}

void stat_value_typed(const struct stat_column *c, const struct stat_value *v, struct expo *out)
{
	expo_fmt(out, ":%s:%s:", c->tags, type_names[c->type]);
	stat_value_plain(v, out);
}

static const char *origin_name(char tag)
{
	switch (tag) {
	case 'M':
		return "Metric";
	case 'S':
		return "Status";
	case 'K':
		return "Key";
	case 'C':
		return "Config";
	default:
		return "Product";
	}
}

static const char *nature_name(char tag)
{
	switch (tag) {
	case 'M':
		return "Max";
	case 'G':
		return "Gauge";
	case 'L':
		return "Limit";
	case 'C':
		return "Counter";
	case 'R':
		return "Rate";
	case 'a':
		return "Avg";
	case 'A':
		return "Age";
	case 'D':
		return "Duration";
	case 'N':
		return "Name";
	default:
		return "Output";
	}
}

bool stat_value_json(
	unsigned position, const struct stat_column *c, const struct stat_value *v, json_t *item)
{
	json_t *value = v->kind == STAT_TEXT ? json_string(v->text) : json_integer(v->number);
	json_t *rest;

	BUG_ON(v->kind == STAT_BLANK || strlen(c->tags) != 3);
	rest = json_pack("{s:{s:i,s:s},s:i,s:{s:s,s:s,s:s},s:{s:s,s:o}}", "field", "pos",
		(int)position, "name", c->name, "processNum", 1, "tags", "origin",
		origin_name(c->tags[0]), "nature", nature_name(c->tags[1]), "scope",
		c->tags[2] == 'P' ? "Process" : "Service", "value", "type", type_names[c->type],
		"value", value);
	if (!rest || json_object_update(item, rest) < 0) {
		json_decref(rest);
		return false;
	}
	json_decref(rest);
	return true;
}

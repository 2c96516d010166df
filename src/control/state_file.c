#include "control/state_file.h"

#include <stdlib.h>
#include <string.h>

/* --- writing --- */

static bool is_plain(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] > '~')
			return false;
	return true;
}

static void put_hex(struct expo *e, struct span s)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < s.n; i++) {
		expo_char(e, digits[s.p[i] >> 4]);
		expo_char(e, digits[s.p[i] & 15]);
	}
}

/* Of plain bytes. Most texts have nothing to be escaped: they go out in one piece. */
static void put_text(struct expo *e, struct span text)
{
	size_t from = 0;

	expo_char(e, '"');
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] == '"' || text.p[i] == '\\') {
			expo_span(e, span_of(text.p + from, i - from));
			expo_char(e, '\\');
			from = i;
		}
	expo_span(e, span_of(text.p + from, text.n - from));
	expo_char(e, '"');
}

static void put_bytes(struct expo *e, const char *name, struct span s)
{
	expo_char(e, '"');
	expo_str(e, name);
	if (is_plain(s)) {
		expo_str(e, "\": ");
		put_text(e, s);
		return;
	}
	expo_str(e, "_hex\": \"");
	put_hex(e, s);
	expo_char(e, '"');
}

static void put_number(struct expo *e, const char *name, uint64_t n)
{
	expo_str(e, name);
	expo_u64(e, n);
}

static void put_origin(struct expo *e, uint64_t origin)
{
	uint8_t bytes[8];

	for (unsigned i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(origin >> (56 - 8 * i));
	expo_str(e, ", \"origin\": \"");
	put_hex(e, span_of(bytes, 8));
	expo_char(e, '"');
}

void state_file_head(struct expo *e, const char *node, size_t lines)
{
	put_number(e, "{\"version\": ", STATE_VERSION);
	expo_str(e, ", ");
	put_bytes(e, "node", span_str(node));
	put_number(e, ", \"lines\": ", lines);
	expo_str(e, "}\n");
}

void state_file_saved(struct expo *e, uint64_t wall_ms)
{
	put_number(e, "{\"saved_ms\": ", wall_ms);
	expo_str(e, "}\n");
}

void state_file_item(struct expo *e, const struct cluster_item *item, struct mono now)
{
	put_number(e, "{\"kind\": ", item->kind);
	expo_str(e, ", ");
	put_bytes(e, "key", item->key);
	expo_str(e, ", ");
	put_bytes(e, "value", item->value);
	put_number(e, ", \"stamp\": ", item->stamp);
	put_origin(e, item->origin);
	if (item->until.us)
		put_number(e, ", \"left_ms\": ", mono_diff_us(now, item->until) / 1000);
	expo_str(e, "}\n");
}

void state_file_here(struct expo *e, const struct truth_here *h)
{
	expo_char(e, '{');
	put_bytes(e, "here", span_str(h->key));
	put_number(e, ", \"stamp\": ", h->here.stamp);
	put_origin(e, h->here.origin);
	expo_str(e, ", ");
	put_bytes(e, "file", span_str(h->here.file));
	if (h->here.local) {
		expo_str(e, ", ");
		put_bytes(e, "local", span_str(h->here.local));
	}
	expo_str(e, h->here.overruled ? ", \"overruled\": true}\n" : "}\n");
}

void state_file_gone(struct expo *e, const char *key)
{
	expo_char(e, '{');
	put_bytes(e, "gone", span_str(key));
	expo_str(e, "}\n");
}

/* --- reading --- */

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Bytes written, -1: not hex, or more than fit. */
static int bytes_of_hex(const char *hex, uint8_t *to, size_t room)
{
	size_t n = strlen(hex);

	if (n % 2 || n / 2 > room)
		return -1;
	for (size_t i = 0; i < n; i += 2) {
		int high = digit(hex[i]), low = digit(hex[i + 1]);

		if (high < 0 || low < 0)
			return -1;
		to[i / 2] = (uint8_t)(high << 4 | low);
	}
	return (int)(n / 2);
}

static bool read_origin(const char *hex, uint64_t *ret)
{
	uint8_t bytes[8];

	if (strlen(hex) != 16 || bytes_of_hex(hex, bytes, 8) != 8)
		return false;
	*ret = 0;
	for (unsigned i = 0; i < 8; i++)
		*ret = *ret << 8 | bytes[i];
	return true;
}

/* NAME as it stands, or NAME_hex in memory of its own. */
static bool read_bytes(const json_t *o, const char *name, const char *name_hex, size_t max,
	uint8_t **ret_bytes, struct span *ret)
{
	const char *plain = json_string_value(json_object_get(o, name));
	const char *hex = json_string_value(json_object_get(o, name_hex));
	int n;

	if (plain) {
		*ret = span_str(plain);
		return ret->n <= max;
	}
	*ret_bytes = hex ? malloc(max) : NULL;
	n = *ret_bytes ? bytes_of_hex(hex, *ret_bytes, max) : -1;
	if (n < 0)
		return false;
	*ret = span_of(*ret_bytes, (size_t)n);
	return true;
}

static bool read_item(struct state_line *l)
{
	json_int_t kind, stamp, left = -1;
	const char *origin;

	if (json_unpack(l->json, "{s:I,s:I,s:s,s?I}", "kind", &kind, "stamp", &stamp, "origin",
		    &origin, "left_ms", &left) < 0 ||
		kind < 1 || kind > UINT8_MAX || stamp < 0 ||
		!read_origin(origin, &l->item.origin) || l->item.origin == 0)
		return false;
	l->kind = STATE_ITEM;
	l->item.kind = (uint8_t)kind;
	l->item.stamp = (uint64_t)stamp;
	l->timed = left >= 0;
	l->left_ms = left >= 0 ? (uint64_t)left : 0;
	return read_bytes(l->json, "key", "key_hex", 255, &l->key_bytes, &l->item.key) &&
	       l->item.key.n > 0 &&
	       read_bytes(l->json, "value", "value_hex", CLUSTER_VALUE_MAX, &l->value_bytes,
		       &l->item.value);
}

static bool read_here(struct state_line *l)
{
	struct server_here *h = &l->here.here;
	const char *origin;
	json_int_t stamp;
	int overruled = 0;

	if (json_unpack(l->json, "{s:s,s:I,s:s,s:s,s?s,s?b}", "here", &l->here.key, "stamp", &stamp,
		    "origin", &origin, "file", &h->file, "local", &h->local, "overruled",
		    &overruled) < 0)
		return false;
	l->kind = STATE_HERE;
	h->stamp = (uint64_t)stamp;
	h->overruled = overruled;
	return stamp >= 0 && strlen(l->here.key) <= SERVER_KEY_MAX &&
	       read_origin(origin, &h->origin);
}

static bool read_saved(struct state_line *l)
{
	json_int_t saved = json_integer_value(json_object_get(l->json, "saved_ms"));

	l->kind = STATE_SAVED;
	l->saved_ms = (uint64_t)saved;
	return saved > 0;
}

static bool read_gone(struct state_line *l)
{
	l->kind = STATE_GONE;
	l->here.key = json_string_value(json_object_get(l->json, "gone"));
	return l->here.key != NULL;
}

static bool read_line(struct state_line *l)
{
	if (json_object_get(l->json, "kind"))
		return read_item(l);
	if (json_object_get(l->json, "here"))
		return read_here(l);
	if (json_object_get(l->json, "saved_ms"))
		return read_saved(l);
	return read_gone(l);
}

static bool make_room(struct state_file *f)
{
	size_t room = f->room ? f->room * 2 : 256;
	struct state_line *lines;

	if (f->n < f->room)
		return true;
	lines = calloc(room, sizeof(*lines));
	if (!lines)
		return false;
	if (f->n > 0)
		memcpy(lines, f->lines, f->n * sizeof(*lines));
	free(f->lines);
	f->lines = lines;
	f->room = room;
	return true;
}

static bool add_line(struct state_file *f, const char *text, size_t n)
{
	struct state_line *l;

	if (!make_room(f))
		return false;
	l = &f->lines[f->n];
	*l = (struct state_line){.saved_ms = f->n > 0 ? l[-1].saved_ms : 0};
	l->json = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
	if (!l->json)
		return false;
	f->n++;
	return read_line(l) && l->saved_ms > 0;
}

/* How many lines the head promises; -1: it is none of ours. */
static json_int_t read_head(const char *text, size_t n)
{
	json_t *head = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
	json_int_t version, lines = -1;

	if (head && (json_unpack(head, "{s:I,s:I}", "version", &version, "lines", &lines) < 0 ||
			    version != STATE_VERSION))
		lines = -1;
	json_decref(head);
	return lines;
}

bool state_file_read(FILE *from, struct state_file *ret, const char **ret_why)
{
	struct state_file f = {0};
	char *text = NULL;
	size_t room = 0;
	ssize_t n = getline(&text, &room, from);
	json_int_t promised = n > 0 ? read_head(text, (size_t)n) : -1;
	bool ok = promised >= 0;

	*ret_why = ok ? "not a whole state file" : "not a state file of this version";
	while (ok && (n = getline(&text, &room, from)) > 0) {
		f.torn = text[n - 1] != '\n';
		ok = f.torn || add_line(&f, text, (size_t)n);
	}
	free(text);
	if (ok && !ferror(from) && f.n >= (size_t)promised) {
		*ret = f;
		return true;
	}
	state_file_release(&f);
	return false;
}

void state_file_release(struct state_file *f)
{
	for (size_t i = 0; i < f->n; i++) {
		json_decref(f->lines[i].json);
		free(f->lines[i].key_bytes);
		free(f->lines[i].value_bytes);
	}
	free(f->lines);
}

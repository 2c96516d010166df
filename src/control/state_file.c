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

/* Other bytes than plain ones are replaced: it is for names that are only shown. */
void state_file_text(struct expo *e, struct span text)
{
	expo_char(e, '"');
	for (size_t i = 0; i < text.n; i++) {
		char c = (char)text.p[i];

		if (c == '"' || c == '\\')
			expo_char(e, '\\');
		expo_char(e, c >= ' ' && c <= '~' ? c : '?');
	}
	expo_char(e, '"');
}

static void put_bytes(struct expo *e, const char *name, struct span s)
{
	expo_fmt(e, "\"%s%s\": ", name, is_plain(s) ? "" : "_hex");
	if (is_plain(s)) {
		state_file_text(e, s);
		return;
	}
	expo_char(e, '"');
	put_hex(e, s);
	expo_char(e, '"');
}

void state_file_item(struct expo *e, const struct cluster_item *item, struct mono now)
{
	expo_fmt(e, "{\"kind\": %u, ", item->kind);
	put_bytes(e, "key", item->key);
	expo_str(e, ", ");
	put_bytes(e, "value", item->value);
	expo_fmt(e, ", \"stamp\": %llu, \"origin\": \"%016llx\"", (unsigned long long)item->stamp,
		(unsigned long long)item->origin);
	if (item->until.us)
		expo_fmt(e, ", \"left_ms\": %llu",
			(unsigned long long)mono_diff_us(now, item->until) / 1000);
	expo_char(e, '}');
}

void state_file_here(struct expo *e, const struct truth_here *h)
{
	expo_char(e, '{');
	put_bytes(e, "key", span_str(h->key));
	expo_fmt(e, ", \"stamp\": %llu, \"origin\": \"%016llx\", ",
		(unsigned long long)h->here.stamp, (unsigned long long)h->here.origin);
	put_bytes(e, "file", span_str(h->here.file));
	if (h->here.local) {
		expo_str(e, ", ");
		put_bytes(e, "local", span_str(h->here.local));
	}
	expo_str(e, h->here.overruled ? ", \"overruled\": true}" : "}");
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

/* NAME as it stands, or NAME_hex into `to`. */
static bool read_bytes(const json_t *o, const char *name, const char *name_hex, uint8_t *to,
	size_t room, struct span *ret)
{
	const char *plain = json_string_value(json_object_get(o, name));
	const char *hex = json_string_value(json_object_get(o, name_hex));
	int n;

	if (plain) {
		*ret = span_str(plain);
		return ret->n <= room;
	}
	n = hex ? bytes_of_hex(hex, to, room) : -1;
	if (n < 0)
		return false;
	*ret = span_of(to, (size_t)n);
	return true;
}

static bool read_item(json_t *o, struct state_file_item *ret)
{
	json_int_t kind, stamp, left = -1;
	const char *origin;

	if (json_unpack(o, "{s:I,s:I,s:s,s?I}", "kind", &kind, "stamp", &stamp, "origin", &origin,
		    "left_ms", &left) < 0 ||
		kind < 1 || kind > UINT8_MAX || stamp < 0 ||
		!read_origin(origin, &ret->item.origin) || ret->item.origin == 0)
		return false;
	ret->item.kind = (uint8_t)kind;
	ret->item.stamp = (uint64_t)stamp;
	ret->timed = left >= 0;
	ret->left_ms = left >= 0 ? (uint64_t)left : 0;
	return read_bytes(o, "key", "key_hex", ret->bytes, 255, &ret->item.key) &&
	       ret->item.key.n > 0 &&
	       read_bytes(o, "value", "value_hex", ret->bytes + 256, CLUSTER_VALUE_MAX,
		       &ret->item.value);
}

static bool read_here(json_t *o, struct state_file_here *ret)
{
	struct server_here *h = &ret->here.here;
	const char *origin;
	json_int_t stamp;
	int overruled = 0;

	if (json_unpack(o, "{s:s,s:I,s:s,s:s,s?s,s?b}", "key", &ret->here.key, "stamp", &stamp,
		    "origin", &origin, "file", &h->file, "local", &h->local, "overruled",
		    &overruled) < 0)
		return false;
	h->stamp = (uint64_t)stamp;
	h->overruled = overruled;
	return stamp >= 0 && strlen(ret->here.key) <= SERVER_KEY_MAX &&
	       read_origin(origin, &h->origin);
}

bool state_file_read(const json_t *all, struct state_file *ret)
{
	json_t *items = json_object_get(all, "items"), *here = json_object_get(all, "here");
	struct state_file f = {.n_items = json_array_size(items), .n_here = json_array_size(here)};
	json_int_t saved = json_integer_value(json_object_get(all, "saved_ms"));
	bool ok = json_is_array(items) && json_is_array(here) && saved > 0;

	f.saved_ms = (uint64_t)saved;
	f.items = calloc(f.n_items + 1, sizeof(*f.items));
	f.here = calloc(f.n_here + 1, sizeof(*f.here));
	ok = ok && f.items && f.here;
	for (size_t i = 0; i < f.n_items && ok; i++)
		ok = read_item(json_array_get(items, i), &f.items[i]);
	for (size_t i = 0; i < f.n_here && ok; i++)
		ok = read_here(json_array_get(here, i), &f.here[i]);
	if (!ok) {
		state_file_release(&f);
		return false;
	}
	*ret = f;
	return true;
}

void state_file_release(struct state_file *f)
{
	free(f->items);
	free(f->here);
}

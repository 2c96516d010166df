#include "config/compress.h"

#include "http/bytes.h"

#include <string.h>

enum { TYPES_MAX = 64, TYPE_LEN_MAX = 127, MIN_LENGTH_MAX = 1 << 30 };

#define TYPE_EXPECTED "a media type such as \"application/json\" or \"text/*\""

static const char *const default_types[] = {"text/*", "application/json", "application/*+json",
	"application/javascript", "application/xml", "application/*+xml", "application/wasm",
	"application/manifest+json", "image/svg+xml", "font/ttf", "font/otf"};

static void read_type(struct config_reader *r, const config_setting_t *s, void *to)
{
	const char *type = config_read_text(r, s, TYPE_LEN_MAX, TYPE_EXPECTED);
	const char *slash = type ? strchr(type, '/') : NULL;

	if (!type)
		return;
	if (slash && slash > type && slash[1] && !strchr(slash + 1, '/') &&
		http_is_all(span_of(type, (size_t)(slash - type)), HTTP_BYTE_TOKEN) &&
		http_is_all(span_str(slash + 1), HTTP_BYTE_TOKEN))
		memcpy(to, &type, sizeof(type));
	else
		config_error_found(r, s, TYPE_EXPECTED);
}

static const struct config_key compress_keys[] = {
	{.name = "types",
		.type = CONFIG_LIST,
		.read = read_type,
		.min = 1,
		.max = TYPES_MAX,
		.expected = "a list of media types such as [\"text/*\", \"application/json\"]",
		CONFIG_ELEMENTS(config_compress, types, n_types)},
	CONFIG_KEY_NUMBER("min_length", config_compress, min_length, 0, MIN_LENGTH_MAX),
	CONFIG_KEY_NUMBER("level", config_compress, level, 1, 9),
	{0},
};

void config_read_compress(struct config_reader *r, const config_setting_t *s, void *to)
{
	struct config_compress *c = to;

	c->types = (const char **)(uintptr_t)default_types;
	c->n_types = sizeof(default_types) / sizeof(default_types[0]);
	c->min_length = 1024;
	c->level = 4;
	if (config_setting_type(s) == CONFIG_TYPE_BOOL) {
		c->on = config_setting_get_bool(s);
		return;
	}
	if (!config_setting_is_group(s)) {
		config_error_found(r, s, "true, false, or a group of types, min_length and level");
		return;
	}
	c->on = true;
	config_read_group(r, s, compress_keys, c);
}

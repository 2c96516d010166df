/* Typed access to a parsed configuration: tables say which keys a group knows, and every difference between table
 * and file becomes one error that names file, line, path, what was found and what was expected.
 *
 * A table is an array of struct config_key ended by one without a name; config_read_group() fills a struct from a
 * group by it. Reading goes on after an error: what could not be read keeps its default, and config_load() gives
 * nothing of it away. Thread: the caller's. */
#ifndef CONFIG_READ_H
#define CONFIG_READ_H

#include "config/config.h"
#include "config/say.h"

#include <libconfig.h>

enum config_type {
	CONFIG_NAME,	 /* const char * that config_name() allows */
	CONFIG_NUMBER,	 /* unsigned integer, min … max */
	CONFIG_FLAG,	 /* bool */
	CONFIG_DURATION, /* uint64_t, milliseconds, min … max */
	CONFIG_CHOICE,	 /* an enum, one of `words` */
	CONFIG_GROUP,	 /* a struct inside, by `keys` */
	CONFIG_LIST, /* 0 … max elements: a pointer, and a size_t at count_offset; `read` reads each */
	CONFIG_OWN,   /* anything else: `read` reads it, given the place at offset */
	CONFIG_LATER, /* refused: not supported yet by this version */
	CONFIG_HTTP, /* refused: belongs to mode = "http"; `expected` may say what to use instead */
	CONFIG_PASSTHROUGH, /* the same of mode = "passthrough" */
};

/* A word and what it stands for; CONFIG_WORD_LATER: it is known, but not supported yet. The last has no name. */
struct config_word {
	const char *name;
	int value;
};

enum { CONFIG_WORD_LATER = -1 };

typedef void config_read_fn(struct config_reader *r, const config_setting_t *s, void *to);

struct config_key {
	const char *name;
	enum config_type type;
	bool required;
	size_t offset; /* in the struct that is filled */
	size_t size;   /* of the member there; CONFIG_LIST: of one element */
	size_t count_offset;
	uint64_t min, max;
	const struct config_word *words;
	const struct config_key *keys;
	config_read_fn *read;
	const char *expected; /* "a path such as "/health"", to stand behind "expected" */
};

/* The rows of a table: a key and the member of `struct type` that it fills. What has no row of its own kind here is
 * written in full, with one of the first two for the member. */
#define CONFIG_MEMBER(type, member)                                                                \
	.offset = offsetof(struct type, member), .size = sizeof(((struct type *)0)->member)
#define CONFIG_ELEMENTS(type, array, count)                                                        \
	.offset = offsetof(struct type, array), .count_offset = offsetof(struct type, count),      \
	.size = sizeof(*((struct type *)0)->array)
#define CONFIG_KEY(key, kind, struct_type, member_name, ...)                                       \
	{                                                                                          \
		.name = key, .type = kind, CONFIG_MEMBER(struct_type, member_name), __VA_ARGS__    \
	}
#define CONFIG_KEY_NUMBER(key, type, member, from, until)                                          \
	CONFIG_KEY(key, CONFIG_NUMBER, type, member, .min = (from), .max = (until))
#define CONFIG_KEY_DURATION(key, type, member, from, until)                                        \
	CONFIG_KEY(key, CONFIG_DURATION, type, member, .min = (from), .max = (until))
#define CONFIG_KEY_CHOICE(key, type, member, of)                                                   \
	CONFIG_KEY(key, CONFIG_CHOICE, type, member, .words = (of))
#define CONFIG_KEY_GROUP(key, type, member, by)                                                    \
	CONFIG_KEY(key, CONFIG_GROUP, type, member, .keys = (by))
#define CONFIG_KEY_OWN(key, type, member, by)                                                      \
	CONFIG_KEY(key, CONFIG_OWN, type, member, .read = (by))
#define CONFIG_KEY_HTTP(key, instead)                                                              \
	{                                                                                          \
		.name = (key), .type = CONFIG_HTTP, .expected = (instead)                          \
	}
#define CONFIG_KEY_PASSTHROUGH(key, instead)                                                       \
	{                                                                                          \
		.name = (key), .type = CONFIG_PASSTHROUGH, .expected = (instead)                   \
	}
#define CONFIG_KEY_LATER(key)                                                                      \
	{                                                                                          \
		.name = (key), .type = CONFIG_LATER                                                \
	}

void config_read_group(struct config_reader *r, const config_setting_t *group,
	const struct config_key *keys, void *to);

/* The text of a setting, or NULL and an error that ends in `expected`. Lives as long as the config. */
const char *config_read_text(
	struct config_reader *r, const config_setting_t *s, size_t max, const char *expected);

#endif

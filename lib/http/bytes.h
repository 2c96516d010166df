/* What HTTP calls a token, text, a digit (RFC 9110 5.5 and 5.6): the byte classes that every parser
 * of this folder shares, and the comparison of its case-insensitive words. Pure; any thread. */
#ifndef HTTP_BYTES_H
#define HTTP_BYTES_H

#include "base/span.h"

enum {
	HTTP_BYTE_TOKEN = 1,  /* of a field's name, a method, a list's word */
	HTTP_BYTE_TEXT = 2,   /* of a field's value: visible, above ASCII too, space and tab */
	HTTP_BYTE_TARGET = 4, /* of a request's target: visible ASCII but '#' */
	HTTP_BYTE_DIGIT = 8,
	HTTP_BYTE_HEX = 16,
};

extern const uint8_t http_byte_classes[256];

static inline bool http_is_byte(uint8_t c, uint8_t classes)
{
	return (http_byte_classes[c] & classes) != 0;
}

/* Whether all bytes are of one of the classes; so is nothing at all. */
static inline bool http_is_all(struct span s, uint8_t classes)
{
	for (size_t i = 0; i < s.n; i++)
		if (!http_is_byte(s.p[i], classes))
			return false;
	return true;
}

static inline uint8_t http_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

/* ASCII's case does not count. */
bool http_same(struct span a, struct span b);
bool http_is(struct span a, const char *word);

/* Without the spaces and tabs at both ends. */
struct span http_trim(struct span s);

/* Takes the next element of a comma-separated list off its front; false: there is none. Empty elements
 * are skipped (RFC 9110 5.6.1); a comma in a quoted string separates too, which words do not have. */
bool http_next_word(struct span *list, struct span *ret_word);

/* The value of 1 … 19 digits and nothing else, at most INT64_MAX. */
bool http_number(struct span s, uint64_t *ret);

#endif

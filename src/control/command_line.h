/* One line of the status socket to commands, one command to words: HAProxy's rules. Pure.
 *
 * Commands are separated by ';', words by blanks; a backslash takes the next byte as it is. */
#ifndef CONTROL_COMMAND_LINE_H
#define CONTROL_COMMAND_LINE_H

#include "base/span.h"

enum { COMMAND_WORDS_MAX = 64 };

/* Bytes of the first command in `line`, which has no line end: up to the first ';' that no
 * backslash protects. */
size_t command_line_first(struct span line);

/* Splits text[0 … n-1] in place; text[n] must be writable. words[i] for i from the result on are
 * "". What comes after the last word that fits is dropped; bytes of value 0 become '?', so that
 * a word ends where it was sent to. */
unsigned command_line_words(char *text, size_t n, const char *words[COMMAND_WORDS_MAX + 1]);

#endif

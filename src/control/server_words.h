/* The arguments of commands about servers: text to values, wrong ones told in HAProxy's words.
 * Pure. */
#ifndef CONTROL_SERVER_WORDS_H
#define CONTROL_SERVER_WORDS_H

#include "config/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SERVER_WEIGHT_MAX = 256 };

/* Decimal digits only, 0 to max. */
bool server_words_number(const char *word, uint32_t max, uint32_t *ret);

/* "5", or "50%" of the initial weight. NULL and *ret, or what is wrong. */
const char *server_words_weight(const char *word, uint32_t initial, uint32_t *ret);

enum server_words_change { SERVER_WORDS_SAME, SERVER_WORDS_CHANGED, SERVER_WORDS_WRONG };

/* words: "ADDRESS" or "ADDRESS port PORT", then "". Changes *addr; what was done, or is wrong,
 * goes to `said`. */
enum server_words_change server_words_addr(
	const char *const *words, struct addr *addr, char *said, size_t said_size);

/* What a server added at run time may be called. False: `wrong` says why not. */
bool server_words_name(const char *name, char *wrong, size_t wrong_size);

/* words: "ADDRESS:PORT" and the options of `add server`, then "". *ret borrows the name. False:
 * `wrong` says why. */
bool server_words_new(const char *name, const char *const *words, struct config_server *ret,
	char *wrong, size_t wrong_size);

#endif

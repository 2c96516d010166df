/* Who may ask for a route, from a file of lines "USER:HASH" as htpasswd and mkpasswd write them. A hash is one of
 * crypt(3) that is strong enough today: bcrypt, yescrypt, scrypt, SHA-512 or SHA-256.
 *
 * Immutable once read; counted, made and freed by control alone, read by any thread. Nothing of it is ever printed. */
#ifndef USERS_H
#define USERS_H

#include "base/span.h"

enum {
	USERS_WHY_MAX = 256,
	USERS_HASH_MAX = 384, /* with its NUL */
};

struct users;

/* NULL: `why` says what is wrong, and on which line. */
struct users *users_load(const char *path, char why[USERS_WHY_MAX]);
struct users *users_use(struct users *u); /* NULL is allowed, here and below */
void users_drop(struct users *u);

const char *users_path(const struct users *u);
size_t users_count(const struct users *u);

/* Whether the file looks different from when it was read. */
bool users_are_stale(const struct users *u);

/* The user's hash; NULL: there is no such user. */
const char *users_hash(const struct users *u, struct span name);

/* A hash of the kind that users have here, to be as slow for a name that nobody has. */
const char *users_any_hash(const struct users *u);

#endif

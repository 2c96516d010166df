/* Cookies that keep a client with its server. Each holds a hash of the server's name and the time it was made, sealed by a
 * secret (XChaCha20-Poly1305): nobody can read, make or change one, and no address is in it. Nodes of a cluster hold the
 * same secrets and take each other's cookies; a node alone draws its own at each start.
 *
 * Immutable once published with a view; counted, made and freed by control alone. */
#ifndef STICKY_H
#define STICKY_H

#include "base/span.h"

enum {
	STICKY_SECRET_BYTES = 32,
	STICKY_SECRETS_MAX = 8,
	STICKY_TEXT_LEN = 70, /* of a cookie's value */
};

struct sticky {
	unsigned users;
	size_t n;
	uint8_t secrets[STICKY_SECRETS_MAX][STICKY_SECRET_BYTES]; /* the first seals, all open */
};

/* What a cookie says. */
struct sticky_place {
	uint64_t server;  /* its name_hash */
	uint32_t since_s; /* wall time, 1970 on */
};

/* NULL: out of memory. */
struct sticky *sticky_new(
	const uint8_t (*secrets)[STICKY_SECRET_BYTES], size_t n); /* n is 1 at least */
struct sticky *sticky_use(struct sticky *s); /* NULL is allowed, here and below */
void sticky_drop(struct sticky *s);

/* A cookie is good for the backend it was made for. */
void sticky_seal(const struct sticky *s, struct span backend, const struct sticky_place *place,
	char ret[STICKY_TEXT_LEN + 1]);
bool sticky_open(
	const struct sticky *s, struct span backend, struct span text, struct sticky_place *ret);

#endif

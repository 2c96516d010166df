/* The keys of a cluster, as they stand in one file: a line for each, `ID BASE64 STATE`, which `aegislb --genkey`
 * prints. ID is 8 hexadecimal digits, BASE64 the 32 bytes of the key, STATE is `active` (the one that this node sends
 * with: exactly one) or `standby` (accepted). Empty lines and lines from # are skipped.
 *
 * Keys lie in memory that is locked, guarded and cleared when given back (sodium_malloc). A ring does not change: a
 * file that has changed becomes a new ring, and the old one goes on until that one is good.
 *
 *	next = seal_ring_load(path, why, sizeof(why));
 *	if (next) { seal_ring_free(ring); ring = next; }
 *
 * sodium_init() comes first. */
#ifndef SEAL_RING_H
#define SEAL_RING_H

#include "base/span.h"

enum {
	SEAL_KEYS_MAX = 16,
	SEAL_KEY_BYTES = 32,
	SEAL_FILE_MAX = 4096, /* bytes of a key file */
};

struct seal_ring;

/* The file must be a regular one that nobody but its owner may read or write (0600 or less), and may not be empty.
 * Returns owned; NULL: `why` says what was found and what is expected, beginning with `PATH:` or `PATH:LINE:`. */
struct seal_ring *seal_ring_load(const char *path, char *why, size_t why_size);

/* The same from the text itself; `name` stands for the file in `why`. The text is the caller's to clear. */
struct seal_ring *seal_ring_parse(struct span text, const char *name, char *why, size_t why_size);

void seal_ring_free(struct seal_ring *ring); /* NULL is allowed; the keys are cleared */

size_t seal_ring_count(const struct seal_ring *ring);		   /* 1 … SEAL_KEYS_MAX */
uint32_t seal_ring_id(const struct seal_ring *ring, size_t index); /* in the order of the file */
uint32_t seal_ring_active(const struct seal_ring *ring);	   /* the id this node sends with */
bool seal_ring_holds(const struct seal_ring *ring, uint32_t id);

/* The key of that id, SEAL_KEY_BYTES long, borrowed until the ring is freed; NULL if the ring does not hold it. */
const uint8_t *seal_ring_key(const struct seal_ring *ring, uint32_t id);

/* Whether both hold the same keys in the same states. */
bool seal_ring_equal(const struct seal_ring *a, const struct seal_ring *b);

#endif

/* Limits per source, shared and exact across threads: how many connections each client has open and
 * how fast it opens them. One table of fixed size holds the clients that matter now; it takes no
 * lock, never allocates after sources_new, and never blocks. The caller names a source by a keyed
 * 64-bit hash of its address (secret, so that nobody can aim at a set; never 0).
 *
 *	if (sources_enter(s, hash, now, &limit) == SOURCES_OK)
 *		… and when that connection ends: sources_leave(s, hash);
 */
#ifndef RATELIMIT_SOURCES_H
#define RATELIMIT_SOURCES_H

#include "base/mono.h"

#include <stddef.h>
#include <stdint.h>

struct sources;

struct sources_limit {
	uint32_t max_connections; /* open at once; 0: no limit */
	uint32_t count;		  /* new ones per per_us; 0: no limit */
	uint64_t per_us;
	uint32_t burst; /* how many may come at once, full at start; 0: as large as count */
};

enum sources_verdict {
	SOURCES_OK,	  /* counted: sources_leave must follow */
	SOURCES_TOO_MANY, /* max_connections reached; nothing changed */
	SOURCES_TOO_FAST, /* bucket empty; nothing changed */
	SOURCES_OK_UNTRACKED, /* no room beside sources with open connections: let in, not counted, no leave */
};

/* A table for max_sources that are live at once, of 37 to 73 bytes for each. Sets fill unevenly:
 * with max_sources live about one in a hundred or fewer finds no room. Returns owned, NULL when out
 * of memory. */
struct sources *sources_new(size_t max_sources);
void sources_free(struct sources *s); /* NULL is allowed */

/* A connection of this source wants in. Any thread. While one that comes too fast is being refused
 * it may be counted for some nanoseconds; its source's bucket is empty then, so others are refused
 * anyway. */
enum sources_verdict sources_enter(
	struct sources *s, uint64_t hash, struct mono now, const struct sources_limit *limit);

/* A connection that got SOURCES_OK has ended. Any thread. */
void sources_leave(struct sources *s, uint64_t hash);

/* Takes one token without a connection, for limits on requests (max_connections is ignored). Needs
 * no leave; for the count of open connections use another table. On SOURCES_TOO_FAST *ret_wait_us
 * says when the next token is due. */
enum sources_verdict sources_take(struct sources *s, uint64_t hash, struct mono now,
	const struct sources_limit *limit, uint64_t *ret_wait_us);

/* For metrics and tests, a look while others go on: sources with open connections; open ones of one
 * source. */
size_t sources_count(const struct sources *s);
uint32_t sources_open(const struct sources *s, uint64_t hash);

#endif

/* A node's view of servers as it travels: the value of one record of kind CLUSTER_RECORD_HEALTH_*. A byte of version, a
 * byte that says how long an entry is (a later version may make it longer), then entries, in network order:
 *
 *	server u64 (health_key), state u8 (0 unknown, 1 up, 2 down), status u8 (enum check_status), code u16 (of HTTP, or 0),
 *	checked u32 (seconds since 1970 by the node's own clock: for people; 0: never),
 *	age u16 (of that check when this was sent, in units of 10 ms; 65535: more, or none)
 *
 * Servers are told by a hash of their names, so that nodes with unequal configurations understand each other. Pure. */
#ifndef CONTROL_HEALTH_RECORD_H
#define CONTROL_HEALTH_RECORD_H

#include "base/span.h"
#include "health/merge.h"

#include <stddef.h>
#include <stdint.h>

enum {
	HEALTH_RECORD_VERSION = 1,
	HEALTH_ENTRY_BYTES = 18,
	HEALTH_ENTRY_BYTES_MIN = 16, /* without an age */
	HEALTH_RECORD_ENTRIES = 26,  /* in 480 bytes */
	HEALTH_RECORD_READ_MAX = 29, /* of shorter ones */
	HEALTH_RECORD_MAX = 2 + HEALTH_RECORD_ENTRIES * HEALTH_ENTRY_BYTES,
	HEALTH_AGE_MAX_MS = 655340,
};

struct health_entry {
	uint64_t server;
	enum health_view state;
	uint8_t status;
	uint16_t code;
	uint32_t checked_s;
	uint32_t age_ms; /* above HEALTH_AGE_MAX_MS: not known */
};

/* n <= HEALTH_RECORD_ENTRIES. Returns bytes written. */
size_t health_record_encode(
	const struct health_entry *entries, size_t n, uint8_t buf[HEALTH_RECORD_MAX]);

/* Entries read; -1: malformed, or of another version. A state or status that is not known reads as unknown, 0. */
int health_record_decode(
	struct span value, struct health_entry ret[HEALTH_RECORD_READ_MAX], unsigned statuses);

/* BLAKE2b of "backend/server", the first 64 bits. */
uint64_t health_key(const char *backend, const char *server);

#endif

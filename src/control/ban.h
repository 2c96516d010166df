/* One ban as an item that all nodes share (kind CLUSTER_ITEM_BAN): its key is the network, "192.0.2.0/24", and its value
 * how long it was set for and why: "7200000 too many failed logins" (milliseconds; 0: until `unban`).
 * What is left of it is the life of the item, which travels as the time that remains: no clock has to be right. Pure. */
#ifndef CONTROL_BAN_H
#define CONTROL_BAN_H

#include "base/span.h"
#include "net/addr.h"

#include <stdbool.h>
#include <stdint.h>

enum { BAN_KEY_MAX = ADDR_TEXT_MAX + 4, BAN_REASON_MAX = 200, BAN_VALUE_MAX = BAN_REASON_MAX + 24 };

/* "192.0.2.1/32": always with its length. */
const char *ban_key_format(const struct addr_prefix *p, char buf[BAN_KEY_MAX]);
bool ban_key_parse(struct span key, struct addr_prefix *ret);

struct ban_value {
	uint64_t for_ms; /* 0: until `unban` */
	char reason[BAN_REASON_MAX + 1];
};
const char *ban_value_format(const struct ban_value *v, char buf[BAN_VALUE_MAX]);
bool ban_value_parse(struct span value, struct ban_value *ret);

/* "2h", "90m", "7200s", or "7200", which are seconds. False: nothing such, or 0. */
bool ban_duration(const char *word, uint64_t *ret_ms);

#endif

/* Who is banned: one list for all nodes of the cluster, that outlives restarts. Its entries are items (control/ban.h);
 * here they become the set that the workers' views carry (view.h), and are lifted when they are due.
 *
 * A ban meets the client: behind a listed source that is who the PROXY header names. Its new connections are
 * refused, and those it has open end. owner: control; thread: control. */
#ifndef CONTROL_BANS_H
#define CONTROL_BANS_H

#include "control/ban.h"
#include "control/control.h"

#include <jansson.h>

struct bans;

/* After the cluster. NULL: out of memory. */
struct bans *bans_new(struct control *c);
void bans_free(struct bans *b); /* NULL is allowed */

/* Takes in all that is known: at the start, once the items are loaded. */
void bans_apply_all(struct bans *b);

/* In force on this node when it returns. NULL, or what is wrong. state_save() is to follow. */
const char *bans_set(struct bans *b, const struct addr_prefix *p, const struct ban_value *v);
const char *bans_lift(struct bans *b, const struct addr_prefix *p);

struct ban {
	struct addr_prefix prefix;
	struct ban_value value;
	struct mono due; /* us 0: until `unban` */
	uint64_t stamp,
		origin; /* when, by the clock of the node that set it, in milliseconds; and that node */
};

/* In the order of their networks, IPv4 first. Valid until the next call. */
size_t bans_count(const struct bans *b);
const struct ban *bans_at(const struct bans *b, size_t i);

/* The ban that holds this address, or the whole of this network. NULL: none. */
const struct ban *bans_find(const struct bans *b, const struct addr_prefix *p);

json_t *bans_json(struct control *c);

#endif

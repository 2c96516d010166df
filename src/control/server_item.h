/* What operators say of a server as items that all nodes share (kind CLUSTER_ITEM_SERVER), one for each thing that can
 * be said, so that a drain here and a weight there do not undo each other: keys, values, and which of three words
 * holds: the configuration file's, the cluster's, or this node's own. Keys and values are text.
 *
 *	"admin aegis/aegis-01"    drain
 *	"weight aegis/aegis-01"   5
 *	"server aegis/new"        10.0.0.9:443 weight 1 maxconn 0 slowstart 0
 *
 * An empty value says that the server is as it began: as the file has it, or as `add server` said and in maintenance.
 * Pure. owner: control. */
#ifndef CONTROL_SERVER_ITEM_H
#define CONTROL_SERVER_ITEM_H

#include "base/span.h"
#include "config/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum server_attr {
	ATTR_SERVER, /* that it is there: what `add server` said, or SERVER_DELETED */
	ATTR_ADMIN,  /* "ready", "drain", "maint" */
	ATTR_WEIGHT,
	ATTR_MAX_CONNECTIONS,
	ATTR_ADDRESS,
	SERVER_ATTRS
};

enum { SERVER_KEY_MAX = 255, SERVER_VALUE_MAX = 160 };
#define SERVER_DELETED "deleted" /* of a server that stands in the file */

/* A key taken apart; texts end with NUL. */
struct server_key {
	enum server_attr attr;
	char backend[SERVER_KEY_MAX], server[SERVER_KEY_MAX];
};

/* False: it would be longer than SERVER_KEY_MAX; and: it is not one of ours, or of a later version. */
bool server_key_format(enum server_attr attr, const char *backend, const char *server,
	char ret[SERVER_KEY_MAX + 1]);
bool server_key_parse(struct span key, struct server_key *ret);

/* What `add server` said, in its own words, and back; *ret borrows the name. */
const char *server_definition_format(const struct config_server *s, char buf[SERVER_VALUE_MAX]);
bool server_definition_parse(const char *name, const char *text, struct config_server *ret);

/* What the file says of it, as text that changes when that changes. NULL stands for a server that is not in it. */
const char *server_file_text(
	enum server_attr attr, const struct config_server *file, char buf[SERVER_VALUE_MAX]);

/* What this node knows of an item beside the item: what its own file said when it took it over, and its own word. */
struct server_here {
	uint64_t stamp, origin; /* of the item that this is about; 0, 0: there was none */
	const char *file;	/* server_file_text() then */
	const char *local;	/* said with `local`; NULL: nothing */
	bool overruled; /* the file has changed since, and holds until somebody says something new */
};

struct server_said {
	uint64_t stamp, origin; /* of the item as it is now; 0, 0: there is none */
	const char *file;	/* server_file_text() now */
};

enum server_word {
	WORD_FILE,    /* nobody said anything */
	WORD_CHANGED, /* something was said, but the file has changed since: it is to be overruled */
	WORD_ITEM,
	WORD_LOCAL,
};

/* `here` NULL: this node has not heard of it yet. A newer item beats the file and this node's own word. */
enum server_word server_item_decide(const struct server_here *here, const struct server_said *said);

#endif

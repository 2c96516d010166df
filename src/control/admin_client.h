/* One connection to the status socket: takes its commands one by one, a loop turn each, and
 * writes their answers as fast as the client reads. owner: admin; thread: control. */
#ifndef CONTROL_ADMIN_CLIENT_H
#define CONTROL_ADMIN_CLIENT_H

#include "base/list.h"
#include "control/control.h"

enum {
	ADMIN_LINE_MAX = 16384,	   /* bytes of a line without its end */
	ADMIN_OUTPUT_HIGH = 65536, /* an answer pauses while so much waits to be read, */
	ADMIN_OUTPUT_LOW = 16384,  /* until no more than this does */
	ADMIN_TIMEOUT_S = 10,	   /* without `set timeout cli`: HAProxy's "stats timeout" */
};

struct admin_client;

/* Takes fd. Stands in `clients` until it ends, by itself or by admin_client_free(); `gone` is
 * called in either case, after it is freed. NULL: out of memory; fd is closed. */
struct admin_client *admin_client_new(
	struct control *c, int fd, struct list *clients, void (*gone)(void *arg), void *arg);
void admin_client_free(struct admin_client *client);

/* The one that has been silent for longest, and at least so long: it has sent no command since it came or since the answer
 * to its last. NULL: there is none such. */
struct admin_client *admin_client_silent(struct list *clients, uint64_t at_least_ms);

/* The first in a list; NULL: it is empty. */
struct admin_client *admin_client_first(struct list *clients);

#endif

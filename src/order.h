/* Orders and reports: the messages that cross the mailboxes between control and the workers.
 *
 * The sender allocates with malloc, the receiver frees. Nobody waits for an answer; a listing is answered by a
 * report that carries the order's tag back. */
#ifndef ORDER_H
#define ORDER_H

#include "mailbox/mailbox.h"
#include "net/addr.h"
#include "tally.h"

#include <stdbool.h>
#include <stdint.h>

enum order_kind {
	ORDER_CLOSE_SERVER,  /* end every connection to `server` with `reason` */
	ORDER_CLOSE_BANNED,  /* end every connection whose client the newest view bans */
	ORDER_CLOSE_SESSION, /* end the connection numbered `session` */
	ORDER_LIST_SESSIONS, /* answer with one REPORT_SESSIONS of at most `max` connections */
	ORDER_LIST_ERRORS,   /* answer with one REPORT_ERRORS: the last hellos refused */
	ORDER_STOP_ACCEPTING, /* accept what waits already, give up the listeners: REPORT_GAVE_UP; go on with what is
	                       * open; REPORT_DRAINED when nothing is */
	ORDER_GIVE_UP, /* accept what waits at the address numbered `socket`, give it up: REPORT_GAVE_UP_ONE */
	ORDER_VERIFIED,	 /* of the verifier: the password of question `tag` is `good` or not */
	ORDER_CLOSE_ALL, /* end every connection with `reason` */
	ORDER_STOP,	 /* end every connection, leave the loop */
};

struct order {
	struct mail mail;
	enum order_kind kind;
	enum end_reason reason;
	uint32_t server;
	uint32_t max;
	uint32_t socket;
	uint64_t session;
	uint64_t tag;
	bool good;
};

/* One open connection, as `show sess` prints it. */
struct order_session {
	uint64_t number; /* unique in the process: worker in the top 8 bits */
	struct addr client, local, server;
	uint16_t listener;  /* slot */
	uint16_t backend;   /* slot; UINT16_MAX: none yet */
	uint32_t server_id; /* UINT32_MAX: none yet */
	uint64_t age_ms, idle_ms;
	uint64_t bytes_in, bytes_out;
	const char *state; /* a static word: "hello", "connect", "queue", "pump" … */
	char name[64]; /* the server name asked for; cut where longer, escaped by who prints it */
};

/* A hello that was refused: what `show errors` and `diagnose` show. Wall time is stamped by the receiver's clock offset. */
struct order_error {
	uint64_t age_ms;
	struct addr client;
	uint16_t listener; /* slot */
	enum end_reason reason;
	char name[64];
	uint8_t bytes[32]; /* the first that came */
	uint8_t n_bytes;
};

enum report_kind {
	REPORT_CONNECT_FAILED, /* passive health: server `server` refused or timed out, `error` is an errno */
	REPORT_SESSIONS, /* sessions[n] in `items` */
	REPORT_ERRORS,	 /* errors[n] in `items` */
	REPORT_AUTH_FAILED, /* errors[1]: a password was wrong, `name` is the user's; or none: out of memory */
	REPORT_GAVE_UP,	    /* the listeners are not used any more: control may close them */
	REPORT_GAVE_UP_ONE, /* `socket` is not used by this worker any more */
	REPORT_DRAINED,	    /* after ORDER_STOP_ACCEPTING: nothing is open any more */
	REPORT_PAUSED,	    /* accepting paused: `error` is the errno or 0 for limits.connections */
	REPORT_RESUMED,
};

struct report {
	struct mail mail;
	enum report_kind kind;
	unsigned worker;
	uint32_t server;
	uint32_t socket;
	int error;
	uint64_t tag;
	size_t n;
	union {
		struct order_session *sessions; /* malloc'd, owned by the report */
		struct order_error *errors;
	} items;
};

/* NULL: out of memory. */
struct order *order_new(enum order_kind kind);
struct report *report_new(enum report_kind kind, unsigned worker);
void report_free(struct report *r);

#endif

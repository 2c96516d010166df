/* The inside of servers.h, for its own files only: the table of backends and servers, their ids, and the steps that
 * every change ends with. owner: control; thread: control. */
#ifndef CONTROL_SERVER_TABLE_H
#define CONTROL_SERVER_TABLE_H

#include "control/servers.h"

/* The id of a server that was deleted. */
struct resting_id {
	uint32_t id;
	uint64_t name; /* hash of its backend's and its own: who comes back gets the same id */
	bool passed;   /* no worker can hold a view that names it */
};

struct servers {
	struct generation *generation;
	struct qsbr *views;
	struct load *load;
	struct events *events;
	struct servers_hooks hooks;
	struct backend **backends; /* in order of the configuration */
	size_t n_backends;

	/* load->max_servers slots each. A name that comes back gets its id; else one that was never used is preferred; then
	 * the one that rests longest. */
	struct server **by_id;
	uint32_t ids_begun;
	struct resting_id *resting;
	size_t n_resting;

	struct view_bans *bans; /* of the next views; NULL: none */
	struct view_tls *tls;	/* of the next views; NULL: none */
	struct sticky *sticky;	/* the same */
	struct view_auth *auth; /* the same */
	uint64_t view_number;
	bool held;	    /* changes are not published one by one */
	bool publish_again; /* there was no memory for a view: the tick tries again */
};

/* A ready server at the end of its backend and under an id; SERVERS_EXISTS, SERVERS_TOO_MANY, SERVERS_NO_MEMORY. */
enum servers_error server_table_add(struct servers *s, struct backend *b,
	const struct config_server *conf, struct server **ret);
void server_table_remove(struct servers *s, struct server *srv); /* frees it; its id rests */

/* The same in two steps: one that is made can still be given back, and attaching it cannot fail once there is room. */
enum servers_error server_table_make(struct servers *s, struct backend *b,
	const struct config_server *conf, struct server **ret);
bool server_table_reserve(struct backend *b, size_t more); /* false: out of memory */
void server_table_attach(struct servers *s, struct server *srv);
void server_table_give_back(struct servers *s, struct server *srv);

/* One without servers, of the backend with this index in the generation. NULL: out of memory. */
struct backend *server_table_backend(const struct generation *g, unsigned index);
void server_table_backend_free(struct backend *b); /* with its servers; NULL is allowed */

/* Once a second: ids may be used again when neither a view nor a connection holds them. */
void server_table_tick(struct servers *s);

/* What a change ends with: servers_settle() = servers_judge(), the backend's own state and a line where that changed,
 * and servers_publish(), the new view. False: no memory, the tick tries again. */
void servers_settle(struct servers *s, struct backend *b, struct mono now);
void servers_judge(struct servers *s, struct backend *b, struct mono now);
bool servers_publish(struct servers *s, struct mono now);

/* One line in the log and one event. */
void servers_announce(struct servers *s, enum config_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* "2 servers left" */
enum { SERVERS_LEFT_MAX = 80 };
const char *servers_left(const struct backend *b, char buf[SERVERS_LEFT_MAX]);

#endif

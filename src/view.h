/* A view: what workers need to know of backends and servers at one moment, never changed after publishing.
 *
 * Built by control from the configuration, the health and the admin state; published through lib/qsbr. A worker
 * loads the pointer at the start of a callback, may use it until that callback returns, and never stores it. */
#ifndef VIEW_H
#define VIEW_H

#include "balance/balance.h"
#include "certs.h"
#include "config/config.h"
#include "generation.h"
#include "prefixset/prefixset.h"
#include "sticky.h"
#include "users.h"

struct view_server {
	uint32_t id;		  /* indexes load.active and the tallies */
	uint32_t max_connections; /* 0: no limit; as in the plan, where it is a hint */
	struct addr addr;
	uint64_t name_hash; /* of backend and server: what a sticky cookie holds */
	char name[64];	    /* cut where longer: for display on the worker's side only */
};

/* plan is over the servers that may be chosen; the index it picks is one of servers[]. Where every server of the
 * backend is down by its checks, the plan holds all that are not in maintenance or drain (fails open). Behind them stand,
 * of a sticky backend, servers that only those get who were with them before: in drain, of weight 0, backups. */
struct view_backend {
	const struct config_backend
		*conf; /* NULL: the slot is not in this generation, and has no servers */
	struct view_server *servers;
	size_t n_servers;
	struct balance_plan *plan;
	bool failing_open;
};

/* The banned sources. Views that follow each other share them: control alone makes, counts and frees. */
struct view_bans {
	unsigned users;
	struct prefixset *set; /* as prefixset wants it: IPv4 mapped into IPv6 */
};

/* What TLS is terminated with; shared by the views of a while as the bans are. */
struct view_tls {
	unsigned users;
	struct certs **certs; /* by the listener's slot; NULL: it is plain */
	size_t n_certs;
	struct tickets *local, *cluster; /* NULL: nobody uses such */
};

/* The files of users, each once; shared by the views of a while. */
struct view_auth {
	unsigned users;
	struct users **all;
	size_t n;
};

struct view {
	uint64_t number; /* counts up with each publish */
	struct generation *generation;
	const struct config *config;   /* its */
	struct view_backend *backends; /* by slot */
	size_t n_backends;
	struct view_bans *bans; /* NULL: none */
	struct view_tls *tls;	/* NULL: no listener terminates TLS */
	struct sticky *sticky;	/* NULL: none yet */
	struct view_auth *auth; /* the same */
};

/* owner: the caller until published. NULL: out of memory. Arrays are zeroed; plans are given by the builder. */
struct view *view_new(struct generation *generation);
bool view_backend_reserve(struct view_backend *b, size_t n_servers);
void view_free(void *view); /* as lib/qsbr wants it */

/* Takes the set; it lives until its last user has let it go. NULL: out of memory, the set is freed. */
struct view_bans *view_bans_new(struct prefixset *set);
struct view_bans *view_bans_use(struct view_bans *bans); /* NULL is allowed, here and below */
void view_bans_drop(struct view_bans *bans);

/* Nothing in it yet. NULL: out of memory. */
struct view_tls *view_tls_new(size_t n_listeners); /* slots */
struct view_tls *view_tls_use(struct view_tls *tls);
void view_tls_drop(struct view_tls *tls);

/* Room for so many; NULL: out of memory. */
struct view_auth *view_auth_new(size_t n_files);
struct view_auth *view_auth_use(struct view_auth *a);
void view_auth_drop(struct view_auth *a);

/* The users that this file names; NULL: not known of it. */
const struct users *view_users(const struct view *v, const char *path);

/* Whether this source, the client behind a PROXY header, is banned. Any thread that may use the view. */
bool view_is_banned(const struct view *v, const struct addr *source);

/* An address as a prefixset wants it. */
void view_ban_key(const struct addr *a, uint8_t ret[16]);

#endif

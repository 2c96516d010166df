/* Servers: the one place that knows each server's state (admin state, health, weight, address) and changes it.
 *
 * Checks and commands come here; every change is logged, kept as an event, and published to the workers as a new view.
 * owner: control; thread: control. */
#ifndef CONTROL_SERVERS_H
#define CONTROL_SERVERS_H

#include "base/mono.h"
#include "config/config.h"
#include "control/events.h"
#include "health/health.h"
#include "load.h"
#include "qsbr/qsbr.h"
#include "tally.h"
#include "view.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum server_admin { SERVER_READY, SERVER_DRAIN, SERVER_MAINT };

/* The result of one check, or of a client's connect. The names and words stand in check_statuses. The numbers are
 * told to other nodes: new ones come at the end. */
enum check_status {
	CHECK_INI, /* none done yet */
	CHECK_L4OK,
	CHECK_L4REFUSED,
	CHECK_L4RESET,
	CHECK_L4UNREACHABLE,
	CHECK_L4TIMEOUT,
	CHECK_L4ERROR,
	CHECK_L6OK,
	CHECK_L6TIMEOUT,
	CHECK_L6RESET,
	CHECK_L6RESPONSE,
	CHECK_L6CERTIFICATE,
	CHECK_L7OK,
	CHECK_L7TIMEOUT,
	CHECK_L7STATUS,
	CHECK_L7MALFORMED,
	CHECK_L7ENDLESS,
	CHECK_L7RESET,
	CHECK_SOCKET, /* our own side failed: counts for nothing */
	CHECK_STATUSES
};

struct check_status_text {
	const char *haproxy;	 /* "L4CON", "L7STS" … as in show stat's check_status */
	const char *description; /* HAProxy's words for check_desc: "Layer4 connection problem" */
	const char *cause;	 /* for the log: "connect refused", "timeout" … */
	const char *name;	 /* snake_case, for metrics */
	bool ok;
};
extern const struct check_status_text check_statuses[CHECK_STATUSES];

/* What an errno of a connect means; CHECK_SOCKET where it is our own side's (descriptors, memory, ports, permission). */
enum check_status check_status_of_errno(int error);

struct check_result {
	enum check_status status;
	int code; /* HTTP status; 0: none */
	uint64_t duration_us;
	char detail
		[96]; /* further words, ours only; "" for none: OpenSSL's reason, what is malformed */
};

/* "HTTP status 500", "connect refused", "TLS failure: wrong version number". Returns buf. */
enum { CHECK_CAUSE_MAX = 160 };
const char *check_cause(const struct check_result *r, char buf[CHECK_CAUSE_MAX]);

/* owner: servers; everyone else on the control thread reads. */
struct server {
	uint32_t
		id; /* indexes tallies and load.active. Reused long after `del server`, and the tallies then go on
	              * from where they stood: who shows them tells two owners of an id apart by backend and number */
	unsigned
		number; /* within its backend, from 1, as HAProxy's sid; never reused while the process lives */
	struct backend *backend;
	char *name;
	struct addr addr;
	uint32_t weight;
	uint32_t max_connections;
	bool backup;
	bool runtime; /* came by `add server`: `initial` is what that said, otherwise what the file says */
	struct config_server initial; /* its name is `name` */
	bool checks_enabled;
	uint64_t slow_start_ms;
	uint16_t health_port; /* 0: see config_health */
	enum server_admin admin;
	struct health health;
	bool judged; /* by a check or a connect of this node, since it came into use; before, peers' word holds */
	bool peers_up; /* fresh peers call it up: control/shared_health.c */
	struct check_result last_check;
	struct mono last_check_at; /* us 0: none yet */
	uint64_t last_check_wall_us;
	struct mono last_change; /* of UP/DOWN or admin state */
	uint64_t last_change_wall_us;
	struct mono up_since; /* for slow start; us 0: not within one */
	struct mono
		down_since; /* down by its checks or in maintenance, as HAProxy counts; us 0: neither */
	uint64_t down_total_us; /* before down_since */
	/* As HAProxy counts: failures only while they still lower the score, clients' failed connects among them;
	 * times_down is UP to DOWN, maintenance not among it. checks_by_status counts every check. */
	uint64_t checks_failed, checks_passed, times_down;
	uint64_t checks_by_status[CHECK_STATUSES];
	uint32_t peak_active;
	void *check; /* control/checks.c's own; NULL: not checked */
};

struct backend {
	unsigned index; /* in config->backends */
	uint16_t slot;
	const struct config_backend *conf;
	struct server **servers; /* in order of their numbers */
	size_t n_servers;
	unsigned next_number;
	bool failing_open; /* no server is usable: those that peers call up are tried, or else all that are ready */
	struct mono last_change, down_since; /* down: no server is usable; us 0: up */
	uint64_t times_down, down_total_us;
};

struct servers; /* opaque: reach backends by the functions below */

/* Called after each change, in control's thread: checks (re)start or stop. */
struct servers_hooks {
	void (*added)(void *arg, struct server *s);
	void (*removed)(void *arg, struct server *s);	/* before it is freed */
	void (*went_down)(void *arg, struct server *s); /* only where on_down is "close" */
	void (*gone)(void *arg,
		struct server *s); /* only where on_removed is "close"; after `removed` */
	void (*check_anew)(void *arg,
		struct server *s); /* admin state or address: a check under way is void */
	/* UP or DOWN by its health, READY, DRAIN or MAINT by an operator. */
	void (*state)(void *arg, struct server *s, const char *state, const char *cause);
	void (*observed)(
		void *arg, struct server *s); /* a result was counted, or its state changed */
	void (*published)(
		void *arg); /* a new view: workers that sleep must wake, or none before it is freed */
	void *arg;
};

/* `views` gets the first view at once. NULL: out of memory. */
struct servers *servers_new(struct generation *generation, struct qsbr *views, struct load *load,
	struct events *events);
void servers_free(struct servers *s);
void servers_set_hooks(struct servers *s, const struct servers_hooks *hooks);

size_t servers_backends(const struct servers *s);
struct backend *servers_backend(const struct servers *s, size_t index);
struct backend *servers_find_backend(const struct servers *s, const char *name);
struct server *servers_find(const struct backend *b, const char *name);
uint32_t servers_ids(const struct servers *s); /* all ids ever given out are below */
struct server *servers_by_id(const struct servers *s, uint32_t id); /* NULL: no such (any more) */

bool server_is_up(const struct server *s); /* by health alone; without checks: unless forced down */
bool server_is_usable(const struct server *s); /* up, ready and with a weight */
uint32_t server_weight_now(const struct server *s, struct mono now); /* slow start applied */
/* HAProxy's: "UP", "UP 2/3", "DOWN", "DOWN 1/2", "DRAIN" (by command or weight 0), "MAINT", "no check" */
const char *server_status(const struct server *s, char buf[32]);
size_t backend_usable(const struct backend *b, bool backup);

/* Health. servers_check() takes a check's result, servers_connect_failed() a client's failed connect: it counts as a
 * failed check, unless it was our own side's fault or the server has no checks, which alone could bring it back.
 * Nothing counts in maintenance. Both log the change itself, once, with cause and count. */
void servers_check(
	struct servers *s, struct server *srv, const struct check_result *r, struct mono now);
void servers_connect_failed(struct servers *s, uint32_t id, int error, struct mono now);

/* What other nodes see of it (`why` is for the log: "lb-02 says connect refused"). servers_adopt() takes a verdict
 * over, until the first result of this node; servers_peer_failed() counts a connect that failed there as a failed
 * check here, except that the last one, which takes a server down, must be this node's own. servers_set_peers_up() says
 * whether it is worth a try where nothing is usable. */
void servers_adopt(struct servers *s, struct server *srv, bool up, const char *why);
void servers_peer_failed(struct servers *s, struct server *srv);
void servers_set_peers_up(struct servers *s, struct server *srv, bool up);

/* Admin. `why` is for the log and the events: "by uid 0 pid 77". What changes nothing is not logged. A server that
 * leaves MAINT is as new: up, but its next failed check takes it down at once. A server that enters it is handed to
 * went_down where on_down is "close". */
enum servers_error {
	SERVERS_OK,
	SERVERS_NO_MEMORY,
	SERVERS_EXISTS,
	SERVERS_TOO_MANY,
	SERVERS_NOT_IN_MAINT, /* del server wants maintenance first */
	SERVERS_HAS_SESSIONS,
};
void servers_set_admin(
	struct servers *s, struct server *srv, enum server_admin admin, const char *why);
void servers_set_weight(struct servers *s, struct server *srv, uint32_t weight, const char *why);
void servers_force_health(struct servers *s, struct server *srv, bool up, const char *why);
void servers_set_addr(
	struct servers *s, struct server *srv, const struct addr *addr, const char *why);
void servers_set_max_connections(
	struct servers *s, struct server *srv, uint32_t max, const char *why);

/* Starts in MAINT with the backend's health settings; `conf` says name, address, weight … and is copied. Where it is
 * one of the file's own servers (that had been deleted), the server is the file's again. */
enum servers_error servers_add(struct servers *s, struct backend *b,
	const struct config_server *conf, const char *why, struct server **ret);
enum servers_error servers_del(struct servers *s, struct server *srv, const char *why);

/* Who is refused from the next view on. Takes `bans`; NULL: nobody. */
void servers_set_bans(struct servers *s, struct view_bans *bans);

/* What TLS is terminated with from the next view on. Takes one use of `tls`. */
void servers_set_tls(struct servers *s, struct view_tls *tls);

/* The secrets of sticky cookies from the next view on. Takes one use of them. */
void servers_set_sticky(struct servers *s, struct sticky *sticky);

/* The users that routes ask for from the next view on. Takes one use of them. */
void servers_set_auth(struct servers *s, struct view_auth *auth);

/* Until servers_release() changes are neither judged nor published: many of them become one view. */
void servers_hold(struct servers *s);
void servers_release(struct servers *s);

/* Once a second: slow start goes on, views and the ids of deleted servers are reclaimed. */
void servers_tick(struct servers *s, struct mono now);

#endif

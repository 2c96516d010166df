/* The configuration: what the file says, checked, with defaults filled in. Structs only.
 *
 * Made by config_load(), immutable from then on, readable from every thread; everything in it lives in one
 * arena and goes with it. Durations are milliseconds (0: none), sizes are bytes. Texts end with NUL: they were
 * checked to hold no NUL of their own. */
#ifndef CONFIG_H
#define CONFIG_H

#include "balance/balance.h"
#include "base/arena.h"
#include "hostmatch/hostmatch.h"
#include "net/addr.h"

enum config_log_level {
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_INFO,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_ERROR
};
enum config_log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };
enum config_mode { MODE_PASSTHROUGH, MODE_HTTP };
/* Of mode = "http", to servers: h2c is HTTP/2 without TLS, known beforehand. */
enum config_protocol { PROTOCOL_HTTP1, PROTOCOL_H2C };

enum config_proxy { PROXY_OFF, PROXY_V1, PROXY_V2 };
enum config_health_type { HEALTH_NONE, HEALTH_TCP, HEALTH_TLS, HEALTH_HTTP, HEALTH_HTTPS };
enum config_on_gone { ON_GONE_KEEP, ON_GONE_CLOSE };

struct config_log {
	const char *target; /* "stderr", "syslog" or a path */
	enum config_log_level level;
	enum config_log_format format;
	const char *access; /* "off", "stderr", "syslog" or a path */
};

struct config_limits {
	uint32_t connections;
	uint32_t connections_per_source; /* 0: no limit */
	uint64_t graceful_stop_ms;
};

struct config_status {
	const char *socket;
	unsigned socket_mode;
	const struct addr *http_binds; /* none: no status over HTTP */
	size_t n_http_binds;
	const struct addr_prefix *http_allow;
	size_t n_http_allow;
};

/* One address as written, and what it means. */
struct config_bind {
	const char *text;
	struct addr addr; /* "*:PORT" is IPv6 any: one socket for both families */
};

struct config_rate_limit {
	uint32_t count; /* 0: no rate limit */
	uint64_t per_ms;
	uint32_t burst;
};

/* What a route does. Only ACTION_BACKEND in mode = "passthrough". */
enum config_action {
	ACTION_BACKEND,
	ACTION_REDIRECT,
	ACTION_RESPOND, /* the same answer to everybody */
	ACTION_HEALTH,	/* 200 while all of respond.healthy_if have a server up, else 503 */
	ACTION_STATUS,	/* this node's status over HTTP */
};

struct config_redirect {
	const char *scheme; /* NULL: that of the request */
	const char *host;   /* with its port, if it has one; NULL: that of the request */
	const char
		*path; /* in place of the request's; the query stays. NULL: that of the request */
	uint16_t status;
};

struct config_respond {
	uint16_t status;
	const char *type;
	const char *body;
	size_t body_len;
	const unsigned *healthy_if; /* indexes into config.backends */
	size_t n_healthy_if;
	bool status_page;
};

enum { CONFIG_NO_BACKEND = -1 };

/* A header field that is set, or (value NULL) removed. */
struct config_header {
	const char *name, *value;
};

/* How many requests may come from one source, for one host, or with one value of a header field. */
enum config_limit_by { LIMIT_BY_SOURCE, LIMIT_BY_HOST, LIMIT_BY_HEADER };

struct config_request_limit {
	uint32_t count; /* 0: no limit */
	uint64_t per_ms;
	uint32_t burst;
	enum config_limit_by by;
	const char *header; /* LIMIT_BY_HEADER; a request without it is counted by its source */
	uint32_t table;	    /* index into load.per_limit */
};

/* What a route changes of heads on their way: what is set replaces what was there. */
struct config_headers {
	const struct config_header *request_set, *response_set;
	size_t n_request_set, n_response_set;
	const struct config_header *request_remove, *response_remove;
	size_t n_request_remove, n_response_remove;
};

/* `hello`, `half_close` and `request`, `response`, `tunnel` belong to one of the modes each. */
struct config_listener_timeouts {
	uint64_t hello_ms, connect_ms, idle_ms, half_close_ms;
	uint64_t request_ms, response_ms, tunnel_ms;
};

/* Who may ask. */
struct config_auth {
	const char *realm;
	const char *file;    /* NULL: everybody may */
	struct users *users; /* as the file was when it was read; one count of them is ours */
	bool forward;	     /* the server gets the Authorization field too */
};

/* Answers of servers made smaller. */
struct config_compress {
	bool on;
	const char **types; /* media types; a star stands for anything */
	size_t n_types;
	uint64_t min_length; /* bytes; answers that do not say how long they are count as long */
	unsigned level;	     /* 1 … 9 */
};

struct config_route {
	const char **names; /* normalised; "*.x" are wildcards; none: any name */
	size_t n_names;
	int backend; /* index into config.backends; CONFIG_NO_BACKEND: it does something else */
	int line;
	/* mode = "http" */
	enum config_action action;
	const char *path; /* normalised (lib/http/path.h); "": any */
	struct config_redirect redirect;
	struct config_respond respond;
	const struct addr_prefix *allow, *deny; /* sources; no `allow`: everybody */
	size_t n_allow, n_deny;
	struct config_headers headers;
	struct config_auth auth;
	struct config_compress compress;
	struct config_listener_timeouts timeouts; /* the listener's, but for what the route says */
	uint64_t max_body;			  /* bytes of a request's body; 0: no limit */
	struct config_request_limit limit;
};

/* In mode = "http" the routes for one pattern of host names, the longest path first. */
struct config_host {
	const uint16_t *routes; /* indexes into the listener's */
	size_t n_routes;
	int next; /* the best host that is less exact and takes the same names; -1: none */
};

enum config_tls_version { TLS_1_2, TLS_1_3 };
enum config_tickets { TICKETS_OFF, TICKETS_LOCAL, TICKETS_CLUSTER };

struct config_tls {
	const char **certificates; /* files, and folders of files whose names end in ".pem" */
	size_t n_certificates;
	enum config_tls_version min_version;
	const char *ciphers; /* of TLS 1.2, in OpenSSL's words */
	const uint8_t *alpn; /* as the protocol has it (RFC 7301 3.1), best first */
	size_t alpn_size;
	uint64_t hsts_ms; /* 0: no Strict-Transport-Security */
	enum config_tickets session_tickets;
	struct certs *certs; /* as they were when the file was read; one count of them is ours */
};

struct config_listener {
	const char *name;
	enum config_mode mode;
	const struct config_tls *tls; /* NULL: plain. mode = "http" only */
	const struct config_bind *binds;
	size_t n_binds;
	const struct addr_prefix *accept_proxy;
	size_t n_accept_proxy;
	const struct addr_prefix *trusted_proxies; /* whose word of the client is kept */
	size_t n_trusted_proxies;
	struct config_listener_timeouts timeouts;
	struct config_rate_limit rate_limit;
	const struct config_route *routes;
	size_t n_routes;
	struct hostmatch *match; /* name -> index of a route; mode = "http": of a host */
	const struct config_host *hosts;
	size_t n_hosts;
	int default_backend; /* index into config.backends, or -1 */
	int line;
};

struct config_status_range {
	uint16_t from, to;
};

struct config_health {
	enum config_health_type type;
	const char *path;
	const char
		*host; /* Host header and server name in TLS; NULL: none, and the address as Host */
	const char *ca; /* PEM file to verify certificates against; NULL: not verified */
	const struct config_status_range *expect;
	size_t n_expect;
	uint64_t interval_ms, timeout_ms;
	unsigned fall, rise;
	uint16_t port; /* 0: the server's own */
};

struct config_server {
	const char *name;
	struct addr addr;
	uint32_t weight;	  /* 0 … 256 */
	uint32_t max_connections; /* 0: no limit */
	bool backup;
	uint64_t slow_start_ms;
	uint16_t health_port; /* 0: the backend's health.port, or the server's own */
	int line;
};

enum config_same_site { SAME_SITE_LAX, SAME_SITE_STRICT, SAME_SITE_NONE };

/* Clients stay with their server by a cookie. */
struct config_sticky {
	const char *cookie;  /* its name; NULL: they do not */
	uint64_t max_age_ms; /* 0: as long as the browser runs */
	enum config_same_site same_site;
};

enum { CONFIG_QUEUE_ANY = UINT32_MAX };
#define CONFIG_NOT_SAID UINT64_MAX

/* Who finds every server full. */
struct config_queue {
	uint32_t length;     /* so many may wait; CONFIG_QUEUE_ANY: any number */
	uint64_t timeout_ms; /* CONFIG_NOT_SAID: timeouts.connect */
};

struct config_backend {
	const char *name;
	enum balance_algo balance;
	enum config_proxy proxy_protocol;
	enum config_protocol protocol;
	unsigned retries; /* 0 … 10: further servers tried after the first */
	enum config_on_gone on_down, on_removed;
	struct config_sticky sticky;
	struct config_queue queue;
	struct config_health health;
	const struct config_server *servers;
	size_t n_servers;
	int line;
};

/* "fast": 25 ms, 300 ms; "default": 50 ms, 600 ms; "slow": 200 ms, 3 s. */
enum config_profile { PROFILE_FAST, PROFILE_DEFAULT, PROFILE_SLOW };
enum config_quorum { QUORUM_MAJORITY, QUORUM_NONE };

/* A virtual address: one node of the cluster has it at a time. */
struct config_vip {
	const char *text; /* "10.10.10.100/24", as written */
	struct addr addr; /* without a port */
	uint8_t bits;	  /* of the network it stands in; on the interface it is one address */
	const char *interface;
	const char *prefer; /* the node that has it when healthy; NULL: it stays where it is */
	bool preempt;	    /* false: `prefer` decides only who has it first */
	uint64_t preempt_delay_ms;
	int line;
};

struct config_cluster {
	const char *name;	  /* NULL: no cluster, and nothing of the rest is set */
	struct addr bind;	  /* UDP and TCP */
	const struct addr *peers; /* may name this node too */
	size_t n_peers;
	const char *keys; /* the file; it was good when the configuration was loaded */
	enum config_profile profile;
	uint32_t beat_ms, silent_ms; /* of the profile */
	enum config_quorum quorum;
	struct addr gateway;	       /* without a port; AF_UNSPEC: the default route's next hop */
	const struct config_vip *vips; /* some: a balancer, and so a voter; none: a backend node */
	size_t n_vips;
	const char *notify; /* program to run on changes; NULL: none */
};

struct config {
	struct arena *arena;
	const char *file; /* as given on the command line */
	const char *node;
	unsigned workers;	  /* at least 1: 0 in the file was resolved */
	const char *user, *group; /* NULL: unchanged */
	const char *state_dir;
	struct config_log log;
	struct config_limits limits;
	struct config_status status;
	const struct config_listener *listeners;
	size_t n_listeners;
	uint32_t n_request_limits; /* of routes */
	const struct config_backend *backends;
	size_t n_backends;
	struct config_cluster cluster;
	uint64_t digest; /* of what should be equal on all nodes of a role: config/digest.h */
};

/* Takes a config made by config_load() back, with all it holds. NULL is allowed. */
void config_free(struct config *c);

#endif

/* How the servers of one backend are checked: made once from its configuration, used by every probe of it.
 * owner: checks; thread: control. */
#ifndef CONTROL_PROBE_PLAN_H
#define CONTROL_PROBE_PLAN_H

#include "config/config.h"

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

struct probe_plan {
	const struct config_health *health;
	enum config_proxy proxy;
	bool h2c;	  /* HTTP/2 by prior knowledge, of http */
	SSL_CTX *tls;	  /* tls and https only; else NULL */
	const char *name; /* sent as SNI; NULL: none, also where health.host is an address */
};

/* False: `why` says what stands in the way, and there is nothing to close. */
bool probe_plan_open(
	struct probe_plan *plan, const struct config_backend *b, char *why, size_t why_size);
/* Whether both ask for the same; what a file of theirs holds is not looked at. */
bool probe_plan_eq(const struct probe_plan *a, const struct probe_plan *b);
void probe_plan_close(struct probe_plan *plan);

/* Where a server is checked: its own address with the port of the server's health.port, the backend's, or its own. */
struct addr probe_plan_addr(
	const struct probe_plan *plan, const struct addr *server, uint16_t health_port);

/* A connection to `addr` in the making, with server name and verification as planned. NULL: out of memory. */
SSL *probe_plan_ssl(const struct probe_plan *plan, const struct addr *addr);

/* Both return the bytes written, 0 where nothing is sent; PROBE_REQUEST_MAX always fit. */
enum { PROBE_REQUEST_MAX = 4096 };
size_t probe_plan_proxy_header(const struct probe_plan *plan, char buf[PROBE_REQUEST_MAX]);
size_t probe_plan_request(
	const struct probe_plan *plan, const struct addr *addr, char buf[PROBE_REQUEST_MAX]);

bool probe_plan_expects(const struct probe_plan *plan, unsigned status);

#endif

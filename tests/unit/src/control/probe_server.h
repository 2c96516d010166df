/* Servers for probe_test: each accepts one connection on loopback in a thread of its own, does what its function says,
 * and closes. */
#ifndef PROBE_SERVER_H
#define PROBE_SERVER_H

#include "net/addr.h"

#include <stdbool.h>

struct probe_server;
typedef void probe_serve(struct probe_server *s, int fd);

struct probe_server *probe_server_start(probe_serve *serve); /* ends the program where it cannot */
const struct addr *probe_server_addr(const struct probe_server *s);
const char *probe_server_seen(const struct probe_server *s); /* after the join */
void probe_server_join(struct probe_server *s);		     /* waits until it has served */
void probe_server_stop(struct probe_server *s);		     /* joins if that is not done, frees */

/* A listening socket whose backlog is full, and what fills it: the caller closes all three. */
void probe_server_full_backlog(struct addr *ret_addr, int ret_fds[3]);

probe_serve serve_until_closed, serve_silence, serve_close, serve_reset, serve_garbage;
probe_serve serve_ok, serve_interim, serve_error, serve_half, serve_trickle, serve_endless,
	serve_endless_line;
probe_serve serve_tls, serve_tls_silence, serve_https_ok, serve_https_error, serve_https_nothing;

/* What they see: "end" for an orderly one, else the name of an errno. */
probe_serve serve_body_then_look, serve_banner_then_look, serve_tls_then_look;

/* Self-signed certificates for "node.test" and another name, in files. */
bool probe_server_make_certificates(void);
void probe_server_drop_certificates(void);
const char *probe_server_ca(void);
const char *probe_server_other_ca(void);

#endif

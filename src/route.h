/* Where a name goes on a listener: the one answer that the data plane, `explain` and `show routes` share.
 *
 * Exact names beat wildcards, the longest wildcard wins, a route without names takes what is left, a hello
 * without a name included; then default_backend. Pure and without allocation: any thread may ask. */
#ifndef ROUTE_H
#define ROUTE_H

#include "base/span.h"
#include "config/config.h"

enum { ROUTE_NONE = -1 };

/* `name` as the client sent it, empty where it sent none. Returns the index of a backend in config.backends, or
 * ROUTE_NONE where nothing takes the name. *ret_route is the index of the listener's route, or ROUTE_NONE where
 * default_backend, or nothing, took it; it is written in every case. */
int route_backend(const struct config_listener *listener, struct span name, int *ret_route);

/* The same for a name that hostname_normalize has made, as that of a parsed hello. */
int route_normal(const struct config_listener *listener, struct span normal, int *ret_route);

/* The same for a request on a listener of mode = "http": the index of its route, or ROUTE_NONE. A host beats
 * no host, exact beats wildcard, the longest wildcard wins, then the longest path that the request's begins
 * with, up to a '/'; a host none of whose paths does leaves the request to the next best host. `host` is
 * normalised (empty: none, or an address in brackets), and so is `path` (lib/http/path.h). */
int route_request(const struct config_listener *listener, struct span host, struct span path);

#endif

#include "route.h"

#include "http/path.h"

int route_normal(const struct config_listener *listener, struct span normal, int *ret_route)
{
	int route = hostmatch_find(listener->match, normal);

	if (route == HOSTMATCH_NONE) {
		*ret_route = ROUTE_NONE;
		return listener->default_backend;
	}
	*ret_route = route;
	return listener->routes[route].backend;
}

int route_backend(const struct config_listener *listener, struct span name, int *ret_route)
{
	char normal[HOSTNAME_SIZE];
	int n = hostmatch_normalize(name, normal);

	/* What cannot be a host name is no route's name, but a route for any name still takes it. */
	return route_normal(listener, span_of(normal, n > 0 ? (size_t)n : 0), ret_route);
}

static int route_on_host(
	const struct config_listener *listener, const struct config_host *host, struct span path)
{
	for (size_t i = 0; i < host->n_routes; i++) {
		int route = host->routes[i];

		if (http_path_is_under(path, span_str(listener->routes[route].path)))
			return route;
	}
	return ROUTE_NONE;
}

int route_request(const struct config_listener *listener, struct span host, struct span path)
{
	int at = hostmatch_find(listener->match, host);
	int route = ROUTE_NONE;

	for (; at != HOSTMATCH_NONE && route == ROUTE_NONE; at = listener->hosts[at].next)
		route = route_on_host(listener, &listener->hosts[at], path);
	return route;
}

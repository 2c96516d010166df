#include "route.h"

int route_backend(const struct config_listener *listener, struct span name, int *ret_route)
{
	char normal[HOSTNAME_SIZE];
	int n = hostmatch_normalize(name, normal);
	/* What cannot be a host name is no route's name, but a route for any name still takes it. */
	int route = hostmatch_find(listener->match, span_of(normal, n > 0 ? (size_t)n : 0));

	if (route == HOSTMATCH_NONE) {
		*ret_route = ROUTE_NONE;
		return listener->default_backend;
	}
	*ret_route = route;
	return (int)listener->routes[route].backend;
}

#include "config/case.h"
#include "route.h"

#include <criterion/criterion.h>
#include <stdio.h>

TestSuite(route, .init = case_enter, .fini = case_leave);

static struct config *routes(const char *listener)
{
	char text[1024];

	snprintf(text, sizeof(text),
		"backends = ( { name = \"a\"; servers = ( { name = \"s\"; address = "
		"\"10.0.0.1:1\"; } ); },\n"
		"{ name = \"b\"; servers = ( { name = \"s\"; address = \"10.0.0.2:1\"; } ); },\n"
		"{ name = \"c\"; servers = ( { name = \"s\"; address = \"10.0.0.3:1\"; } ); } );\n"
		"listeners = ( { name = \"l\"; bind = [\"*:443\"]; %s } );\n",
		listener);
	return case_load(text);
}

static void expect_route(const struct config *c, const char *name, int backend, int route)
{
	int ret_route = -9;

	cr_expect_eq(
		route_backend(&c->listeners[0], span_str(name), &ret_route), backend, "%s", name);
	cr_expect_eq(ret_route, route, "%s", name);
}

Test(route, exact_beats_wildcard_and_the_longest_wildcard_wins)
{
	struct config *c = routes("routes = ( { sni = [\"*.example\"]; backend = \"a\"; },\n"
				  "{ sni = [\"*.x.example\"]; backend = \"b\"; },\n"
				  "{ sni = [\"a.x.example\"]; backend = \"c\"; } );");

	expect_route(c, "y.example", 0, 0);
	expect_route(c, "y.x.example", 1, 1);
	expect_route(c, "z.a.x.example", 1, 1);
	expect_route(c, "a.x.example", 2, 2);
	expect_route(c, "example", ROUTE_NONE, ROUTE_NONE);
	config_free(c);
}

Test(route, case_a_trailing_dot_and_a_port_do_not_count)
{
	struct config *c = routes("routes = ( { sni = [\"a.example\"]; backend = \"b\"; } );");

	expect_route(c, "A.Example", 1, 0);
	expect_route(c, "a.example.", 1, 0);
	expect_route(c, "a.example:443", 1, 0);
	config_free(c);
}

Test(route, default_backend_takes_what_no_route_has)
{
	struct config *c = routes("routes = ( { sni = [\"a.example\"]; backend = \"b\"; } ); "
				  "default_backend = \"c\";");

	expect_route(c, "b.example", 2, ROUTE_NONE);
	expect_route(c, "", 2, ROUTE_NONE);
	expect_route(c, "not a name", 2, ROUTE_NONE);
	config_free(c);
}

Test(route, a_route_without_names_takes_what_is_left_even_no_name)
{
	struct config *c = routes(
		"routes = ( { sni = [\"a.example\"]; backend = \"b\"; }, { backend = \"a\"; } );");

	expect_route(c, "a.example", 1, 0);
	expect_route(c, "b.example", 0, 1);
	expect_route(c, "", 0, 1);
	expect_route(c, "..", 0, 1);
	config_free(c);
}

Test(route, without_routes_nothing_is_taken)
{
	struct config *c = routes("");

	expect_route(c, "a.example", ROUTE_NONE, ROUTE_NONE);
	expect_route(c, "", ROUTE_NONE, ROUTE_NONE);
	config_free(c);
}

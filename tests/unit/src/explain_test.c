#include "config/case.h"
#include "explain.h"

#include <criterion/criterion.h>
#include <stdlib.h>

TestSuite(explain, .init = case_enter, .fini = case_leave);

static const char file[] =
	"listeners = ( { name = \"l\"; bind = [\"*:443\", \"10.0.0.9:8443\"];\n"
	"routes = (\n"
	"  { sni = [\"a.example\", \"*.a.example\", \"*.xn--bcher-kva.example\"]; backend = \"b\"; "
	"} ); },\n"
	"{ name = \"m\"; bind = [\"*:444\"]; default_backend = \"b\"; },\n"
	"{ name = \"n\"; bind = [\"*:445\"]; routes = ( { backend = \"b\"; } ); } );\n"
	"backends = ( { name = \"b\"; balance = \"leastconn\"; proxy_protocol = \"v2\"; servers = "
	"(\n"
	"  { name = \"s\"; address = \"10.0.0.1:443\"; },\n"
	"  { name = \"t\"; address = \"[2001:db8::1]:443\"; weight = 0; backup = true; } ); } );\n";

#define BACKEND                                                                                    \
	"  backend  b (balance leastconn, proxy_protocol v2)\n"                                    \
	"  server   s 10.0.0.1:443\n"                                                              \
	"  server   t [2001:db8::1]:443, weight 0 (gets no new connections), backup\n"
#define REST                                                                                       \
	"listener m (passthrough) *:444\n"                                                         \
	"  pattern  default_backend: no route has the name\n" BACKEND                              \
	"listener n (passthrough) *:445\n"                                                         \
	"  pattern  any name (routes[0], line 5)\n" BACKEND

static void expect_explained(const char *name, const char *expected)
{
	struct config *c = case_load(file);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	cr_assert(out);
	explain_name(c, name, out);
	fclose(out);
	cr_expect_str_eq(text, expected, "said:\n%s", text);
	free(text);
	config_free(c);
}

Test(explain, a_name_with_a_route_is_followed_to_the_servers)
{
	expect_explained("a.example", "name     a.example\n"
				      "listener l (passthrough) *:443, 10.0.0.9:8443\n"
				      "  pattern  a.example (routes[0], line 3)\n" BACKEND REST);
}

Test(explain, the_pattern_is_the_one_that_won)
{
	expect_explained("X.y.A.example.",
		"name     X.y.A.example.\n"
		"listener l (passthrough) *:443, 10.0.0.9:8443\n"
		"  pattern  *.a.example (routes[0], line 3)\n" BACKEND REST);
}

Test(explain, a_name_without_a_route_gets_its_alert)
{
	expect_explained("b.example",
		"name     b.example\n"
		"listener l (passthrough) *:443, 10.0.0.9:8443\n"
		"  no route: the client gets the TLS alert unrecognized_name (112)\n" REST);
}

Test(explain, a_path_is_said_to_decide_nothing)
{
	expect_explained("a.example/x",
		"name     a.example\n"
		"path     /x: not seen in mode passthrough, it decides nothing\n"
		"listener l (passthrough) *:443, 10.0.0.9:8443\n"
		"  pattern  a.example (routes[0], line 3)\n" BACKEND REST);
}

Test(explain, a_name_may_be_written_in_unicode)
{
	expect_explained("www.b\xc3\xbc"
			 "cher.example",
		"name     www.xn--bcher-kva.example\n"
		"listener l (passthrough) *:443, 10.0.0.9:8443\n"
		"  pattern  *.xn--bcher-kva.example (routes[0], line 3)\n" BACKEND REST);
}

Test(explain, no_name_at_all_can_be_asked_for)
{
	expect_explained("",
		"name     none: a hello without a server name\n"
		"listener l (passthrough) *:443, 10.0.0.9:8443\n"
		"  no route: the client gets the TLS alert unrecognized_name (112)\n" REST);
}

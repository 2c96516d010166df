#include "case.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(config_listener, .init = case_enter, .fini = case_leave);

#define NAME_EXPECTED                                                                              \
	"expected a host name such as \"example.com\" or \"*.example.com\" (without sni a route "  \
	"takes "                                                                                   \
	"every name)"
#define BIND_EXPECTED                                                                              \
	"expected an address and a port such as \"*:443\", \"10.10.10.100:443\" or "               \
	"\"[2001:db8::1]:443\""

Test(config_listener, the_defaults_are_those_of_the_documentation)
{
	struct config *c = case_listener("default_backend = \"b\";");
	const struct config_listener *l = &c->listeners[0];

	cr_expect_str_eq(l->name, "l");
	cr_expect_eq(l->mode, MODE_PASSTHROUGH);
	cr_expect_eq(l->timeouts.hello_ms, 5000);
	cr_expect_eq(l->timeouts.connect_ms, 2000);
	cr_expect_eq(l->timeouts.idle_ms, 3600000);
	cr_expect_eq(l->timeouts.half_close_ms, 30000);
	cr_expect_eq(l->rate_limit.count, 0);
	cr_expect_eq(l->n_accept_proxy, 0);
	cr_expect_eq(l->n_routes, 0);
	cr_expect_eq(l->default_backend, 0);
	cr_expect_eq(l->line, 1);
	config_free(c);
}

Test(config_listener, what_the_file_says_is_what_the_config_holds)
{
	struct config *c = case_listener(
		"mode = \"passthrough\"; accept_proxy = [\"10.0.0.0/8\", \"::1\"];\n"
		"timeouts = { hello = \"500ms\"; connect = \"1s\"; idle = \"365d\"; half_close = "
		"\"0s\"; };\n"
		"rate_limit = { connections = 200; per = \"2s\"; burst = 400; by = \"source\"; "
		"store = \"local\"; };\n"
		"routes = ( { sni = [\"a.example\", \"*.a.example\"]; backend = \"b\"; },\n"
		"{ backend = \"b\"; } );");
	const struct config_listener *l = &c->listeners[0];

	cr_expect_str_eq(l->binds[0].text, "*:443");
	cr_expect(addr_is_any(&l->binds[0].addr));
	cr_expect_eq(l->n_accept_proxy, 2);
	cr_expect_eq(l->timeouts.hello_ms, 500);
	cr_expect_eq(l->timeouts.idle_ms, (uint64_t)365 * 24 * 3600 * 1000);
	cr_expect_eq(l->timeouts.half_close_ms, 0);
	cr_expect_eq(l->rate_limit.count, 200);
	cr_expect_eq(l->rate_limit.per_ms, 2000);
	cr_expect_eq(l->rate_limit.burst, 400);
	cr_assert_eq(l->n_routes, 2);
	cr_expect_eq(l->routes[0].n_names, 2);
	cr_expect_str_eq(l->routes[0].names[1], "*.a.example");
	cr_expect_eq(l->routes[1].n_names, 0);
	cr_expect_eq(l->routes[1].line, 5);
	config_free(c);
}

Test(config_listener, a_burst_is_the_count_unless_given)
{
	struct config *c =
		case_listener("default_backend = \"b\"; rate_limit = { connections = 7; };");

	cr_expect_eq(c->listeners[0].rate_limit.burst, 7);
	cr_expect_eq(c->listeners[0].rate_limit.per_ms, 1000);
	config_free(c);
}

Test(config_listener, name_and_bind_are_required)
{
	case_errors("backends = (); listeners = (\n{ } );\n",
		"t.conf:2: listeners[0].name: missing; expected a name such as \"https\"\n"
		"t.conf:2: listeners[0].bind: missing; expected a list of addresses such as "
		"[\"*:443\"] or "
		"[\"10.10.10.100:443\"]");
}

Test(config_listener, a_name_is_what_tools_can_carry)
{
	case_errors("backends = (); listeners = ( { name = \"a,b\"; bind = [\"*:1\"]; },\n"
		    "{ name = \"\"; bind = [\"*:2\"]; }, { name = 5; bind = [\"*:3\"]; } );\n",
		"t.conf:1: listeners[0].name: found \"a,b\"; expected a name of up to 63 letters, "
		"digits, '-', '_', "
		"'.' and ':'\n"
		"t.conf:2: listeners[1].name: found \"\"; expected a name of up to 63 letters, "
		"digits, '-', '_', "
		"'.' and ':'\n"
		"t.conf:2: listeners[2].name: found integer 5; expected a name of up to 63 "
		"letters, digits, '-', '_', "
		"'.' and ':'");
}

Test(config_listener, the_hello_in_the_documentation)
{
	case_listener_errors("timeouts = { hello = 5; };",
		"t.conf:1: listeners[0].timeouts.hello: found "
		"integer 5; expected a duration such as \"5s\"");
}

Test(config_listener, a_mode_is_one_that_there_is)
{
	case_listener_errors("mode = \"passtrough\";",
		"t.conf:1: listeners[0].mode: found \"passtrough\"; expected \"passthrough\" "
		"or \"http\"; did you mean \"passthrough\"?");
}

Test(config_listener, keys_of_mode_http_are_said_to_be_that)
{
	case_listener_errors("tls = { }; trusted_proxies = [];\n timeouts = { request = \"5s\"; "
			     "tunnel = \"1h\"; };\n"
			     "routes = ( { host = [\"a\"]; path = \"/\"; backend = \"b\"; } );",
		"t.conf:1: listeners[0].tls: belongs to mode = \"http\"; this listener has mode = "
		"\"passthrough\"\n"
		"t.conf:1: listeners[0].trusted_proxies: belongs to mode = \"http\"; this listener "
		"has mode = "
		"\"passthrough\"\n"
		"t.conf:2: listeners[0].timeouts.request: belongs to mode = \"http\"; this "
		"listener has mode = "
		"\"passthrough\": use \"hello\"\n"
		"t.conf:2: listeners[0].timeouts.tunnel: belongs to mode = \"http\"; this listener "
		"has mode = "
		"\"passthrough\": use \"idle\"\n"
		"t.conf:3: listeners[0].routes[0].host: belongs to mode = \"http\"; this listener "
		"has mode = "
		"\"passthrough\": use \"sni\"\n"
		"t.conf:3: listeners[0].routes[0].path: belongs to mode = \"http\"; this listener "
		"has mode = "
		"\"passthrough\"");
}

static void bind_refused(const char *bind, const char *why)
{
	char text[256], expected[512];

	snprintf(text, sizeof(text),
		"backends = (); listeners = ( { name = \"l\"; bind = [\"%s\"]; } );\n", bind);
	snprintf(expected, sizeof(expected),
		"t.conf:1: listeners[0].bind[0]: found \"%s\": %s; " BIND_EXPECTED, bind, why);
	case_errors(text, expected);
}

Test(config_listener, an_address_that_nothing_can_listen_on_is_refused)
{
	bind_refused("*:0", "the port is not within 1 to 65535");
	bind_refused("*:65536", "the port is not within 1 to 65535");
	bind_refused("*:https", "the port is not a number");
	bind_refused("10.0.0.1", "it has no port");
	bind_refused("[::1]", "it has no port");
	bind_refused("::1:443", "an IPv6 address stands in brackets");
	bind_refused("lb.example:443", "names are not looked up");
	bind_refused("10.0.0.256:443", "there is no such address");
	bind_refused("224.0.0.1:443", "a multicast address");
	bind_refused("[ff02::1]:443", "a multicast address");
	bind_refused("255.255.255.255:443", "a reserved address");
	bind_refused("0.1.2.3:443", "a reserved address");
	bind_refused("[fe80::1]:443",
		"a link-local address needs its interface, as in \"[fe80::1%eth0]:443\"");
	bind_refused(
		"[fe80::1%nowhere]:443", "there is no such address, or no such interface here");
}

Test(config_listener, an_empty_bind_is_refused)
{
	case_errors("backends = (); listeners = ( { name = \"l\"; bind = []; } );\n",
		"t.conf:1: listeners[0].bind: found an empty list; expected a list of addresses "
		"such as "
		"[\"*:443\"] or [\"10.10.10.100:443\"]");
}

Test(config_listener, sources_of_the_proxy_protocol_are_networks)
{
	case_listener_errors(
		"accept_proxy = [\"10.0.0.1/8\", \"10.0.0.0/33\", \"x\", \"10.0.0.0/a\", 5];",
		"t.conf:1: listeners[0].accept_proxy[0]: found \"10.0.0.1/8\": the length is too "
		"large, or the "
		"address has bits beyond it; expected a network or an address such as "
		"\"100.64.0.0/10\" or "
		"\"10.10.10.10\"\n"
		"t.conf:1: listeners[0].accept_proxy[1]: found \"10.0.0.0/33\": the length is too "
		"large, or the "
		"address has bits beyond it; expected a network or an address such as "
		"\"100.64.0.0/10\" or "
		"\"10.10.10.10\"\n"
		"t.conf:1: listeners[0].accept_proxy[2]: found \"x\": there is no such address; "
		"expected a network or "
		"an address such as \"100.64.0.0/10\" or \"10.10.10.10\"\n"
		"t.conf:1: listeners[0].accept_proxy[3]: found \"10.0.0.0/a\": the length behind "
		"the slash is not a "
		"number; expected a network or an address such as \"100.64.0.0/10\" or "
		"\"10.10.10.10\"\n"
		"t.conf:1: listeners[0].accept_proxy[4]: found integer 5; expected a network or an "
		"address such as "
		"\"100.64.0.0/10\" or \"10.10.10.10\"");
}

Test(config_listener, a_rate_limit_counts_connections_of_a_source_here)
{
	case_listener_errors("rate_limit = { per = \"1s\"; };",
		"t.conf:1: listeners[0].rate_limit.connections: missing; expected how many "
		"connections a source may "
		"make in `per`");
	case_listener_errors("rate_limit = { connections = 0; per = \"0s\"; burst = 0; };",
		"t.conf:1: listeners[0].rate_limit.connections: found integer 0; expected an "
		"integer from 1 to "
		"1000000000\n"
		"t.conf:1: listeners[0].rate_limit.per: found \"0s\"; expected a duration from 1ms "
		"to 1d\n"
		"t.conf:1: listeners[0].rate_limit.burst: found integer 0; expected an integer "
		"from 1 to 1000000000");
	case_listener_errors(
		"rate_limit = { connections = 1; by = \"header:X-Key\"; store = \"cluster\"; };",
		"t.conf:1: listeners[0].rate_limit.by: found \"header:X-Key\": it belongs to mode "
		"= \"http\"; expected "
		"\"source\" in mode = \"passthrough\"\n"
		"t.conf:1: listeners[0].rate_limit.store: \"cluster\" is not supported yet by this "
		"version");
	case_listener_errors("rate_limit = { connections = 1; by = \"src\"; store = \"disk\"; };",
		"t.conf:1: listeners[0].rate_limit.by: found \"src\"; expected \"source\"\n"
		"t.conf:1: listeners[0].rate_limit.store: found \"disk\"; expected \"local\"");
}

Test(config_listener, an_unknown_backend_is_refused_with_the_nearest)
{
	case_listener_errors("routes = ( { backend = \"bb\"; } ); default_backend = 5;",
		"t.conf:1: listeners[0].routes[0].backend: found \"bb\"; expected the name of a "
		"backend\n"
		"t.conf:1: listeners[0].default_backend: found integer 5; expected the name of a "
		"backend");
	case_errors("backends = ( { name = \"aegis\"; servers = ( { name = \"s\"; address = "
		    "\"10.0.0.1:1\"; } ); } );\n"
		    "listeners = ( { name = \"l\"; bind = [\"*:443\"]; default_backend = "
		    "\"aegsi\"; } );\n",
		"t.conf:2: listeners[0].default_backend: found \"aegsi\"; expected the name of a "
		"backend; did you mean "
		"\"aegis\"?");
}

Test(config_listener, a_route_leads_somewhere)
{
	case_listener_errors("routes = ( { sni = [\"a.example\"]; },\n 5 );",
		"t.conf:1: listeners[0].routes[0].backend: missing; expected the name of a "
		"backend\n"
		"t.conf:2: listeners[0].routes[1]: found integer 5; expected a group { key = "
		"value; ... }");
}

Test(config_listener, names_are_kept_as_they_are_compared)
{
	struct config *c = case_listener("routes = ( { sni = [\"A.Example.\", \"*.B\xc3\x9c"
					 "cher.example\"]; backend = \"b\"; } );");
	const struct config_route *route = &c->listeners[0].routes[0];

	cr_expect_str_eq(route->names[0], "a.example");
	cr_expect_str_eq(route->names[1], "*.xn--bcher-kva.example");
	config_free(c);
}

Test(config_listener, two_routes_with_the_same_name_are_refused)
{
	case_listener_errors(
		"routes = ( { sni = [\"a.example\", \"*.b.example\"]; backend = \"b\"; },\n"
		"{ sni = [\"c.example\",\n\"A.example.\",\n\"*.B.example\"]; backend = \"b\"; } );",
		"t.conf:3: listeners[0].routes[1].sni[1]: found \"A.example.\", which routes[0] "
		"(line 1) takes "
		"already; expected each name once\n"
		"t.conf:4: listeners[0].routes[1].sni[2]: found \"*.B.example\", which routes[0] "
		"(line 1) takes "
		"already; expected each name once");
}

Test(config_listener, the_two_spellings_of_a_name_are_the_same_name)
{
	case_listener_errors("routes = ( { sni = [\"b\xc3\xbc"
			     "cher.example\", \"xn--bcher-kva.example\"]; backend = "
			     "\"b\"; } );",
		"t.conf:1: listeners[0].routes[0].sni[1]: found \"xn--bcher-kva.example\", which "
		"routes[0] (line 1) "
		"takes already; expected each name once");
}

Test(config_listener, two_routes_for_every_name_are_refused)
{
	case_listener_errors("routes = ( { backend = \"b\"; },\n { backend = \"b\"; } );",
		"t.conf:2: listeners[0].routes[1]: takes every name, as routes[0] (line 1) does "
		"already; expected sni "
		"= [...] in one of them");
}

static void name_refused(const char *name, const char *why)
{
	char piece[512], expected[512];

	snprintf(piece, sizeof(piece), "routes = ( { sni = [\"%s\"]; backend = \"b\"; } );", name);
	snprintf(expected, sizeof(expected),
		"t.conf:1: listeners[0].routes[0].sni[0]: found \"%s\": %s; " NAME_EXPECTED, name,
		why);
	case_listener_errors(piece, expected);
}

Test(config_listener, what_is_no_host_name_is_refused)
{
	name_refused("", "the name is empty");
	name_refused("a..b", "a label is empty or longer than 63 bytes");
	name_refused("*", "a wildcard is the whole first label, as in \"*.example.com\"");
	name_refused("a.*.b", "a wildcard is the whole first label, as in \"*.example.com\"");
	name_refused("a b", "a name holds only letters, digits, '-', '_' and '.'");
	name_refused("a.example:443", "a name holds only letters, digits, '-', '_' and '.'");
	name_refused("10.0.0.1", "no client sends an address as the server's name");
}

Test(config_listener, an_empty_list_of_names_is_not_every_name)
{
	case_listener_errors("routes = ( { sni = []; backend = \"b\"; } );",
		"t.conf:1: listeners[0].routes[0].sni: found an empty list; expected a list of "
		"names such as "
		"[\"example.com\", \"*.example.com\"]; without sni a route takes every name");
}

Test(config_listener, elements_of_the_wrong_type_are_named_one_by_one)
{
	case_listener_errors("routes = ( { sni = [\"a.example\", 5, true]; backend = \"b\"; } );",
		"t.conf:1: listeners[0].routes[0].sni[1]: found integer 5; " NAME_EXPECTED "\n"
		"t.conf:1: listeners[0].routes[0].sni[2]: found true; " NAME_EXPECTED);
}

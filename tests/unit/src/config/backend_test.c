#include "case.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(config_backend, .init = case_enter, .fini = case_leave);

#define SERVER_EXPECTED                                                                            \
	"expected an address and a port such as \"10.10.10.103:443\" or \"[2001:db8::1]:443\""

Test(config_backend, the_defaults_are_those_of_the_documentation)
{
	struct config *c = case_backend("");
	const struct config_backend *b = &c->backends[0];

	cr_expect_str_eq(b->name, "b");
	cr_expect_eq(b->balance, BALANCE_ROUNDROBIN);
	cr_expect_eq(b->proxy_protocol, PROXY_OFF);
	cr_expect_eq(b->retries, 2);
	cr_expect_eq(b->on_down, ON_GONE_KEEP);
	cr_expect_eq(b->on_removed, ON_GONE_KEEP);
	cr_expect_eq(b->health.type, HEALTH_TCP);
	cr_expect_eq(b->health.interval_ms, 5000);
	cr_expect_eq(b->health.timeout_ms, 2000);
	cr_expect_eq(b->health.fall, 3);
	cr_expect_eq(b->health.rise, 2);
	cr_expect_str_eq(b->health.path, "/");
	cr_expect_null(b->health.host);
	cr_expect_null(b->health.ca);
	cr_expect_eq(b->health.expect[0].from, 200);
	cr_expect_eq(b->health.expect[0].to, 399);
	cr_expect_eq(b->servers[0].weight, 1);
	cr_expect_eq(b->servers[0].max_connections, 0);
	cr_expect_not(b->servers[0].backup);
	cr_expect_eq(b->servers[0].slow_start_ms, 0);
	cr_expect_eq(b->servers[0].health_port, 0);
	config_free(c);
}

Test(config_backend, what_the_file_says_is_what_the_config_holds)
{
	struct config *c = case_load(
		"listeners = (); backends = ( { name = \"b\"; balance = \"random2\"; "
		"proxy_protocol = \"v1\"; retries = 0;\n"
		"on_down = \"close\"; on_removed = \"close\";\n"
		"health = { type = \"https\"; path = \"/health\"; host = \"Aegis.example\"; expect "
		"= [\"200-299\", \"404\"];\n"
		"  interval = \"1s\"; timeout = \"500ms\"; fall = 4; rise = 5; port = 9000; };\n"
		"servers = ( { name = \"s\"; address = \"[2001:db8::1]:443\"; weight = 0; "
		"max_connections = 7; backup = true;\n"
		"  slow_start = \"30s\"; health = { port = 9001; }; } ); } );\n");
	const struct config_backend *b = &c->backends[0];
	const struct config_server *s = &b->servers[0];
	char text[ADDR_TEXT_MAX];

	cr_expect_eq(b->balance, BALANCE_RANDOM2);
	cr_expect_eq(b->proxy_protocol, PROXY_V1);
	cr_expect_eq(b->retries, 0);
	cr_expect_eq(b->on_down, ON_GONE_CLOSE);
	cr_expect_eq(b->on_removed, ON_GONE_CLOSE);
	cr_expect_eq(b->health.type, HEALTH_HTTPS);
	cr_expect_str_eq(b->health.path, "/health");
	cr_expect_str_eq(b->health.host, "aegis.example");
	cr_assert_eq(b->health.n_expect, 2);
	cr_expect_eq(b->health.expect[1].from, 404);
	cr_expect_eq(b->health.expect[1].to, 404);
	cr_expect_eq(b->health.interval_ms, 1000);
	cr_expect_eq(b->health.timeout_ms, 500);
	cr_expect_eq(b->health.fall, 4);
	cr_expect_eq(b->health.rise, 5);
	cr_expect_eq(b->health.port, 9000);
	cr_expect_str_eq(addr_format(&s->addr, text), "[2001:db8::1]:443");
	cr_expect_eq(s->weight, 0);
	cr_expect_eq(s->max_connections, 7);
	cr_expect(s->backup);
	cr_expect_eq(s->slow_start_ms, 30000);
	cr_expect_eq(s->health_port, 9001);
	cr_expect_eq(s->line, 5);
	config_free(c);
}

Test(config_backend, name_and_servers_are_required)
{
	case_errors("listeners = (); backends = (\n{ } );\n",
		"t.conf:2: backends[0].name: missing; expected a name such as \"aegis\"\n"
		"t.conf:2: backends[0].servers: missing; expected a list of servers such as ( { "
		"name = \"aegis-01\"; "
		"address = \"10.10.10.103:443\"; } )");
}

Test(config_backend, a_backend_without_servers_is_refused)
{
	case_errors("listeners = (); backends = ( { name = \"b\"; servers = (); } );\n",
		"t.conf:1: backends[0].servers: found an empty list; expected a list of servers "
		"such as ( { name = "
		"\"aegis-01\"; address = \"10.10.10.103:443\"; } )");
}

Test(config_backend, words_are_of_those_that_there_are)
{
	case_backend_errors("balance = \"roundrobbin\"; proxy_protocol = \"v3\"; on_down = "
			    "\"drop\"; on_removed = 1;",
		"t.conf:1: backends[0].balance: found \"roundrobbin\"; expected \"roundrobin\", "
		"\"leastconn\", "
		"\"source\" or \"random2\"; did you mean \"roundrobin\"?\n"
		"t.conf:1: backends[0].proxy_protocol: found \"v3\"; expected \"off\", \"v1\" or "
		"\"v2\"\n"
		"t.conf:1: backends[0].on_down: found \"drop\"; expected \"keep\" or \"close\"\n"
		"t.conf:1: backends[0].on_removed: found integer 1; expected \"keep\" or "
		"\"close\"");
}

Test(config_backend, retries_are_bounded)
{
	case_backend_errors("retries = 11;", "t.conf:1: backends[0].retries: found integer 11; "
					     "expected an integer from 0 to 10");
	case_backend_errors("retries = -1;", "t.conf:1: backends[0].retries: found integer -1; "
					     "expected an integer from 0 to 10");
}

Test(config_backend, protocol_is_one_that_is_known)
{
	case_backend_errors("protocol = \"h3\";",
		"t.conf:1: backends[0].protocol: found \"h3\"; expected \"http/1.1\" or \"h2c\"");
}

Test(config_backend, queue_is_of_any_length_and_as_patient_as_a_connect_unless_said)
{
	struct config *c = case_backend("queue = { };");

	cr_expect_eq(c->backends[0].queue.length, CONFIG_QUEUE_ANY);
	cr_expect_eq(c->backends[0].queue.timeout_ms, CONFIG_NOT_SAID);
	config_free(c);
	c = case_backend("queue = { length = 0; timeout = \"5s\"; };");
	cr_expect_eq(c->backends[0].queue.length, 0);
	cr_expect_eq(c->backends[0].queue.timeout_ms, 5000);
	config_free(c);
	case_backend_errors("queue = { lenght = 5; timeout = 5; };",
		"t.conf:1: backends[0].queue.lenght: unknown key; did you mean \"length\"?\n"
		"t.conf:1: backends[0].queue.timeout: found integer 5; expected a duration such as "
		"\"5s\"");
}

Test(config_backend, sticky_needs_a_cookie_that_can_be_one)
{
	struct config *c = case_backend(
		"sticky = { cookie = \"sid\"; max_age = \"1h\"; same_site = \"strict\"; };");
	const struct config_sticky *s = &c->backends[0].sticky;

	cr_expect_str_eq(s->cookie, "sid");
	cr_expect_eq(s->max_age_ms, 3600000);
	cr_expect_eq(s->same_site, SAME_SITE_STRICT);
	config_free(c);
	case_backend_errors("sticky = { };",
		"t.conf:1: backends[0].sticky.cookie: missing; expected the name of a cookie such "
		"as "
		"\"aegis\": letters, digits and !#$%&'*+-.^_`|~, at most 64");
	case_backend_errors("sticky = { cookie = \"a b\"; samesite = 1; };",
		"t.conf:1: backends[0].sticky.samesite: unknown key; did you mean \"same_site\"?\n"
		"t.conf:1: backends[0].sticky.cookie: found \"a b\"; expected the name of a "
		"cookie such as \"aegis\": letters, digits and !#$%&'*+-.^_`|~, at most 64");
}

Test(config_backend, the_misspelt_interval_in_the_documentation)
{
	case_health_errors("intervall = \"5s\";",
		"t.conf:1: backends[0].health.intervall: unknown key; did you mean \"interval\"?");
}

Test(config_backend, health_has_its_bounds)
{
	case_health_errors(
		"interval = \"1ms\"; timeout = \"0s\"; fall = 0; rise = 1001; port = 65536;",
		"t.conf:1: backends[0].health.interval: found \"1ms\"; expected a duration from "
		"10ms to 1d\n"
		"t.conf:1: backends[0].health.timeout: found \"0s\"; expected a duration from 1ms "
		"to 1h\n"
		"t.conf:1: backends[0].health.fall: found integer 0; expected an integer from 1 to "
		"1000\n"
		"t.conf:1: backends[0].health.rise: found integer 1001; expected an integer from 1 "
		"to 1000\n"
		"t.conf:1: backends[0].health.port: found integer 65536; expected an integer from "
		"1 to 65535");
}

Test(config_backend, a_health_type_is_one_that_there_is)
{
	case_health_errors("type = \"htps\";", "t.conf:1: backends[0].health.type: found \"htps\"; "
					       "expected \"none\", \"tcp\", \"tls\", \"http\" or "
					       "\"https\"; did you mean \"https\"?");
}

Test(config_backend, a_path_that_would_break_the_request_is_refused)
{
	case_health_errors("type = \"http\"; path = \"health\";",
		"t.conf:1: backends[0].health.path: found \"health\"; expected a path such as "
		"\"/health\"");
	case_health_errors("type = \"http\"; path = \"/a b\";",
		"t.conf:1: backends[0].health.path: found \"/a b\": spaces and bytes beyond ASCII "
		"are written as %XX; "
		"expected a path such as \"/health\"");
	case_health_errors("type = \"http\"; path = \"/\\r\\nX: y\";",
		"t.conf:1: backends[0].health.path: found \"/\\x0d\\x0aX: y\": spaces and bytes "
		"beyond ASCII are "
		"written as %XX; expected a path such as \"/health\"");
}

Test(config_backend, a_host_that_would_break_the_request_is_refused)
{
	case_health_errors("type = \"http\"; host = \"a\\r\\nb\";",
		"t.conf:1: backends[0].health.host: found \"a\\x0d\\x0ab\"; expected a host name "
		"such as "
		"\"example.com\"");
	case_health_errors("type = \"http\"; host = \"a.example:80\";",
		"t.conf:1: backends[0].health.host: found \"a.example:80\": the port is the "
		"server's, or health.port; "
		"expected a host name such as \"example.com\"");
}

Test(config_backend, expected_statuses_are_statuses)
{
	case_health_errors("type = \"http\"; expect = [\"200-299\", \"99\", \"600\", \"300-200\", "
			   "\"2xx\", 200];",
		"t.conf:1: backends[0].health.expect[1]: found \"99\"; expected a status or a "
		"range within 100 to 599, "
		"such as \"200\" or \"200-299\"\n"
		"t.conf:1: backends[0].health.expect[2]: found \"600\"; expected a status or a "
		"range within 100 to "
		"599, such as \"200\" or \"200-299\"\n"
		"t.conf:1: backends[0].health.expect[3]: found \"300-200\"; expected a status or a "
		"range within 100 to "
		"599, such as \"200\" or \"200-299\"\n"
		"t.conf:1: backends[0].health.expect[4]: found \"2xx\"; expected a status or a "
		"range within 100 to "
		"599, such as \"200\" or \"200-299\"\n"
		"t.conf:1: backends[0].health.expect[5]: found integer 200; expected a status or a "
		"range within 100 to "
		"599, such as \"200\" or \"200-299\"");
}

Test(config_backend, a_ca_holds_certificates)
{
	case_health_errors("type = \"tls\"; ca = \"/no/such/ca.pem\";",
		"t.conf:1: backends[0].health.ca: found \"/no/such/ca.pem\": No such file or "
		"directory; expected a PEM "
		"file of the certificates to verify against");
	case_file("empty.pem", "no certificate\n");
	case_health_errors("type = \"tls\"; ca = \"empty.pem\";",
		"t.conf:1: backends[0].health.ca: found \"empty.pem\": it holds no certificate in "
		"PEM; expected a PEM "
		"file of the certificates to verify against");
}

Test(config_backend, a_ca_with_a_certificate_is_taken)
{
	/* prime256v1, self-signed, of no use to anyone */
	case_file("ca.pem", "-----BEGIN CERTIFICATE-----\n"
			    "MIIBcjCCARegAwIBAgIURvvjkL0/4RZOo9Mg4hQXGPLhGFUwCgYIKoZIzj0EAwIw\n"
			    "DTELMAkGA1UEAwwCY2EwIBcNMjYxMTI0MDAwOTM2WhgPMjEyNjEwMzEwMDA5MzZa\n"
			    "MA0xCzAJBgNVBAMMAmNhMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8Jci8cD6\n"
			    "0CWiidV2/KQhDfS8us2zngyFxva1MLljeEGgCOBJI7Mef56gAbvfplfNartK2+4G\n"
			    "jR/vwcVbEl1x1qNTMFEwHQYDVR0OBBYEFHZBWZXyb4giDdeEjNEyAqqehurCMB8G\n"
			    "A1UdIwQYMBaAFHZBWZXyb4giDdeEjNEyAqqehurCMA8GA1UdEwEB/wQFMAMBAf8w\n"
			    "CgYIKoZIzj0EAwIDSQAwRgIhAKKJBHAmF/rjGIj9HmYsmR5yeHUAyodJjVW3hADT\n"
			    "U/dzAiEAvZxomEjdurBNb2WYGm1YoGCTvFFMhapSdQgaodV7Eoo=\n"
			    "-----END CERTIFICATE-----\n");
	case_health_errors("type = \"tls\"; ca = \"ca.pem\";", "");
}

Test(config_backend, keys_that_a_type_makes_no_use_of_are_warned_of)
{
	case_warnings("listeners = ( { name = \"l\"; bind = [\"*:1\"]; default_backend = \"b\"; } "
		      "); backends = (\n"
		      "{ name = \"b\"; servers = ( { name = \"s\"; address = \"10.0.0.1:1\"; } );\n"
		      "health = { path = \"/\";\n expect = [\"200\"]; fall = 2; }; } );\n",
		"t.conf:3: backends[0].health.path: has no effect with type = \"tcp\"\n"
		"t.conf:4: backends[0].health.expect: has no effect with type = \"tcp\"");
}

static void address_refused(const char *address, const char *why)
{
	char piece[256], expected[512];

	snprintf(piece, sizeof(piece), "name = \"s\"; address = \"%s\";", address);
	snprintf(expected, sizeof(expected),
		"t.conf:1: backends[0].servers[0].address: found \"%s\": %s; " SERVER_EXPECTED,
		address, why);
	case_server_errors(piece, expected);
}

Test(config_backend, an_address_that_no_one_server_has_is_refused)
{
	address_refused("10.0.0.1:0", "the port is not within 1 to 65535");
	address_refused("10.0.0.1:00000", "the port is not within 1 to 65535");
	address_refused("10.0.0.1:70000", "the port is not within 1 to 65535");
	address_refused("10.0.0.1:", "the port is not a number");
	address_refused("0.0.0.0:443", "not the address of one server");
	address_refused("[::]:443", "not the address of one server");
	address_refused("224.0.0.1:443", "a multicast address");
	address_refused("255.255.255.255:443", "a reserved address");
	address_refused("web.example:443", "names are not looked up");
	address_refused("*:443", "names are not looked up");
	address_refused("[fe80::1]:443",
		"a link-local address needs its interface, as in \"[fe80::1%eth0]:443\"");
}

Test(config_backend, an_ipv4_address_in_ipv6_counts_as_ipv4)
{
	struct config *c = case_load(
		"listeners = (); backends = ( { name = \"b\"; servers = ( { name = \"s\"; "
		"address = \"[::ffff:10.0.0.1]:443\"; } ); } );\n");
	char text[ADDR_TEXT_MAX];

	cr_expect_str_eq(addr_format(&c->backends[0].servers[0].addr, text), "10.0.0.1:443");
	config_free(c);
}

Test(config_backend, servers_have_their_bounds)
{
	case_server_errors("weight = 257; max_connections = -1; backup = \"yes\"; slow_start = 5; "
			   "health = { prot = 1; };",
		"t.conf:1: backends[0].servers[0].name: missing; expected a name such as "
		"\"aegis-01\"\n"
		"t.conf:1: backends[0].servers[0].address: missing; expected an address and a port "
		"such as "
		"\"10.10.10.103:443\"\n"
		"t.conf:1: backends[0].servers[0].weight: found integer 257; expected an integer "
		"from 0 to 256\n"
		"t.conf:1: backends[0].servers[0].max_connections: found integer -1; expected an "
		"integer from 0 to "
		"1000000000\n"
		"t.conf:1: backends[0].servers[0].backup: found \"yes\"; expected true or false\n"
		"t.conf:1: backends[0].servers[0].slow_start: found integer 5; expected a duration "
		"such as \"5s\"\n"
		"t.conf:1: backends[0].servers[0].health.prot: unknown key; did you mean "
		"\"port\"?");
}

/* Listeners of mode = "http", and the way of a request through their routes. */
#include "case.h"

#include "route.h"

#include <criterion/criterion.h>
#include <stdio.h>

TestSuite(config_http, .init = case_enter, .fini = case_leave);

#define HTTP "mode = \"http\"; routes = ("

static struct config *with_routes(const char *routes)
{
	char text[4096];

	snprintf(text, sizeof(text), HTTP "%s );", routes);
	return case_listener(text);
}

static void expect_errors(const char *routes, const char *expected)
{
	char text[4096];

	snprintf(text, sizeof(text), HTTP "%s );", routes);
	case_listener_errors(text, expected);
}

#define REDIRECT " redirect = { scheme = \"https\"; }; }"

Test(config_http, what_the_file_says_is_what_the_config_holds)
{
	struct config *c = with_routes(
		"{ host = [\"A.example.\"]; path = \"/x//%79/\"; respond = { status = 418; type = "
		"\"text/html\"; body = \"hi\"; }; allow = [\"10.0.0.0/8\"]; deny = "
		"[\"10.1.0.0/16\"]; },"
		"{ redirect = { host = \"b.example:8443\"; path = \"/z\"; status = 302; }; },"
		"{ path = \"/h\"; respond = { healthy_if = [\"b\"]; }; }");
	const struct config_listener *l = &c->listeners[0];

	cr_expect_eq(l->mode, MODE_HTTP);
	cr_expect_eq(l->timeouts.request_ms, 10000);
	cr_expect_eq(l->timeouts.idle_ms, 60000);
	cr_expect_str_eq(l->routes[0].names[0], "a.example");
	cr_expect_str_eq(l->routes[0].path, "/x/y/");
	cr_expect_eq(l->routes[0].action, ACTION_RESPOND);
	cr_expect_eq(l->routes[0].respond.status, 418);
	cr_expect_eq(l->routes[0].respond.body_len, 2);
	cr_expect_eq(l->routes[0].n_allow, 1);
	cr_expect_eq(l->routes[0].n_deny, 1);
	cr_expect_eq(l->routes[1].action, ACTION_REDIRECT);
	cr_expect_str_eq(l->routes[1].redirect.host, "b.example:8443");
	cr_expect_eq(l->routes[1].redirect.status, 302);
	cr_expect_null(l->routes[1].redirect.scheme);
	cr_expect_eq(l->routes[2].action, ACTION_HEALTH);
	cr_expect_eq(l->routes[2].respond.healthy_if[0], 0);
	config_free(c);
}

Test(config_http, what_answers_all_itself_needs_no_backends)
{
	struct config *c = case_load(
		"listeners = ( { name = \"l\"; bind = [\"*:80\"]; mode = \"http\"; routes = ( "
		"{ " REDIRECT ", { path = \"/x\"; respond = { body = \"hi\"; }; } ); } );");

	cr_expect_eq(c->n_backends, 0);
	config_free(c);
	case_errors("listeners = ( { name = \"l\"; bind = [\"*:80\"]; routes = (); } );",
		"t.conf:1: backends: missing; expected a list of backends: backends = ( { ... } "
		");");
}

static int find(const struct config *c, const char *host, const char *path)
{
	return route_request(&c->listeners[0], span_str(host), span_str(path));
}

Test(config_http, host_then_longest_path_decides_and_the_order_does_not)
{
	struct config *c =
		with_routes("{ path = \"/any\"; " REDIRECT ","
			    "{ host = [\"*.a.example\"]; path = \"/x\"; " REDIRECT ","
			    "{ host = [\"*.a.example\"]; path = \"/x/y/z\"; " REDIRECT ","
			    "{ host = [\"b.a.example\"]; path = \"/only\"; " REDIRECT ","
			    "{ host = [\"*.a.example\", \"c.example\"]; " REDIRECT);

	cr_expect_eq(find(c, "q.a.example", "/"), 4);
	cr_expect_eq(find(c, "q.a.example", "/x"), 1);
	cr_expect_eq(find(c, "q.a.example", "/x/y"), 1);
	cr_expect_eq(find(c, "q.a.example", "/x/y/z/1"), 2);
	cr_expect_eq(find(c, "q.a.example", "/xy"), 4);
	cr_expect_eq(find(c, "b.a.example", "/only"), 3);
	cr_expect_eq(find(c, "b.a.example", "/x"), 1);
	cr_expect_eq(find(c, "b.a.example", "/any"), 4);
	cr_expect_eq(find(c, "c.example", "/x"), 4);
	cr_expect_eq(find(c, "d.example", "/any/x"), 0);
	cr_expect_eq(find(c, "", "/any"), 0);
	cr_expect_eq(find(c, "d.example", "/"), ROUTE_NONE);
	config_free(c);
}

Test(config_http, name_and_path_are_claimed_once)
{
	expect_errors("{ host = [\"a\", \"b\"]; path = \"/x\"; " REDIRECT ",\n"
		      "{ host = [\"c\", \"b\"]; path = \"//x\"; " REDIRECT
		      ",\n{ path = \"/\"; " REDIRECT ",\n{" REDIRECT,
		"t.conf:2: listeners[0].routes[1].host[1]: b with the path \"/x\" is taken by "
		"routes[0] "
		"(line 1) already; expected each name and path once\n"
		"t.conf:4: listeners[0].routes[3]: every name with the path \"/\" is taken by "
		"routes[2] "
		"(line 3) already; expected each name and path once");
}

Test(config_http, route_does_one_thing)
{
	expect_errors("{ host = [\"a\"]; },\n{ respond = { }; " REDIRECT
		      ",\n{ host = [\"b\"]; redirect = { status = 301; }; },\n"
		      "{ host = [\"c\"]; respond = { status = 200; healthy_if = [\"b\"]; }; }",
		"t.conf:1: listeners[0].routes[0]: has nothing to do; expected one of backend, "
		"redirect "
		"and respond\n"
		"t.conf:2: listeners[0].routes[1]: has more than one thing to do; expected one of "
		"backend, redirect and respond\n"
		"t.conf:3: listeners[0].routes[2].redirect: leads to itself; expected scheme, host "
		"or "
		"path\n"
		"t.conf:4: listeners[0].routes[3].respond: healthy_if stands beside other keys; "
		"expected "
		"it alone");
}

Test(config_http, what_would_forge_an_answer_is_refused)
{
	expect_errors("{ redirect = { host = \"a b\"; }; }",
		"t.conf:1: listeners[0].routes[0].redirect.host: found \"a b\"; expected a host "
		"name, "
		"perhaps with a port, such as \"example.com\" or \"example.com:8443\"");
	expect_errors("{ redirect = { path = \"/a\\r\\nb\"; }; }",
		"t.conf:1: listeners[0].routes[0].redirect.path: found \"/a\\x0d\\x0ab\"; expected "
		"a "
		"path such as \"/new\", without query");
	expect_errors("{ respond = { type = \"a\\nb\"; }; }",
		"t.conf:1: listeners[0].routes[0].respond.type: found \"a\\x0ab\"; expected a "
		"media type "
		"such as \"text/plain\"");
	expect_errors("{ redirect = { scheme = \"ftp\"; status = 200; }; }",
		"t.conf:1: listeners[0].routes[0].redirect.scheme: found \"ftp\"; expected "
		"\"https\" or "
		"\"http\"\n"
		"t.conf:1: listeners[0].routes[0].redirect.status: found integer 200; expected "
		"301, 302, "
		"303, 307 or 308");
}

Test(config_http, path_is_one)
{
	expect_errors("{ host = [\"a\"]; path = \"x\"; " REDIRECT
		      ",\n{ host = [\"b\"]; path = \"/../x\"; " REDIRECT
		      ",\n{ host = [\"c\"]; path = \"/x?y\"; " REDIRECT,
		"t.conf:1: listeners[0].routes[0].path: found \"x\"; expected a path such as "
		"\"/health\", without query, \"..\" and \"//\"\n"
		"t.conf:2: listeners[0].routes[1].path: found \"/../x\"; expected a path such as "
		"\"/health\", without query, \"..\" and \"//\"\n"
		"t.conf:3: listeners[0].routes[2].path: found \"/x?y\"; expected a path such as "
		"\"/health\", without query, \"..\" and \"//\"");
}

Test(config_http, keys_of_passthrough_are_said_to_be_that)
{
	case_listener_errors(
		"mode = \"http\"; default_backend = \"b\"; timeouts = { hello = \"1s\"; };\n"
		"routes = ( { sni = [\"a\"];" REDIRECT " );",
		"t.conf:1: listeners[0].timeouts.hello: belongs to mode = \"passthrough\"; this "
		"listener "
		"has mode = \"http\": use \"request\"\n"
		"t.conf:1: listeners[0].default_backend: belongs to mode = \"passthrough\"; this "
		"listener "
		"has mode = \"http\": use a route without host\n"
		"t.conf:2: listeners[0].routes[0].sni: belongs to mode = \"passthrough\"; this "
		"listener "
		"has mode = \"http\": use \"host\"");
}

Test(config_http, field_that_frames_a_message_is_not_the_operators)
{
	expect_errors("{ backend = \"b\"; headers = { request_set = ( { name = \"Content-Length\"; "
		      "value = "
		      "\"1\"; } );\nresponse_remove = [\"transfer-encoding\", \"a "
		      "b\"];\nresponse_set = ( { name "
		      "= \"X\"; value = \"a\\nb\"; } ); }; }",
		"t.conf:1: listeners[0].routes[0].headers.request_set[0].name: found "
		"\"Content-Length\": it "
		"frames messages or belongs to one connection; expected the name of a header field "
		"such "
		"as \"X-Frame-Options\"\n"
		"t.conf:2: listeners[0].routes[0].headers.response_remove[0]: found "
		"\"transfer-encoding\": it "
		"frames messages or belongs to one connection; expected the name of a header field "
		"such "
		"as \"X-Frame-Options\"\n"
		"t.conf:2: listeners[0].routes[0].headers.response_remove[1]: found \"a b\"; "
		"expected the name "
		"of a header field such as \"X-Frame-Options\"\n"
		"t.conf:3: listeners[0].routes[0].headers.response_set[0].value: found "
		"\"a\\x0ab\"; expected "
		"a header field's value: text without line ends");
}

Test(config_http, limit_on_requests_says_whom_it_counts_and_where)
{
	expect_errors(
		"{ backend = \"b\"; rate_limit = { per = \"1s\"; by = \"header:\";\nstore = "
		"\"cluster\"; }; }, { path = \"/a\"; backend = \"b\";\nrate_limit = { requests = "
		"0; store = \"disk\"; }; }",
		"t.conf:1: listeners[0].routes[0].rate_limit.requests: missing; expected how many "
		"requests may come in `per`\n"
		"t.conf:1: listeners[0].routes[0].rate_limit.by: found \"header:\"; expected "
		"\"source\", \"host\" or \"header:NAME\"\n"
		"t.conf:2: listeners[0].routes[0].rate_limit.store: \"cluster\" is not supported "
		"yet by this version\n"
		"t.conf:3: listeners[0].routes[1].rate_limit.requests: found integer 0; expected "
		"an "
		"integer "
		"from 1 to 1000000000\n"
		"t.conf:3: listeners[0].routes[1].rate_limit.store: found \"disk\"; expected "
		"\"local\"");
}

Test(config_http, users_are_read_from_a_file_that_must_be_good)
{
	struct config *c;

	case_file("users", "bob:$5$rounds=1000$salt$CCvcOM6b7TEJDPb37Aec/9UpOg4QhPNAxPpL9ZzjTB7\n");
	case_file("weak", "bob:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n");
	c = case_listener("mode = \"http\"; routes = ( { backend = \"b\"; auth = { users = "
			  "\"/proc/self/cwd/users\"; }; } );");
	cr_expect_str_eq(c->listeners[0].routes[0].auth.realm, "restricted");
	cr_expect_not(c->listeners[0].routes[0].auth.forward);
	cr_expect_not_null(c->listeners[0].routes[0].auth.users);
	config_free(c);
	expect_errors("{ backend = \"b\"; auth = { user = \"x\"; realm = \"a\\\"b\"; }; },\n{ path "
		      "= \"/a\"; "
		      "backend = \"b\"; auth = { users = \"/proc/self/cwd/weak\"; }; },\n"
		      "{ path = \"/b\"; backend = \"b\"; auth = { users = \"/nonexistent\"; }; }",
		"t.conf:1: listeners[0].routes[0].auth.user: unknown key; did you mean \"users\"?\n"
		"t.conf:1: listeners[0].routes[0].auth.realm: found \"a\"b\"; expected a text of "
		"at most "
		"128 letters, digits and blanks, without quotes\n"
		"t.conf:1: listeners[0].routes[0].auth.users: missing; expected the path of a file "
		"of "
		"lines USER:HASH, as `htpasswd -B` writes them\n"
		"t.conf:2: listeners[0].routes[1].auth.users: found \"/proc/self/cwd/weak\": line "
		"1: the "
		"hash is of MD5 or SHA-1, which no longer keeps a password; write it anew with "
		"htpasswd "
		"-B; expected the path of a file of lines USER:HASH, as `htpasswd -B` writes them\n"
		"t.conf:3: listeners[0].routes[2].auth.users: found \"/nonexistent\": No such file "
		"or "
		"directory; expected the path of a file of lines USER:HASH, as `htpasswd -B` "
		"writes them");
}

Test(config_http, compress_is_a_flag_or_a_group)
{
	struct config *c =
		case_listener("mode = \"http\"; routes = ( { backend = \"b\"; compress = true; }, "
			      "{ path = \"/a\"; "
			      "backend = \"b\"; compress = { types = [\"text/css\"]; min_length = "
			      "0; level = 9; }; }, "
			      "{ path = \"/b\"; backend = \"b\"; compress = false; } );");
	const struct config_route *r = c->listeners[0].routes;

	cr_expect(r[0].compress.on);
	cr_expect_eq(r[0].compress.min_length, 1024);
	cr_expect_str_eq(r[0].compress.types[0], "text/*");
	cr_expect(r[1].compress.on);
	cr_expect_eq(r[1].compress.n_types, 1);
	cr_expect_eq(r[1].compress.level, 9);
	cr_expect_not(r[2].compress.on);
	config_free(c);
	expect_errors(
		"{ backend = \"b\"; compress = \"gzip\"; },\n{ path = \"/a\"; backend = \"b\"; "
		"compress = { type = []; types = [\"text\"]; level = 10; }; }",
		"t.conf:1: listeners[0].routes[0].compress: found \"gzip\"; expected true, false, "
		"or a "
		"group of types, min_length and level\n"
		"t.conf:2: listeners[0].routes[1].compress.type: unknown key; did you mean "
		"\"types\"?\n"
		"t.conf:2: listeners[0].routes[1].compress.types[0]: found \"text\"; expected a "
		"media "
		"type such as \"application/json\" or \"text/*\"\n"
		"t.conf:2: listeners[0].routes[1].compress.level: found integer 10; expected an "
		"integer "
		"from 1 to 9");
}

/* What a route says of its requests: fields, time limits, bodies, how many. */
#include "rig.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define OK "HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 2\r\n\r\nok"

static int request(struct rig *r, int client, const char *text)
{
	int server;

	CHECK(send_text(client, text));
	server = rig_accept(r, 0);
	CHECK(server >= 0);
	return server;
}

static void fields_are_set_and_removed_both_ways(void)
{
	struct rig *r = rig_new(&(struct rig_options){
		.http = "{ backend = \"b\"; headers = {\n"
			"request_set = ( { name = \"X-Env\"; value = \"prod\"; } );\n"
			"request_remove = [\"Secret\", \"X-Real-IP\", \"X-Forwarded-For\"];\n"
			"response_set = ( { name = \"X-Frame-Options\"; value = \"DENY\"; } );\n"
			"response_remove = [\"Server\"]; }; },\n"
			"{ path = \"/own\"; respond = { body = \"x\"; }; headers = { response_set "
			"= (\n"
			"{ name = \"X-Own\"; value = \"1\"; } ); }; }"});
	int client = rig_connect(r), server;
	const char *h;

	server = request(r, client,
		"GET / HTTP/1.1\r\nHost: a\r\nx-env: evil\r\nSECRET: s\r\nKept: k\r\n\r\n");
	h = head(server);
	CHECK(strstr(h, "\r\nX-Env: prod\r\n") && !strstr(h, "evil") &&
		strstr(h, "\r\nKept: k\r\n"));
	CHECK(!strstr(h, "SECRET") && !strstr(h, "X-Real-IP") && !strstr(h, "X-Forwarded-For"));
	CHECK(send_text(server, "HTTP/1.1 200 OK\r\nx-frame-options: no\r\nServer: "
				"x\r\nContent-Length: 0\r\n\r\n"));
	h = head(client);
	CHECK(strstr(h, "\r\nX-Frame-Options: DENY\r\n") && !strstr(h, "Server") &&
		!strstr(h, ": no"));
	CHECK(send_text(client, "GET /own HTTP/1.1\r\nHost: a\r\n\r\n"));
	CHECK(strstr(head(client), "\r\nX-Own: 1\r\n"));
	end(&client);
	end(&server);
	rig_free(r);
}

static void time_limits_of_the_route_come_before_the_listeners(void)
{
	struct rig *r = rig_new(&(struct rig_options){
		.http = "{ backend = \"b\"; timeouts = { response = \"200ms\"; }; }",
		.listener = "timeouts = { response = \"1h\"; };"});
	int client = rig_connect(r), server;

	server = request(r, client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	CHECK(*head(server));
	CHECK(begins(head(client), "HTTP/1.1 504 "));
	end(&client);
	end(&server);
	rig_free(r);
}

static void body_is_no_larger_than_allowed(void)
{
	struct rig *r =
		rig_new(&(struct rig_options){.http = "{ backend = \"b\"; max_body = 100; }"});
	int client = rig_connect(r), server;

	CHECK(send_text(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n"));
	CHECK(begins(head(client), "HTTP/1.1 413 "));
	end(&client);
	client = rig_connect(r);
	server = request(r, client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n");
	CHECK(*head(server) && send_text(server, OK));
	CHECK(begins(head(client), "HTTP/1.1 200 "));
	end(&client);
	end(&server);
	client = rig_connect(r);
	server = request(
		r, client, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
	CHECK(*head(server));
	for (unsigned i = 0; i < 10; i++)
		CHECK(send_text(client, "a\r\n0123456789\r\n"));
	CHECK(begins(head(client), "HTTP/1.1 413 "));
	CHECK(UNTIL(r, tally_get(&r->tally->requests_ended[END_REQUEST_TOO_LARGE]) == 2));
	end(&client);
	end(&server);
	rig_free(r);
}

/* The bucket is full at start; each value of the header has its own, and who has none is counted by source. */
static void requests_beyond_the_limit_get_429(void)
{
	struct rig *r =
		rig_new(&(struct rig_options){.http = "{ respond = { body = \"x\"; }; rate_limit = "
						      "{ requests = 2; per = \"1h\"; by = "
						      "\"header:X-Key\"; }; }, { path = \"/free\"; "
						      "respond = { body = \"x\"; }; }"});
	static const char *const keys[] = {"X-Key: a\r\n", "x-key: b\r\n", ""};
	int client = rig_connect(r);
	char text[100], body[32];

	for (unsigned k = 0; k < 3; k++)
		for (unsigned i = 0; i < 3; i++) {
			const char *h, *says = i < 2 ? "x" : "429 Too Many Requests\n";

			snprintf(
				text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", keys[k]);
			CHECK(send_text(client, text));
			h = head(client);
			CHECK(begins(h, i < 2 ? "HTTP/1.1 200 " : "HTTP/1.1 429 "));
			CHECK(i < 2 || strstr(h, "\r\nRetry-After: "));
			CHECK(get(client, body, strlen(says)) &&
				memcmp(body, says, strlen(says)) == 0);
		}
	CHECK(send_text(client, "GET /free HTTP/1.1\r\nHost: a\r\nX-Key: a\r\n\r\n"));
	CHECK(begins(head(client), "HTTP/1.1 200 "));
	CHECK(UNTIL(r, tally_get(&r->tally->requests_ended[END_LIMIT_REQUESTS]) == 3));
	end(&client);
	rig_free(r);
}

int main(void)
{
	static const struct tap_case cases[] = {
#define CASE(name) {#name, name}
		CASE(fields_are_set_and_removed_both_ways),
		CASE(time_limits_of_the_route_come_before_the_listeners),
		CASE(body_is_no_larger_than_allowed),
		CASE(requests_beyond_the_limit_get_429),
	};

	return tap_run(cases, sizeof(cases) / sizeof(cases[0]));
}

/* Routes that ask for a user and a password: who gets in, and what a wrong password costs. */
#include "rig.h"

#include "verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
/* "secret": SHA-256 with the fewest rounds there are */
#define HASH "$5$rounds=1000$salt$CCvcOM6b7TEJDPb37Aec/9UpOg4QhPNAxPpL9ZzjTB7"
#define BOB "Authorization: Basic Ym9iOnNlY3JldA==\r\n"	   /* bob:secret */
#define WRONG "Authorization: Basic Ym9iOndyb25n\r\n"	   /* bob:wrong */
#define NOBODY "Authorization: Basic ZXZlOnNlY3JldA==\r\n" /* eve:secret */

static char users[] = "/tmp/aegislb-rig-users-XXXXXX";
static char routes[512];

static struct rig *rig_with(const char *more)
{
	snprintf(routes, sizeof(routes),
		"{ backend = \"b\"; auth = { realm = \"the lab\"; users = \"%s\"; %s }; },\n"
		"{ path = \"/own\"; respond = { body = \"own\"; }; auth = { users = \"%s\"; }; },\n"
		"{ path = \"/free\"; backend = \"b\"; }",
		users, more, users);
	return rig_new(&(struct rig_options){.http = routes});
}

static void ask(int client, const char *path, const char *field)
{
	char text[512];

	snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n", path, field);
	CHECK(send_text(client, text));
}

static void read_away(int fd, size_t n)
{
	char bytes[256];

	CHECK(n <= sizeof(bytes) && get(fd, bytes, n));
}

/* The 401 that this field gets, its body read too. */
static void is_refused(int client, const char *field)
{
	const char *h;

	ask(client, "/", field);
	h = head(client);
	CHECK(begins(h, "HTTP/1.1 401 "));
	CHECK(strstr(h, "\r\nWWW-Authenticate: Basic realm=\"the lab\", charset=\"UTF-8\"\r\n"));
	read_away(client, strlen("401 Unauthorized\n"));
}

static void right_password_gets_in_and_is_not_passed_on(void)
{
	struct rig *r = rig_with("");
	int client = rig_connect(r), server;
	const char *h;

	ask(client, "/first", BOB);
	server = rig_accept(r, 0);
	h = head(server);
	CHECK(begins(h, "GET /first ") && !strstr(h, "Authorization"));
	CHECK(send_text(server, OK) && begins(head(client), "HTTP/1.1 200 "));
	/* from here on it is remembered */
	for (unsigned i = 0; i < 50; i++) {
		ask(client, "/again", BOB);
		CHECK(begins(head(server), "GET /again "));
		CHECK(send_text(server, OK) && begins(head(client), "HTTP/1.1 200 "));
	}
	ask(client, "/own", BOB);
	CHECK(begins(head(client), "HTTP/1.1 200 "));
	read_away(client, 3);
	ask(client, "/free", "Authorization: Bearer x\r\n");
	CHECK(strstr(head(server), "\r\nAuthorization: Bearer x\r\n"));
	end(&client);
	end(&server);
	rig_free(r);
}

static void server_gets_it_where_it_shall(void)
{
	struct rig *r = rig_with("forward = true;");
	int client = rig_connect(r), server;

	ask(client, "/", BOB);
	server = rig_accept(r, 0);
	CHECK(strstr(head(server), "\r\n" BOB));
	end(&client);
	end(&server);
	rig_free(r);
}

static void others_get_401_and_failures_are_told(void)
{
	struct rig *r = rig_with("");
	int client = rig_connect(r);

	is_refused(client, "");
	is_refused(client, "Authorization: Bearer Ym9iOnNlY3JldA==\r\n");
	is_refused(client, "Authorization: Basic ???\r\n");
	is_refused(client, BOB BOB);
	rig_poll(r);
	CHECK(r->reports[REPORT_AUTH_FAILED] == 0);
	is_refused(client, WRONG);
	is_refused(client, NOBODY);
	CHECK(UNTIL(r, r->reports[REPORT_AUTH_FAILED] == 2));
	CHECK(UNTIL(r, tally_get(&r->tally->requests_ended[END_UNAUTHORIZED]) == 6));
	CHECK(tally_get(&r->tally->backends[0].opened) == 0);
	end(&client);
	rig_free(r);
}

static void body_that_comes_meanwhile_is_passed_on(void)
{
	struct rig *r = rig_with("");
	int client = rig_connect(r), server;
	char body[11] = "";

	CHECK(send_text(client,
		"POST / HTTP/1.1\r\nHost: a\r\n" BOB
		"Content-Length: 10\r\n\r\n0123456789GET /next HTTP/1.1\r\nHost: a\r\n" BOB
		"\r\n"));
	server = rig_accept(r, 0);
	CHECK(begins(head(server), "POST / ") && get(server, body, 10));
	CHECK(strcmp(body, "0123456789") == 0);
	CHECK(send_text(server, OK) && begins(head(client), "HTTP/1.1 200 "));
	CHECK(begins(head(server), "GET /next "));
	end(&client);
	end(&server);
	rig_free(r);
}

static void flood_of_one_source_is_slowed_down(void)
{
	struct rig *r = rig_with("");
	int client = rig_connect(r), server;
	unsigned refused = 0, limited = 0;

	for (unsigned i = 0; i < 60; i++) {
		char field[128];

		snprintf(field, sizeof(field), "Authorization: Basic Ym9iOn%c%cb25n\r\n",
			'A' + i % 26, 'w' + i / 26);
		ask(client, "/", field);
		if (strstr(head(client), " 429 ")) {
			limited++;
			read_away(client, strlen("429 Too Many Requests\n"));
		} else {
			refused++;
			read_away(client, strlen("401 Unauthorized\n"));
		}
	}
	CHECK(refused >= 15 && limited >= 10);
	CHECK(tally_get(&r->tally->requests_ended[END_LIMIT_PASSWORDS]) > 0);
	/* who needs no verification is not touched */
	ask(client, "/free", "");
	server = rig_accept(r, 0);
	CHECK(begins(head(server), "GET /free "));
	end(&client);
	end(&server);
	rig_free(r);
}

/* Whose password is right may be with the server by then, which says nothing: there a mere end of sending is no leave. */
static void client_that_leaves_meanwhile_is_let_go(void)
{
	struct rig *r = rig_with("");

	for (unsigned i = 0; i < 10; i++) {
		int client = rig_connect(r);

		ask(client, "/", i % 2 ? BOB : WRONG);
		if (i % 2 || i == 4)
			reset(&client);
		else
			end(&client);
	}
	CHECK(UNTIL(r, rig_open(r) == 0));
	rig_free(r);
}

int main(void)
{
	static const struct tap_case cases[] = {
#define CASE(name) {#name, name}
		CASE(right_password_gets_in_and_is_not_passed_on),
		CASE(server_gets_it_where_it_shall),
		CASE(others_get_401_and_failures_are_told),
		CASE(body_that_comes_meanwhile_is_passed_on),
		CASE(flood_of_one_source_is_slowed_down),
		CASE(client_that_leaves_meanwhile_is_let_go),
	};
	static const char text[] = "bob:" HASH "\n";
	int fd = mkstemp(users), failed;

	if (fd < 0 || write(fd, text, sizeof(text) - 1) < 0)
		return 99;
	close(fd);
	failed = tap_run(cases, sizeof(cases) / sizeof(cases[0]));
	unlink(users);
	return failed;
}

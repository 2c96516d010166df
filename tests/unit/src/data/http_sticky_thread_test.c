/* Sticky sessions: a cookie keeps a client with its server. */
#include "rig.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

static const struct rig_options two = {
	.http = "{ backend = \"b\"; }, { path = \"/own\"; respond = { }; }",
	.backend = "sticky = { cookie = \"sid\"; };",
	.n_servers = 2,
};

/* What stands behind the name in Set-Cookie, "" where that is not there. */
static void keep_cookie(const char *reply, char ret[128], char attributes[256])
{
	const char *at = strstr(reply, "\r\nSet-Cookie: sid=");

	ret[0] = attributes[0] = '\0';
	if (at)
		sscanf(at, "\r\nSet-Cookie: sid=%127[^;]%255[^\r]", ret, attributes);
}

static void ask(struct rig *r, int client, const char *path, const char *cookie)
{
	char text[512];

	(void)r;
	snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\n%s%s%s\r\n", path,
		cookie ? "Cookie: x=y; sid=" : "", cookie ? cookie : "", cookie ? "; z=1\r\n" : "");
	CHECK(send_text(client, text));
}

/* One request, which this server has to get; gives the answer's head. */
static const char *through(struct rig *r, unsigned server, const char *cookie)
{
	int client = rig_connect(r), fd;
	static char reply[8192];

	ask(r, client, "/", cookie);
	fd = rig_accept(r, server);
	CHECK(fd >= 0 && *head(fd) && send_text(fd, OK));
	snprintf(reply, sizeof(reply), "%s", head(client));
	CHECK(strncmp(reply, "HTTP/1.1 200 ", 13) == 0);
	end(&client);
	end(&fd);
	return reply;
}

static void client_stays_with_its_server(void)
{
	struct rig *r = rig_new(&two);
	char cookie[128], again[128], attributes[256];

	keep_cookie(through(r, 0, NULL), cookie, attributes);
	CHECK(strlen(cookie) == 70);
	CHECK(strcmp(attributes, "; Path=/; HttpOnly; SameSite=Lax") == 0);
	for (unsigned i = 0; i < 4; i++)
		CHECK(!strstr(through(r, 0, cookie), "Set-Cookie"));
	/* and who has none takes turns with others */
	keep_cookie(through(r, 1, NULL), again, attributes);
	CHECK(*again && strcmp(again, cookie) != 0);
	CHECK(!strstr(through(r, 1, again), "Set-Cookie"));
	rig_free(r);
}

static void forged_cookie_is_none(void)
{
	struct rig *r = rig_new(&two);
	char cookie[128] = "", attributes[256];

	keep_cookie(through(r, 0, NULL), cookie, attributes);
	cookie[5] = cookie[5] == 'A' ? 'B' : 'A';
	CHECK(strstr(through(r, 1, cookie), "Set-Cookie: sid="));
	CHECK(strstr(through(r, 0, "short"), "Set-Cookie: sid="));
	CHECK(strstr(through(r, 1, ""), "Set-Cookie: sid="));
	rig_free(r);
}

static void server_that_fails_is_left_for_another(void)
{
	struct rig *r = rig_new(&two);
	char cookie[128], attributes[256];

	keep_cookie(through(r, 0, NULL), cookie, attributes);
	end(&r->servers[0]);
	CHECK(strstr(through(r, 1, cookie), "Set-Cookie: sid="));
	rig_free(r);
}

static void answers_of_our_own_set_none(void)
{
	struct rig *r = rig_new(&two);
	int client = rig_connect(r);

	ask(r, client, "/own", NULL);
	CHECK(!strstr(head(client), "Set-Cookie"));
	end(&client);
	rig_free(r);
}

static void old_cookie_is_set_anew_and_says_how_long(void)
{
	struct rig_options o = two;
	struct rig *r;
	char cookie[128], attributes[256];

	o.backend = "sticky = { cookie = \"sid\"; max_age = \"1s\"; same_site = \"strict\"; };";
	r = rig_new(&o);
	keep_cookie(through(r, 0, NULL), cookie, attributes);
	CHECK(strcmp(attributes, "; Path=/; HttpOnly; SameSite=Strict; Max-Age=1") == 0);
	usleep(2100 * 1000); /* it has run out by now */
	CHECK(strstr(through(r, 1, cookie), "Set-Cookie: sid="));
	rig_free(r);
}

static void behind_a_trusted_proxy_with_tls_it_is_secure(void)
{
	struct rig_options o = two;
	struct rig *r;
	int client, server;

	o.listener = "trusted_proxies = [\"127.0.0.0/8\"];";
	o.backend = "sticky = { cookie = \"__Host-sid\"; same_site = \"none\"; };";
	r = rig_new(&o);
	client = rig_connect(r);
	CHECK(send_text(client, "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\n\r\n"));
	server = rig_accept(r, 0);
	CHECK(server >= 0 && *head(server) && send_text(server, OK));
	CHECK(strstr(head(client), "; Path=/; HttpOnly; SameSite=None; Secure\r\n"));
	end(&client);
	end(&server);
	rig_free(r);
}

int main(void)
{
	static const struct tap_case cases[] = {
#define CASE(name) {#name, name}
		CASE(client_stays_with_its_server),
		CASE(forged_cookie_is_none),
		CASE(server_that_fails_is_left_for_another),
		CASE(answers_of_our_own_set_none),
		CASE(old_cookie_is_set_anew_and_says_how_long),
		CASE(behind_a_trusted_proxy_with_tls_it_is_secure),
	};

	return tap_run(cases, sizeof(cases) / sizeof(cases[0]));
}

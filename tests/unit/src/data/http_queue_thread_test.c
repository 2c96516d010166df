/* Requests that find every server full: how many wait, how long, in which order, and who leaves. */
#include "rig.h"

#include <stdio.h>
#include <string.h>

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define ROUTE "{ backend = \"b\"; }"

static int ask(struct rig *r, const char *path, const char *cookie)
{
	int client = rig_connect(r);
	char text[512];

	snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\n%s%s%s\r\n", path,
		cookie ? "Cookie: sid=" : "", cookie ? cookie : "", cookie ? "\r\n" : "");
	CHECK(send_text(client, text));
	return client;
}

static uint64_t waiting(struct rig *r)
{
	return tally_get(&r->tally->backends[0].queued_now_up) -
	       tally_get(&r->tally->backends[0].queued_now_down);
}

/* One request is with the only server, which holds no second: its end. */
static int fill(struct rig *r, int *ret_client)
{
	int server;

	*ret_client = ask(r, "/first", NULL);
	server = rig_accept(r, 0);
	CHECK(server >= 0 && begins(head(server), "GET /first "));
	return server;
}

static struct rig *rig_with(const char *queue)
{
	return rig_new(&(struct rig_options){.http = ROUTE,
		.server = "max_connections = 1;",
		.backend = queue,
		.listener = "timeouts = { connect = \"1h\"; };"});
}

static void queue_holds_so_many_and_no_more(void)
{
	struct rig *r = rig_with("queue = { length = 2; };");
	int first, server = fill(r, &first), second = ask(r, "/second", NULL), third, fourth;

	CHECK(UNTIL(r, waiting(r) == 1));
	third = ask(r, "/third", NULL);
	CHECK(UNTIL(r, waiting(r) == 2));
	fourth = ask(r, "/fourth", NULL);
	CHECK(begins(head(fourth), "HTTP/1.1 503 "));
	CHECK(UNTIL(r, tally_get(&r->tally->backends[0].queue_full) == 1));
	CHECK(tally_get(&r->tally->requests_ended[END_QUEUE_FULL]) == 1);
	/* in order, each as soon as there is room */
	CHECK(send_text(server, OK) && begins(head(first), "HTTP/1.1 200 "));
	CHECK(begins(head(server), "GET /second "));
	CHECK(waiting(r) == 1);
	CHECK(send_text(server, OK) && begins(head(second), "HTTP/1.1 200 "));
	CHECK(begins(head(server), "GET /third "));
	CHECK(send_text(server, OK) && begins(head(third), "HTTP/1.1 200 "));
	CHECK(atomic_load(&r->load->queued[0]) == 0);
	CHECK(tally_get(&r->tally->backends[0].queue.count) == 2);
	end(&first);
	end(&second);
	end(&third);
	end(&fourth);
	end(&server);
	rig_free(r);
}

static void without_a_queue_nobody_waits(void)
{
	struct rig *r = rig_with("queue = { length = 0; };");
	int first, server = fill(r, &first), second = ask(r, "/second", NULL);
	const char *h = head(second);

	CHECK(begins(h, "HTTP/1.1 503 ") && strstr(h, "\r\nRetry-After: "));
	CHECK(waiting(r) == 0);
	end(&first);
	end(&second);
	end(&server);
	rig_free(r);
}

static void wait_has_a_limit_of_its_own(void)
{
	struct rig *r = rig_with("queue = { timeout = \"200ms\"; };");
	int first, server = fill(r, &first), second = ask(r, "/second", NULL);
	const char *h = head(second);

	CHECK(begins(h, "HTTP/1.1 503 ") && strstr(h, "\r\nRetry-After: "));
	CHECK(UNTIL(r, tally_get(&r->tally->requests_ended[END_SERVERS_FULL]) == 1));
	CHECK(atomic_load(&r->load->queued[0]) == 0);
	end(&first);
	end(&second);
	end(&server);
	rig_free(r);
}

static void client_that_goes_away_leaves_its_place(void)
{
	struct rig *r = rig_with("queue = { length = 1; };");
	int first, server = fill(r, &first), second = ask(r, "/second", NULL), third;

	CHECK(UNTIL(r, waiting(r) == 1));
	end(&second); /* an orderly end */
	CHECK(UNTIL(r, waiting(r) == 0 && atomic_load(&r->load->queued[0]) == 0));
	CHECK(UNTIL(r, tally_get(&r->tally->requests_ended[END_CLIENT_CLOSED]) == 1));
	third = ask(r, "/third", NULL);
	CHECK(UNTIL(r, waiting(r) == 1));
	reset(&third);
	CHECK(UNTIL(r, waiting(r) == 0 && atomic_load(&r->load->queued[0]) == 0));
	third = ask(r, "/fourth", NULL);
	CHECK(UNTIL(r, waiting(r) == 1));
	CHECK(send_text(server, OK) && begins(head(first), "HTTP/1.1 200 "));
	CHECK(begins(head(server), "GET /fourth "));
	end(&first);
	end(&third);
	end(&server);
	rig_free(r);
}

static void cookie_of(const char *reply, char ret[128])
{
	const char *at = strstr(reply, "\r\nSet-Cookie: sid=");

	ret[0] = '\0';
	if (at)
		sscanf(at, "\r\nSet-Cookie: sid=%127[^;]", ret);
	CHECK(*ret);
}

/* Both servers full; one who wants the first of them waits before one who wants any. */
static void who_waits_for_one_server_holds_up_nobody(void)
{
	struct rig *r = rig_new(&(struct rig_options){.http = ROUTE,
		.server = "max_connections = 1;",
		.backend = "sticky = { cookie = \"sid\"; };",
		.listener = "timeouts = { connect = \"1h\"; };",
		.n_servers = 2});
	int first = ask(r, "/a", NULL), s0 = rig_accept(r, 0), second, s1, loyal, any;
	char cookie[128];

	CHECK(*head(s0) && send_text(s0, OK));
	cookie_of(head(first), cookie);
	CHECK(send_text(first, "GET /b HTTP/1.1\r\nHost: a\r\nCookie: sid="));
	CHECK(send_text(first, cookie) && send_text(first, "\r\n\r\n") && *head(s0));
	second = ask(r, "/c", NULL);
	s1 = rig_accept(r, 1);
	CHECK(*head(s1));
	loyal = ask(r, "/loyal", cookie);
	CHECK(UNTIL(r, waiting(r) == 1));
	any = ask(r, "/any", NULL);
	CHECK(UNTIL(r, waiting(r) == 2));
	CHECK(send_text(s1, OK) && begins(head(second), "HTTP/1.1 200 "));
	CHECK(begins(head(s1), "GET /any "));
	CHECK(send_text(s0, OK) && begins(head(first), "HTTP/1.1 200 "));
	CHECK(begins(head(s0), "GET /loyal "));
	CHECK(send_text(s0, OK) && begins(head(loyal), "HTTP/1.1 200 "));
	CHECK(waiting(r) == 0);
	end(&first);
	end(&second);
	end(&loyal);
	end(&any);
	end(&s0);
	end(&s1);
	rig_free(r);
}

static void passthrough_has_the_same_bounds(void)
{
	struct rig *r = rig_new(&(struct rig_options){.server = "max_connections = 1;",
		.backend = "queue = { length = 1; timeout = \"200ms\"; };",
		.listener = "timeouts = { connect = \"1h\"; };"});
	struct rig_pair open = rig_pair(r);
	int second = rig_client(r), third;

	CHECK(UNTIL(r, waiting(r) == 1));
	third = rig_client(r);
	CHECK(got_alert(third, 80));
	CHECK(got_alert(second, 80));
	end(&second);
	end(&third);
	CHECK(UNTIL(r, rig_ended(r, END_QUEUE_FULL) == 1 && rig_ended(r, END_SERVERS_FULL) == 1));
	second = rig_client(r);
	CHECK(UNTIL(r, waiting(r) == 1));
	end(&second);
	CHECK(UNTIL(r, waiting(r) == 0));
	CHECK(atomic_load(&r->load->queued[0]) == 0);
	rig_close(&open);
	rig_free(r);
}

int main(void)
{
	static const struct tap_case cases[] = {
#define CASE(name) {#name, name}
		CASE(queue_holds_so_many_and_no_more),
		CASE(without_a_queue_nobody_waits),
		CASE(wait_has_a_limit_of_its_own),
		CASE(client_that_goes_away_leaves_its_place),
		CASE(who_waits_for_one_server_holds_up_nobody),
		CASE(passthrough_has_the_same_bounds),
	};

	return tap_run(cases, sizeof(cases) / sizeof(cases[0]));
}

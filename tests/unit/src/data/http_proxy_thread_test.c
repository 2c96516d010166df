/* Requests that a server answers: what goes on and comes back, and what happens where one side fails. */
#include "rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct rig_options plain = {.http = "{ backend = \"b\"; }"};

#define GET "GET /x?y HTTP/1.1\r\nHost: a\r\n\r\n"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static bool gets_text(int fd, const char *text)
{
	char buf[4096];
	size_t n = strlen(text);

	if (!get(fd, buf, n))
		return false;
	if (memcmp(buf, text, n) == 0)
		return true;
	printf("# found %.*s\n", (int)n, buf);
	return false;
}

static bool is_ok(int client)
{
	return begins(head(client), "HTTP/1.1 200 OK\r\n") && gets_text(client, "ok");
}

/* A client's request, taken by server 0: its end. */
static int request(struct rig *r, int client, const char *text)
{
	int server;

	CHECK(send_text(client, text));
	server = rig_accept(r, 0);
	CHECK(server >= 0);
	return server;
}

static void request_and_answer_pass(void)
{
	struct rig *r = rig_new(&plain);
	int client = rig_connect(r), server = request(r, client, GET);

	CHECK(begins(head(server), "GET /x?y HTTP/1.1\r\nHost: a\r\n"));
	CHECK(send_text(
		server, "HTTP/1.1 404 Nothing here\r\nX: y\r\nContent-Length: 3\r\n\r\nabc"));
	CHECK(begins(head(client), "HTTP/1.1 404 Nothing here\r\nX: y\r\nDate: "));
	CHECK(gets_text(client, "abc"));
	CHECK(UNTIL(r, tally_get(&r->tally->backends[0].answers[3]) == 1));
	CHECK(tally_get(&r->tally->servers[0].answers[3]) == 1);
	end(&client);
	end(&server);
	rig_free(r);
}

static void what_the_client_claims_is_replaced(void)
{
	struct rig *r = rig_new(&plain);
	int client = rig_connect(r), server;
	const char *h;

	server = request(r, client,
		"GET / HTTP/1.1\r\nHost: a:8080\r\nX-Forwarded-For: 6.6.6.6\r\nX_Forwarded_For: "
		"6\r\n"
		"Forwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n"
		"X-Request-Id: mine\r\nConnection: keep-alive, Gone, Cookie\r\nGone: 1\r\nKept: "
		"1\r\n"
		"Cookie: c\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nHTTP2-Settings: x\r\nTE: "
		"gzip\r\n\r\n");
	h = head(server);
	CHECK(!strstr(h, "6.6.6.6") && !strstr(h, "X_Forwarded_For") && !strstr(h, "mine"));
	CHECK(strstr(h, "\r\nX-Forwarded-For: 127.0.0.1\r\n"));
	CHECK(strstr(h, "\r\nX-Real-IP: 127.0.0.1\r\n"));
	CHECK(strstr(h, "\r\nX-Forwarded-Proto: http\r\n"));
	CHECK(strstr(h, "\r\nX-Forwarded-Host: a:8080\r\n"));
	CHECK(strstr(h, "\r\nForwarded: for=127.0.0.1;host=\"a:8080\";proto=http\r\n"));
	CHECK(strstr(h, "\r\nKept: 1\r\n") && strstr(h, "\r\nCookie: c\r\n"));
	CHECK(!strstr(h, "Gone") && !strstr(h, "Keep-Alive") && !strstr(h, "Proxy-Connection"));
	CHECK(!strstr(h, "HTTP2") && !strstr(h, "TE:") && !strstr(h, "Connection"));
	end(&client);
	end(&server);
	rig_free(r);
}

static void trusted_proxy_is_believed_and_its_lists_go_on(void)
{
	struct rig *r = rig_new(&(struct rig_options){
		.http = plain.http, .listener = "trusted_proxies = [\"127.0.0.0/8\"];"});
	int client = rig_connect(r), server;
	const char *h;

	server = request(r, client,
		"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: "
		"7.7.7.7\r\n"
		"Forwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n"
		"X-Request-Id: mine\r\n\r\n");
	h = head(server);
	CHECK(strstr(h, "\r\nX-Forwarded-For: 6.6.6.6, 7.7.7.7, 127.0.0.1\r\n"));
	CHECK(strstr(h, "\r\nX-Real-IP: 6.6.6.6\r\n"));
	CHECK(strstr(h, "\r\nX-Forwarded-Proto: https\r\n"));
	CHECK(strstr(h, "\r\nX-Request-Id: mine\r\n"));
	CHECK(strstr(h, "\r\nForwarded: for=6.6.6.6, for=127.0.0.1;host=\"a\";proto=http\r\n"));
	end(&client);
	end(&server);
	rig_free(r);
}

static void connection_to_the_server_serves_the_next_client(void)
{
	struct rig *r = rig_new(&plain);
	int first = rig_connect(r), second, server = request(r, first, GET);

	CHECK(*head(server) && send_text(server, OK));
	CHECK(is_ok(first));
	end(&first);
	second = rig_connect(r);
	CHECK(send_text(second, GET));
	CHECK(begins(head(server), "GET /x?y"));
	CHECK(send_text(server, OK));
	CHECK(is_ok(second));
	CHECK(send_text(second, GET));
	CHECK(*head(server) && send_text(server, OK));
	CHECK(is_ok(second));
	CHECK(UNTIL(r, atomic_load(&r->load->active[0]) == 0));
	CHECK(tally_get(&r->tally->servers[0].opened) == 3);
	end(&second);
	end(&server);
	rig_free(r);
}

static void server_that_closes_or_says_more_than_it_should_is_used_no_more(void)
{
	static const char *const answers[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
		"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n",
	};
	struct rig *r = rig_new(&plain);

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		int client = rig_connect(r), server = request(r, client, GET), next;

		CHECK(*head(server) && send_text(server, answers[i]));
		CHECK(is_ok(client));
		next = request(r, client, GET);
		CHECK(*head(next) && send_text(next, answers[0]));
		CHECK(is_ok(client));
		end(&client);
		end(&server);
		end(&next);
	}
	rig_free(r);
}

static void request_on_a_connection_just_closed_is_sent_again_where_that_is_safe(void)
{
	struct rig *r = rig_new(&plain);
	int client = rig_connect(r), server = request(r, client, GET), next;

	CHECK(*head(server) && send_text(server, OK));
	CHECK(is_ok(client));
	CHECK(send_text(client, GET));
	CHECK(*head(server));
	end(&server); /* without an answer */
	next = rig_accept(r, 0);
	CHECK(begins(head(next), "GET /x?y"));
	CHECK(send_text(next, OK));
	CHECK(is_ok(client));
	CHECK(send_text(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"));
	CHECK(*head(next) && gets_text(next, "x"));
	end(&next);
	CHECK(begins(head(client), "HTTP/1.1 502 "));
	CHECK(UNTIL(r, tally_get(&r->tally->requests_ended[END_SERVER_RESET]) == 1));
	end(&client);
	rig_free(r);
}

static void idle_connection_that_the_server_closed_is_not_tried(void)
{
	struct rig *r = rig_new(&plain);
	int client = rig_connect(r), server = request(r, client, GET), next;

	CHECK(*head(server) && send_text(server, OK));
	CHECK(is_ok(client));
	end(&server);
	usleep(20 * 1000);
	next = request(r, client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
	CHECK(*head(next) && send_text(next, OK));
	CHECK(is_ok(client));
	end(&client);
	end(&next);
	rig_free(r);
}

static void failed_connect_goes_to_another_server(void)
{
	struct rig *r = rig_new(&(struct rig_options){.http = plain.http, .n_servers = 2});
	int client = rig_connect(r), server;

	end(&r->servers[0]);
	for (unsigned i = 0; i < 2; i++) {
		CHECK(send_text(
			client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"));
		server = rig_accept(r, 1);
		CHECK(*head(server) && gets_text(server, "x"));
		CHECK(send_text(server,
			"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"));
		CHECK(is_ok(client));
		end(&server);
	}
	CHECK(UNTIL(r, r->reports[REPORT_CONNECT_FAILED] >= 1));
	CHECK(r->last_error == ECONNREFUSED);
	end(&client);
	rig_free(r);
}

static void no_server_at_all_is_said(void)
{
	struct rig *r =
		rig_new(&(struct rig_options){.http = plain.http, .backend = "retries = 0;"});
	int client = rig_connect(r);

	end(&r->servers[0]);
	CHECK(send_text(client, GET));
	CHECK(begins(head(client), "HTTP/1.1 502 "));
	end(&client);
	rig_free(r);
}

/* --- bodies --- */

static void chunks_are_made_anew_both_ways(void)
{
	struct rig *r = rig_new(&plain);
	int client = rig_connect(r), server;

	server = request(r, client,
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
		"003;evil=1\r\nabc\r\n0\r\nX-T: 1\r\nHost: evil\r\n\r\n");
	CHECK(strstr(head(server), "\r\nTransfer-Encoding: chunked\r\n\r\n"));
	CHECK(gets_text(server, "3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n"));
	CHECK(send_text(
		server, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n"));
	CHECK(strstr(head(client), "\r\nTransfer-Encoding: chunked\r\n\r\n"));
	CHECK(gets_text(client, "5\r\nhello\r\n"));
	CHECK(send_text(server, "0\r\n\r\n"));
	CHECK(gets_text(client, "0\r\n\r\n"));
	CHECK(send_text(client, GET));
	CHECK(*head(server) && send_text(server, OK));
	CHECK(is_ok(client));
	end(&client);
	end(&server);
	rig_free(r);
}

static void bad_chunk_ends_both_sides(void)
{
	struct rig *r = rig_new(&plain);
	int client = rig_connect(r), server;

	server = request(r, client,
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
		"chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n" GET);
	CHECK(*head(server));
	CHECK(begins(head(client), "HTTP/1.1 400 "));
	CHECK(UNTIL(r, tally_get(&r->tally->requests_ended[END_REQUEST_MALFORMED]) == 1));
	end(&client);
	end(&server);
	rig_free(r);
}

static void body_until_close_is_chunked_for_who_knows_chunks(void)
{
	struct rig *r = rig_new(&plain);
	int client = rig_connect(r), server = request(r, client, GET);

	CHECK(*head(server) && send_text(server, "HTTP/1.0 200 OK\r\n\r\nabc"));
	CHECK(strstr(head(client), "\r\nTransfer-Encoding: chunked\r\n"));
	CHECK(gets_text(client, "3\r\nabc\r\n"));
	end(&server);
	CHECK(gets_text(client, "0\r\n\r\n"));
	end(&client);
	client = rig_connect(r);
	server = request(r, client, "GET / HTTP/1.0\r\n\r\n");
	CHECK(*head(server));
	CHECK(send_text(server,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"));
	CHECK(strstr(head(client), "Connection: close\r\n"));
	CHECK(gets_text(client, "abc"));
	CHECK(got_end(client));
	end(&client);
	end(&server);
	rig_free(r);
}

static void answers_without_a_body_end_with_their_head(void)
{
	static const char *const answers[] = {
		"HTTP/1.1 204 x\r\n\r\n",
		"HTTP/1.1 304 x\r\nContent-Length: 9\r\n\r\n",
	};
	struct rig *r = rig_new(&plain);
	int client = rig_connect(r), server;

	server = request(r, client, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
	CHECK(*head(server) && send_text(server, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"));
	CHECK(strstr(head(client), "Content-Length: 9\r\n"));
	for (unsigned i = 0; i < 2; i++) {
		CHECK(send_text(client, GET));
		CHECK(*head(server) && send_text(server, answers[i]));
		CHECK(*head(client));
	}
	CHECK(send_text(client, GET));
	CHECK(*head(server) && send_text(server, OK));
	CHECK(is_ok(client));
	end(&client);
	end(&server);
	rig_free(r);
}

static void slow_readers_hold_the_other_side_back(void)
{
	enum { ALL = 32 << 20 };
	struct rig *r = rig_new(&plain);
	static char bytes[1 << 16];
	int client = rig_connect(r), server;
	ssize_t n, sent = 0, got = 0;
	char text[200];

	snprintf(text, sizeof(text), "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n",
		ALL);
	server = request(r, client, text);
	CHECK(*head(server));
	while ((n = send(client, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0 ||
		(usleep(20 * 1000), n = send(client, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		sent += n;
	CHECK(sent < ALL); /* what the kernel's buffers and ours hold */
	while (sent + got < 2 * ALL && !tap_failed) {
		n = recv(server, bytes, sizeof(bytes), MSG_DONTWAIT);
		got += n > 0 ? n : 0;
		if (sent < ALL) {
			n = send(client, bytes,
				ALL - sent < (ssize_t)sizeof(bytes) ? (size_t)(ALL - sent)
								    : sizeof(bytes),
				MSG_DONTWAIT);
			sent += n > 0 ? n : 0;
		}
	}
	CHECK(got == ALL);
	CHECK(send_text(server, OK));
	CHECK(is_ok(client));
	end(&client);
	end(&server);
	rig_free(r);
}

static void server_that_answers_early_is_heard(void)
{
	struct rig *r = rig_new(&plain);
	static char more[1 << 20];
	int client = rig_connect(r), server;

	server = request(
		r, client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\nabc");
	CHECK(*head(server));
	CHECK(send_text(server, "HTTP/1.1 413 Too much\r\nContent-Length: 2\r\n\r\nno"));
	CHECK(begins(head(client), "HTTP/1.1 413 Too much\r\n"));
	CHECK(gets_text(client, "no"));
	send(client, more, sizeof(more), MSG_DONTWAIT | MSG_NOSIGNAL);
	CHECK(got_end(client));
	end(&client);
	end(&server);
	rig_free(r);
}

static void continue_is_passed_on_where_it_is_waited_for(void)
{
	struct rig *r = rig_new(&plain);
	int client = rig_connect(r), server;

	server = request(r, client,
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n");
	CHECK(strstr(head(server), "\r\nExpect: 100-continue\r\n"));
	CHECK(send_text(server, "HTTP/1.1 100 Continue\r\n\r\n"));
	CHECK(begins(head(client), "HTTP/1.1 100 Continue\r\n\r\n"));
	CHECK(send_text(client, "x"));
	CHECK(gets_text(server, "x"));
	CHECK(send_text(server, "HTTP/1.1 103 Early Hints\r\nLink: l\r\n\r\n" OK));
	CHECK(begins(head(client), "HTTP/1.1 103 Early Hints\r\nLink: l\r\n"));
	CHECK(is_ok(client));
	CHECK(send_text(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"));
	CHECK(*head(server) && send_text(server, "HTTP/1.1 100 Continue\r\n\r\n" OK));
	CHECK(is_ok(client));
	end(&client);
	end(&server);
	rig_free(r);
}

/* --- upgrades --- */

static void upgrade_opens_a_tunnel_and_ends_come_one_by_one(void)
{
	struct rig *r = rig_new(&plain);
	int client = rig_connect(r), server;

	server = request(r, client,
		"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: "
		"websocket\r\n\r\nearly");
	CHECK(strstr(head(server), "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"));
	CHECK(send_text(server, "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: "
				"websocket\r\n\r\nhello"));
	CHECK(strstr(head(client), "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"));
	CHECK(gets_text(client, "hello"));
	CHECK(gets_text(server, "early"));
	CHECK(send_text(client, "ping") && gets_text(server, "ping"));
	CHECK(send_text(server, "pong") && gets_text(client, "pong"));
	shutdown(client, SHUT_WR);
	CHECK(got_end(server));
	CHECK(send_text(server, "last") && gets_text(client, "last"));
	end(&server);
	CHECK(got_end(client));
	end(&client);
	CHECK(UNTIL(r, rig_open(r) == 0 && rig_ended(r, END_CLIENT_CLOSED) == 1));
	rig_free(r);
}

static void upgrade_that_is_declined_is_an_answer_like_others(void)
{
	struct rig *r = rig_new(&plain);
	int client = rig_connect(r), server;

	server = request(r, client,
		"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
	CHECK(*head(server) && send_text(server, OK));
	CHECK(is_ok(client));
	CHECK(send_text(client,
		"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"));
	CHECK(!strstr(head(server), "pgrade"));
	CHECK(send_text(server, "HTTP/1.1 101 x\r\nUpgrade: h2c\r\n\r\n"));
	CHECK(begins(head(client), "HTTP/1.1 502 "));
	end(&client);
	end(&server);
	rig_free(r);
}

/* --- failures of the server --- */

static void answer_that_is_none_gives_502(void)
{
	static const char *const answers[] = {
		"hello\r\n",
		"HTTP/1.1 200 OK\nX: y\n\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
	};
	struct rig *r = rig_new(&plain);

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		int client = rig_connect(r), server = request(r, client, GET);

		CHECK(*head(server) && send_text(server, answers[i]));
		CHECK(begins(head(client), "HTTP/1.1 502 "));
		end(&client);
		end(&server);
	}
	CHECK(UNTIL(r, tally_get(&r->tally->requests_ended[END_ANSWER_MALFORMED]) == 5));
	rig_free(r);
}

static void answer_that_is_cut_short_is_not_made_whole(void)
{
	static const char *const answers[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
	};
	struct rig *r = rig_new(&plain);

	for (size_t i = 0; i < 2; i++) {
		int client = rig_connect(r), server = request(r, client, GET);

		CHECK(*head(server) && send_text(server, answers[i]));
		CHECK(*head(client) && gets_text(client, i == 0 ? "abc" : "3\r\nabc\r\n"));
		end(&server);
		CHECK(got_end(client));
		end(&client);
	}
	CHECK(UNTIL(r, rig_ended(r, END_SERVER_RESET) == 2));
	rig_free(r);
}

static void server_that_does_not_answer_in_time_gives_504(void)
{
	struct rig *r = rig_new(&(struct rig_options){
		.http = plain.http, .listener = "timeouts = { response = \"200ms\"; };"});
	int client = rig_connect(r), server = request(r, client, GET), next;

	CHECK(*head(server));
	CHECK(begins(head(client), "HTTP/1.1 504 ") && gets_text(client, "504 Gateway Timeout\n"));
	CHECK(UNTIL(r, tally_get(&r->tally->requests_ended[END_ANSWER_TIMEOUT]) == 1));
	next = request(r, client, GET);
	CHECK(*head(next) && send_text(next, OK));
	CHECK(is_ok(client));
	end(&client);
	end(&server);
	end(&next);
	rig_free(r);
}

static void client_that_sends_no_more_of_its_body_gets_408(void)
{
	struct rig *r = rig_new(&(struct rig_options){
		.http = plain.http, .listener = "timeouts = { idle = \"200ms\"; };"});
	int client = rig_connect(r), server;

	server = request(r, client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
	CHECK(*head(server));
	CHECK(begins(head(client), "HTTP/1.1 408 "));
	end(&client);
	end(&server);
	rig_free(r);
}

static void full_server_is_waited_for(void)
{
	struct rig *r = rig_new(&(struct rig_options){.http = plain.http,
		.server = "max_connections = 1;",
		.listener = "timeouts = { connect = \"400ms\"; };"});
	int first = rig_connect(r), second = rig_connect(r), third = rig_connect(r);
	int server = request(r, first, GET);

	CHECK(*head(server));
	CHECK(send_text(second, GET));
	CHECK(UNTIL(r, tally_get(&r->tally->backends[0].queued_now_up) == 1));
	CHECK(send_text(server, OK));
	CHECK(is_ok(first));
	CHECK(*head(server)); /* the second, on the same connection */
	CHECK(send_text(third, GET));
	CHECK(strstr(head(third), "\r\nRetry-After: "));
	CHECK(UNTIL(r, tally_get(&r->tally->requests_ended[END_SERVERS_FULL]) == 1));
	CHECK(send_text(server, OK));
	CHECK(is_ok(second));
	end(&first);
	end(&second);
	end(&third);
	end(&server);
	rig_free(r);
}

static void client_that_resets_frees_its_server(void)
{
	struct rig *r = rig_new(&plain);
	int client = rig_connect(r), server = request(r, client, GET);

	CHECK(*head(server));
	CHECK(atomic_load(&r->load->active[0]) == 1);
	reset(&client);
	CHECK(got_end(server));
	CHECK(UNTIL(r, rig_open(r) == 0 && atomic_load(&r->load->active[0]) == 0));
	CHECK(rig_ended(r, END_CLIENT_RESET) == 1);
	end(&server);
	rig_free(r);
}

static void server_that_is_closed_by_order_closes_its_requests(void)
{
	struct rig *r = rig_new(&plain);
	int idle = rig_connect(r), busy = rig_connect(r), pooled = request(r, idle, GET), server;

	CHECK(*head(pooled));
	server = request(r, busy, GET);
	CHECK(*head(server) && send_text(pooled, OK));
	CHECK(is_ok(idle));
	rig_order(
		r, &(struct order){
			   .kind = ORDER_CLOSE_SERVER, .reason = END_SERVER_SHUTDOWN, .server = 0});
	CHECK(got_end(server));
	CHECK(got_end(pooled));
	CHECK(got_end(busy));
	CHECK(UNTIL(r, rig_ended(r, END_SERVER_SHUTDOWN) == 1 && rig_open(r) == 1));
	end(&idle);
	end(&busy);
	end(&server);
	end(&pooled);
	rig_free(r);
}

static void proxy_header_goes_to_who_wants_one_and_its_connection_to_no_one_else(void)
{
	struct rig *r = rig_new(
		&(struct rig_options){.http = plain.http, .backend = "proxy_protocol = \"v1\";"});
	int client = rig_connect(r), server = request(r, client, GET), next;
	const char *h = head(server);

	CHECK(begins(h, "PROXY TCP4 127.0.0.1 127.0.0.1 "));
	CHECK(strstr(h, "\r\nGET /x?y HTTP/1.1\r\n"));
	CHECK(send_text(server, OK));
	CHECK(is_ok(client));
	next = request(r, client, GET);
	CHECK(begins(head(next), "PROXY "));
	end(&client);
	end(&server);
	end(&next);
	rig_free(r);
}

int main(void)
{
	static const struct tap_case cases[] = {
#define CASE(name) {#name, name}
		CASE(request_and_answer_pass),
		CASE(what_the_client_claims_is_replaced),
		CASE(trusted_proxy_is_believed_and_its_lists_go_on),
		CASE(connection_to_the_server_serves_the_next_client),
		CASE(server_that_closes_or_says_more_than_it_should_is_used_no_more),
		CASE(request_on_a_connection_just_closed_is_sent_again_where_that_is_safe),
		CASE(idle_connection_that_the_server_closed_is_not_tried),
		CASE(failed_connect_goes_to_another_server),
		CASE(no_server_at_all_is_said),
		CASE(chunks_are_made_anew_both_ways),
		CASE(bad_chunk_ends_both_sides),
		CASE(body_until_close_is_chunked_for_who_knows_chunks),
		CASE(answers_without_a_body_end_with_their_head),
		CASE(slow_readers_hold_the_other_side_back),
		CASE(server_that_answers_early_is_heard),
		CASE(continue_is_passed_on_where_it_is_waited_for),
		CASE(upgrade_opens_a_tunnel_and_ends_come_one_by_one),
		CASE(upgrade_that_is_declined_is_an_answer_like_others),
		CASE(answer_that_is_none_gives_502),
		CASE(answer_that_is_cut_short_is_not_made_whole),
		CASE(server_that_does_not_answer_in_time_gives_504),
		CASE(client_that_sends_no_more_of_its_body_gets_408),
		CASE(full_server_is_waited_for),
		CASE(client_that_resets_frees_its_server),
		CASE(server_that_is_closed_by_order_closes_its_requests),
		CASE(proxy_header_goes_to_who_wants_one_and_its_connection_to_no_one_else),
	};

	return tap_run(cases, sizeof(cases) / sizeof(cases[0]));
}

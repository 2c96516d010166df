/* Who comes in: the hello in every shape, refusals and their alerts, PROXY headers, limits, and what
 * happens when descriptors run out. */
#include "rig.h"

#include "access.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ALERT_UNEXPECTED = 10, ALERT_UNRECOGNIZED_NAME = 112 };

static const struct rig_options plain;

/* --- hellos --- */

static void hello_that_comes_byte_by_byte_is_forwarded_whole(void)
{
	struct rig *r = rig_new(&plain);
	struct span hello = rig_hello("aegisagent.ai");
	int client = rig_connect(r), server, on = 1;

	setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	for (size_t i = 0; i < hello.n; i++) {
		CHECK(put(client, hello.p + i, 1));
		usleep(500);
	}
	server = rig_serve(r, 0);
	end(&client);
	end(&server);
	rig_free(r);
}

static void unknown_name_gets_the_alert_of_tls(void)
{
	struct rig *r = rig_new(&plain);
	struct span hello = rig_hello("nobody.example");
	int client = rig_connect(r);

	CHECK(put(client, hello.p, hello.n));
	CHECK(got_alert(client, ALERT_UNRECOGNIZED_NAME));
	end(&client);
	CHECK(UNTIL(r, rig_ended(r, END_NO_ROUTE) == 1 && rig_open(r) == 0));
	CHECK(tally_get(&r->tally->listeners[0].refused_request) == 1);
	rig_order(r, &(struct order){.kind = ORDER_LIST_ERRORS});
	CHECK(UNTIL(r, r->reports[REPORT_ERRORS] == 1));
	CHECK(r->last->n == 1 && strcmp(r->last->items.errors[0].name, "nobody.example") == 0);
	CHECK(r->last->items.errors[0].bytes[0] == 22);
	rig_free(r);
}

/* What a client still sends behind its hello must not turn the alert into a reset. */
static void alert_arrives_although_the_client_goes_on_sending(void)
{
	struct rig *r = rig_new(&plain);
	struct span hello = rig_hello("nobody.example");
	static char more[100 * 1000];
	int client = rig_connect(r);

	CHECK(put(client, hello.p, hello.n));
	CHECK(put(client, more, sizeof(more)));
	usleep(20 * 1000);
	CHECK(put(client, more, sizeof(more)));
	CHECK(got_alert(client, ALERT_UNRECOGNIZED_NAME));
	end(&client);
	rig_free(r);
}

static void not_tls_is_told_so(void)
{
	struct rig *r = rig_new(&plain);
	int client = rig_connect(r);

	CHECK(put(client, "GET / HTTP/1.1\r\n\r\n", 18));
	CHECK(got_alert(client, ALERT_UNEXPECTED) || tap_failed);
	end(&client);
	CHECK(UNTIL(r, rig_ended(r, END_HELLO_NOT_TLS) == 1));
	rig_free(r);
}

static void hello_has_a_time_limit(void)
{
	struct rig *r =
		rig_new(&(struct rig_options){.listener = "timeouts = { hello = \"200ms\"; };"});
	int client = rig_connect(r);

	CHECK(put(client, "\x16\x03", 2));
	CHECK(got_end(client));
	CHECK(UNTIL(r, rig_ended(r, END_HELLO_TIMEOUT) == 1));
	end(&client);
	rig_free(r);
}

static void client_that_leaves_early_is_counted(void)
{
	struct rig *r = rig_new(&plain);
	int client = rig_connect(r);

	CHECK(put(client, "\x16\x03", 2));
	end(&client);
	CHECK(UNTIL(r, rig_ended(r, END_HELLO_CLOSED) == 1 && rig_open(r) == 0));
	rig_free(r);
}

/* --- PROXY headers --- */

static const struct rig_options behind_proxy = {
	.listener = "accept_proxy = [\"127.0.0.0/8\"];", .limits = "connections_per_source = 1;"};

static void client_is_who_the_proxy_header_says(void)
{
	static const char header[] = "PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n";
	struct rig *r = rig_new(&behind_proxy);
	struct span hello = rig_hello("aegisagent.ai");
	char bytes[2048];
	int client = rig_connect(r), server;

	memcpy(bytes, header, sizeof(header) - 1);
	memcpy(bytes + sizeof(header) - 1, hello.p, hello.n);
	CHECK(put(client, bytes, 10));
	usleep(10 * 1000);
	CHECK(put(client, bytes + 10, sizeof(header) - 1 + hello.n - 10));
	server = rig_serve(r, 0);
	rig_order(r, &(struct order){.kind = ORDER_LIST_SESSIONS, .max = 1});
	CHECK(UNTIL(r, r->reports[REPORT_SESSIONS] == 1));
	CHECK(r->last->n == 1 && r->last->items.sessions[0].client.port == 4711);
	end(&client);
	end(&server);
	rig_free(r);
}

static void limits_count_the_client_behind_the_proxy(void)
{
	static const char *headers[] = {"PROXY TCP4 192.0.2.7 192.0.2.1 1 443\r\n",
		"PROXY TCP4 192.0.2.8 192.0.2.1 2 443\r\n",
		"PROXY TCP4 192.0.2.7 192.0.2.1 3 443\r\n"};
	struct rig *r = rig_new(&behind_proxy);
	struct span hello = rig_hello("aegisagent.ai");
	int clients[3], servers[2];

	for (int i = 0; i < 3; i++) {
		clients[i] = rig_connect(r);
		CHECK(put(clients[i], headers[i], strlen(headers[i])));
		CHECK(put(clients[i], hello.p, hello.n));
		if (i < 2)
			servers[i] = rig_serve(r, 0);
	}
	CHECK(UNTIL(r, rig_ended(r, END_LIMIT_PER_SOURCE) == 1));
	CHECK(rig_open(r) == 2);
	for (int i = 0; i < 3; i++)
		end(&clients[i]);
	end(&servers[0]);
	end(&servers[1]);
	rig_free(r);
}

static void listed_source_must_send_a_proxy_header(void)
{
	struct rig *r = rig_new(&behind_proxy);
	int client = rig_client(r);

	CHECK(got_end(client));
	CHECK(UNTIL(r, rig_ended(r, END_PROXY_MISSING) == 1));
	end(&client);
	rig_free(r);
}

static void unlisted_source_must_not(void)
{
	struct rig *r = rig_new(&plain);
	int client = rig_connect(r);

	CHECK(put(client, "PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n", 41));
	CHECK(got_end(client) || errno == ECONNRESET);
	CHECK(UNTIL(r, rig_ended(r, END_PROXY_REFUSED) == 1));
	end(&client);
	rig_free(r);
}

/* --- bans --- */

static void banned_source_is_refused_and_what_it_has_open_ends(void)
{
	struct rig *r = rig_new(&plain);
	struct rig_pair p = rig_pair(r);
	int refused;

	rig_ban(r, "127.0.0.1");
	refused = rig_connect(r);
	CHECK(got_end(refused) || errno == ECONNRESET);
	CHECK(UNTIL(r, rig_ended(r, END_BANNED) == 1 && rig_open(r) == 1));
	CHECK(tally_get(&r->tally->listeners[0].banned) == 1);
	rig_order(r, &(struct order){.kind = ORDER_CLOSE_BANNED, .reason = END_BANNED});
	CHECK(UNTIL(r, rig_open(r) == 0) && rig_ended(r, END_BANNED) == 2);
	CHECK(tally_get(&r->tally->listeners[0].refused_limit) == 1);
	end(&refused);
	rig_close(&p);
	rig_free(r);
}

static void ban_meets_the_client_behind_the_proxy_and_not_the_proxy(void)
{
	static const char *headers[] = {"PROXY TCP4 192.0.2.7 192.0.2.1 1 443\r\n",
		"PROXY TCP4 192.0.2.8 192.0.2.1 2 443\r\n"};
	struct rig *r =
		rig_new(&(struct rig_options){.listener = "accept_proxy = [\"127.0.0.0/8\"];"});
	struct span hello = rig_hello("aegisagent.ai");
	int clients[2], server;

	for (int i = 0; i < 2; i++) {
		rig_ban(r, i == 0 ? "192.0.2.7" : "127.0.0.1");
		clients[i] = rig_connect(r);
		CHECK(put(clients[i], headers[i], strlen(headers[i])));
		CHECK(put(clients[i], hello.p, hello.n));
		CHECK(UNTIL(r, rig_ended(r, END_BANNED) == 1));
	}
	server = rig_serve(r, 0);
	rig_order(r, &(struct order){.kind = ORDER_CLOSE_BANNED, .reason = END_BANNED});
	rig_order(r, &(struct order){.kind = ORDER_LIST_SESSIONS, .max = 1});
	CHECK(UNTIL(r, r->reports[REPORT_SESSIONS] == 1) && rig_open(r) == 1);
	for (int i = 0; i < 2; i++)
		end(&clients[i]);
	end(&server);
	rig_free(r);
}

/* --- limits --- */

static void one_source_has_so_many_connections_and_no_more(void)
{
	struct rig *r = rig_new(&(struct rig_options){.limits = "connections_per_source = 2;"});
	struct rig_pair a = rig_pair(r), b = rig_pair(r), c;
	int refused = rig_client(r);

	CHECK(got_reset(refused));
	end(&refused);
	CHECK(rig_ended(r, END_LIMIT_PER_SOURCE) == 1);
	CHECK(tally_get(&r->tally->listeners[0].refused_limit) == 1);
	rig_close(&a);
	CHECK(UNTIL(r, rig_open(r) == 1));
	c = rig_pair(r);
	rig_close(&b);
	rig_close(&c);
	rig_free(r);
}

static void one_source_comes_so_fast_and_no_faster(void)
{
	struct rig *r = rig_new(&(struct rig_options){
		.listener = "rate_limit = { connections = 2; per = \"1h\"; };"});
	struct rig_pair a = rig_pair(r), b = rig_pair(r);
	int refused = rig_client(r);

	CHECK(got_reset(refused));
	end(&refused);
	CHECK(rig_ended(r, END_LIMIT_RATE) == 1);
	rig_close(&a);
	rig_close(&b);
	rig_free(r);
}

static void beyond_all_connections_accepting_pauses_and_nothing_is_lost(void)
{
	struct rig *r = rig_new(&(struct rig_options){.limits = "connections = 2;"});
	struct rig_pair a = rig_pair(r), b = rig_pair(r);
	int waiting = rig_client(r), server;

	CHECK(UNTIL(r, r->reports[REPORT_PAUSED] == 1));
	CHECK(r->last_error == 0);
	usleep(50 * 1000);
	CHECK(rig_open(r) == 2);
	rig_close(&a);
	server = rig_serve(r, 0);
	rig_close(&b);
	end(&waiting);
	end(&server);
	CHECK(UNTIL(r, r->reports[REPORT_RESUMED] == 1));
	rig_free(r);
}

/* --- descriptors --- */

static int use_up_descriptors(int *fds, int max)
{
	int n = 0;

	while (n < max && (fds[n] = dup(0)) >= 0)
		n++;
	return n;
}

static void without_descriptors_accepting_pauses_and_what_is_open_goes_on(void)
{
	struct rig *r = rig_new(&plain);
	struct rig_pair p = rig_pair(r);
	struct rlimit before, few = {.rlim_cur = 64, .rlim_max = 0};
	struct rig_pair late = {.server = -1};
	uint64_t loops;
	int fds[64], n;
	char byte;

	late = rig_pair(r); /* everything that opens descriptors once has done so */
	rig_close(&late);
	CHECK(UNTIL(r, rig_open(r) == 1));
	late.client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	getrlimit(RLIMIT_NOFILE, &before);
	few.rlim_max = before.rlim_max;
	setrlimit(RLIMIT_NOFILE, &few);
	n = use_up_descriptors(fds, 64);
	{
		struct sockaddr_in in = {.sin_family = AF_INET,
			.sin_port = htons(r->port),
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		struct span hello = rig_hello("aegisagent.ai");

		CHECK(connect(late.client, (struct sockaddr *)&in, sizeof(in)) == 0);
		CHECK(put(late.client, hello.p, hello.n));
	}
	CHECK(UNTIL(r, r->reports[REPORT_PAUSED] == 1));
	CHECK(r->last_error == EMFILE);
	loops = tally_get(&r->tally->loops);
	usleep(200 * 1000);
	CHECK(tally_get(&r->tally->loops) - loops < 60); /* it waits, it does not spin */
	CHECK(put(p.client, "x", 1) && get(p.server, &byte, 1));
	setrlimit(RLIMIT_NOFILE, &before);
	while (n > 0)
		close(fds[--n]);
	late.server = rig_serve(r, 0);
	CHECK(UNTIL(r, r->reports[REPORT_RESUMED] == 1));
	rig_close(&late);
	rig_close(&p);
	rig_free(r);
}

/* --- the end --- */

static void a_stop_drains(void)
{
	struct rig *r = rig_new(&plain);
	struct rig_pair p = rig_pair(r);
	char byte;

	rig_order(r, &(struct order){.kind = ORDER_STOP_ACCEPTING});
	CHECK(UNTIL(r, r->reports[REPORT_GAVE_UP] == 1));
	CHECK(put(p.client, "x", 1) && get(p.server, &byte, 1));
	CHECK(r->reports[REPORT_DRAINED] == 0);
	rig_close(&p);
	CHECK(UNTIL(r, r->reports[REPORT_DRAINED] == 1));
	rig_free(r);
}

/* Many wait in the kernel's queue when the order comes: closing the listener would reset them. */
static void a_stop_takes_in_who_has_connected_already(void)
{
	struct rig *r = rig_new(&plain);
	int clients[50], server;
	char answer;

	for (int i = 0; i < 50; i++)
		clients[i] = rig_client(r);
	rig_order(r, &(struct order){.kind = ORDER_STOP_ACCEPTING});
	for (int i = 0; i < 50; i++) {
		server = rig_serve(r, 0);
		CHECK(put(server, "a", 1));
		end(&server);
	}
	for (int i = 0; i < 50; i++) {
		CHECK(get(clients[i], &answer, 1));
		end(&clients[i]);
	}
	CHECK(UNTIL(r, r->reports[REPORT_DRAINED] == 1));
	rig_free(r);
}

static void every_connection_leaves_an_access_record(void)
{
	struct rig *r = rig_new(&plain);
	struct rig_pair p = rig_pair(r);
	const struct access_record *a;
	size_t n;

	rig_close(&p);
	CHECK(UNTIL(r, (a = ring_peek(r->access, &n)) != NULL));
	CHECK(n == sizeof(*a) + 13 && a->name_len == 13);
	CHECK(memcmp(a + 1, "aegisagent.ai", 13) == 0);
	CHECK(a->reason == END_CLIENT_CLOSED || a->reason == END_SERVER_CLOSED);
	CHECK(a->bytes_in == rig_hello("aegisagent.ai").n && a->bytes_out == 1);
	CHECK(a->server.family == AF_INET && a->local.port == r->port && a->route == 0);
	CHECK(a->total_us >= a->first_byte_us && a->first_byte_us >= a->connect_us);
	ring_release(r->access);
	rig_free(r);
}

int main(void)
{
	static const struct tap_case cases[] = {
		{"listener, hello_that_comes_byte_by_byte_is_forwarded_whole",
			hello_that_comes_byte_by_byte_is_forwarded_whole},
		{"listener, unknown_name_gets_the_alert_of_tls",
			unknown_name_gets_the_alert_of_tls},
		{"listener, alert_arrives_although_the_client_goes_on_sending",
			alert_arrives_although_the_client_goes_on_sending},
		{"listener, not_tls_is_told_so", not_tls_is_told_so},
		{"listener, hello_has_a_time_limit", hello_has_a_time_limit},
		{"listener, client_that_leaves_early_is_counted",
			client_that_leaves_early_is_counted},
		{"listener, client_is_who_the_proxy_header_says",
			client_is_who_the_proxy_header_says},
		{"listener, limits_count_the_client_behind_the_proxy",
			limits_count_the_client_behind_the_proxy},
		{"listener, listed_source_must_send_a_proxy_header",
			listed_source_must_send_a_proxy_header},
		{"listener, unlisted_source_must_not", unlisted_source_must_not},
		{"listener, banned_source_is_refused_and_what_it_has_open_ends",
			banned_source_is_refused_and_what_it_has_open_ends},
		{"listener, ban_meets_the_client_behind_the_proxy_and_not_the_proxy",
			ban_meets_the_client_behind_the_proxy_and_not_the_proxy},
		{"listener, one_source_has_so_many_connections_and_no_more",
			one_source_has_so_many_connections_and_no_more},
		{"listener, one_source_comes_so_fast_and_no_faster",
			one_source_comes_so_fast_and_no_faster},
		{"listener, beyond_all_connections_accepting_pauses_and_nothing_is_lost",
			beyond_all_connections_accepting_pauses_and_nothing_is_lost},
		{"listener, without_descriptors_accepting_pauses_and_what_is_open_goes_on",
			without_descriptors_accepting_pauses_and_what_is_open_goes_on},
		{"listener, a_stop_drains", a_stop_drains},
		{"listener, a_stop_takes_in_who_has_connected_already",
			a_stop_takes_in_who_has_connected_already},
		{"listener, every_connection_leaves_an_access_record",
			every_connection_leaves_an_access_record},
	};

	return tap_run(cases, sizeof(cases) / sizeof(*cases));
}

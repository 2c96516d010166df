/* The way to a server: failures that cost the client nothing, limits of servers, and what a client is
 * told when there is no way. */
#include "rig.h"

#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ALERT_INTERNAL_ERROR = 80 };

static const struct rig_options plain;
static const struct rig_options two = {.n_servers = 2};

static struct tally_server *server_tally(struct rig *r, unsigned i)
{
	return &r->tally->servers[i];
}

/* Serves one connection at this server and brings an answer to the client. */
static void serve_and_answer(struct rig *r, unsigned server, int client)
{
	int fd = rig_serve(r, server);
	char answer;

	CHECK(put(fd, "a", 1) && get(client, &answer, 1));
	end(&fd);
}

static void connections_alternate(void)
{
	struct rig *r = rig_new(&two);

	for (unsigned i = 0; i < 10; i++) {
		int client = rig_client(r);

		serve_and_answer(r, i % 2, client);
		end(&client);
	}
	CHECK(UNTIL(r, rig_open(r) == 0));
	CHECK(tally_get(&server_tally(r, 0)->opened) == 5);
	CHECK(tally_get(&server_tally(r, 1)->closed) == 5);
	rig_free(r);
}

static void refused_connect_goes_to_another_server(void)
{
	struct rig *r = rig_new(&two);

	end(&r->servers[0]);
	for (int i = 0; i < 10; i++) {
		int client = rig_client(r);

		serve_and_answer(r, 1, client);
		end(&client);
	}
	CHECK(UNTIL(r, r->reports[REPORT_CONNECT_FAILED] == 5));
	CHECK(r->last_error == ECONNREFUSED);
	CHECK(tally_get(&server_tally(r, 0)->connect_errors) == 5);
	CHECK(tally_get(&server_tally(r, 0)->redispatches) == 5);
	CHECK(tally_get(&r->tally->backends[0].redispatches) == 5);
	CHECK(tally_get(&r->tally->backends[0].connect_errors) == 0);
	rig_free(r);
}

static void connect_that_takes_too_long_goes_to_another_server(void)
{
	const struct rig_options o = {
		.n_servers = 2, .listener = "timeouts = { connect = \"200ms\"; };"};
	struct rig *r = rig_new(&o);
	int filler[8], client;

	/* A full queue of the kernel leaves the next handshake without an answer. */
	listen(r->servers[0], 0);
	for (int i = 0; i < 8; i++) {
		struct sockaddr_storage sa;
		socklen_t len = sizeof(sa);

		getsockname(r->servers[0], (struct sockaddr *)&sa, &len);
		filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		CHECK(connect(filler[i], (struct sockaddr *)&sa, len) == 0 || errno == EINPROGRESS);
	}
	usleep(50 * 1000);
	client = rig_client(r);
	serve_and_answer(r, 1, client);
	CHECK(UNTIL(r, r->reports[REPORT_CONNECT_FAILED] == 1));
	CHECK(r->last_error == ETIMEDOUT);
	for (int i = 0; i < 8; i++)
		end(&filler[i]);
	end(&client);
	rig_free(r);
}

/* The process died with the connection in its accept queue: the kernel resets what had stood. */
static void reset_before_the_first_byte_goes_to_another_server(void)
{
	struct rig *r = rig_new(&two);
	int client = rig_client(r), dying = rig_serve(r, 0);

	reset(&dying);
	serve_and_answer(r, 1, client);
	CHECK(tally_get(&server_tally(r, 0)->redispatches) == 1);
	CHECK(r->reports[REPORT_CONNECT_FAILED] == 0);
	end(&client);
	CHECK(UNTIL(r, rig_open(r) == 0));
	CHECK(atomic_load(&r->load->active[0]) == 0 && atomic_load(&r->load->active[1]) == 0);
	rig_free(r);
}

static void end_before_the_first_byte_goes_to_another_server(void)
{
	struct rig *r = rig_new(&two);
	int client = rig_client(r), dying = rig_serve(r, 0);

	end(&dying);
	serve_and_answer(r, 1, client);
	end(&client);
	rig_free(r);
}

static void early_data_reaches_one_server_only(void)
{
	struct rig *r = rig_new(&two);
	struct span hello = rig_hello("aegisagent.ai");
	char bytes[2048];
	int client = rig_connect(r), dying;

	memcpy(bytes, hello.p, hello.n);
	memcpy(bytes + hello.n, "early", 5);
	CHECK(put(client, bytes, hello.n + 5));
	dying = rig_serve(r, 0);
	CHECK(get(dying, bytes, 5) && memcmp(bytes, "early", 5) == 0);
	reset(&dying);
	CHECK(got_reset(client));
	CHECK(UNTIL(r, rig_ended(r, END_SERVER_RESET) == 1));
	end(&client);
	rig_free(r);
}

static void client_that_has_ended_is_not_handed_on(void)
{
	struct rig *r = rig_new(&two);
	int client = rig_client(r), server = rig_serve(r, 0);

	shutdown(client, SHUT_WR);
	CHECK(got_end(server));
	end(&server);
	CHECK(got_end(client));
	CHECK(tally_get(&r->tally->backends[0].redispatches) == 0);
	end(&client);
	rig_free(r);
}

static void client_learns_when_every_server_refuses(void)
{
	struct rig *r = rig_new(&(struct rig_options){.n_servers = 2, .backend = "retries = 1;"});
	int client;

	end(&r->servers[0]);
	end(&r->servers[1]);
	client = rig_client(r);
	CHECK(got_alert(client, ALERT_INTERNAL_ERROR));
	end(&client);
	CHECK(UNTIL(r, rig_ended(r, END_CONNECT_FAILED) == 1));
	CHECK(tally_get(&r->tally->backends[0].connect_errors) == 1);
	rig_free(r);
}

static void the_only_server_gets_a_second_chance(void)
{
	const struct rig_options o = {.listener = "timeouts = { connect = \"300ms\"; };"};
	struct rig *r = rig_new(&o);
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	int client, on = 1;

	getsockname(r->servers[0], (struct sockaddr *)&sa, &len);
	end(&r->servers[0]);
	client = rig_client(r);
	CHECK(UNTIL(r, r->reports[REPORT_CONNECT_FAILED] == 1));
	r->servers[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(r->servers[0], SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	CHECK(bind(r->servers[0], (struct sockaddr *)&sa, len) == 0);
	CHECK(listen(r->servers[0], 8) == 0);
	serve_and_answer(r, 0, client);
	CHECK(tally_get(&r->tally->backends[0].retries) == 1);
	end(&client);
	rig_free(r);
}

static void connections_wait_for_a_server_that_is_full(void)
{
	struct rig *r = rig_new(&(struct rig_options){.server = "max_connections = 1;"});
	struct rig_pair first = rig_pair(r);
	int second = rig_client(r), third = rig_client(r);

	CHECK(UNTIL(r, tally_get(&r->tally->backends[0].queued_now_up) == 2));
	CHECK(atomic_load(&r->load->active[0]) == 1);
	rig_close(&first);
	serve_and_answer(r, 0, second);
	end(&second);
	serve_and_answer(r, 0, third);
	end(&third);
	CHECK(UNTIL(r, tally_get(&r->tally->backends[0].queued_now_down) == 2));
	rig_free(r);
}

static void waiting_for_a_full_server_has_an_end(void)
{
	struct rig *r = rig_new(&(struct rig_options){.server = "max_connections = 1;",
		.listener = "timeouts = { connect = \"200ms\"; };"});
	struct rig_pair first = rig_pair(r);
	int second = rig_client(r);

	CHECK(got_alert(second, ALERT_INTERNAL_ERROR));
	end(&second);
	CHECK(UNTIL(r, rig_ended(r, END_SERVERS_FULL) == 1));
	CHECK(tally_get(&r->tally->backends[0].full) == 1);
	rig_close(&first);
	rig_free(r);
}

static void proxy_header_comes_before_the_hello(void)
{
	static const uint8_t signature[] = "\r\n\r\n\0\r\nQUIT\n";
	struct rig *r = rig_new(&(struct rig_options){.backend = "proxy_protocol = \"v2\";"});
	struct span hello = rig_hello("aegisagent.ai");
	int client = rig_client(r), server = rig_accept(r, 0);
	uint8_t head[16] = {0}, rest[600] = {0}, bytes[2048];
	struct sockaddr_in in;
	socklen_t len = sizeof(in);
	size_t n;

	CHECK(get(server, head, sizeof(head)) && memcmp(head, signature, 12) == 0);
	n = (size_t)head[14] << 8 | head[15];
	CHECK(head[12] == 0x21 && head[13] == 0x11 && n <= sizeof(rest) && get(server, rest, n));
	CHECK(getsockname(client, (struct sockaddr *)&in, &len) == 0);
	CHECK(memcmp(rest, &in.sin_addr, 4) == 0 && memcmp(rest + 8, &in.sin_port, 2) == 0);
	CHECK(rest[10] == r->port >> 8 && rest[11] == (r->port & 255));
	CHECK(get(server, bytes, hello.n) && memcmp(bytes, hello.p, hello.n) == 0);
	CHECK(tally_get(&r->tally->listeners[0].bytes_in) == hello.n);
	end(&client);
	end(&server);
	rig_free(r);
}

static void orders_close_what_they_name(void)
{
	struct rig *r = rig_new(&two);
	struct rig_pair p = rig_pair(r);
	int other = rig_client(r), server = rig_serve(r, 1);

	rig_order(r, &(struct order){.kind = ORDER_LIST_SESSIONS, .max = 10, .tag = 42});
	CHECK(UNTIL(r, r->reports[REPORT_SESSIONS] == 1));
	CHECK(r->last->n == 2 && r->last->tag == 42);
	CHECK(strcmp(r->last->items.sessions[0].name, "aegisagent.ai") == 0);
	CHECK(strcmp(r->last->items.sessions[0].state, "pump") == 0);
	CHECK(r->last->items.sessions[0].server.family == AF_INET);
	rig_order(
		r, &(struct order){
			   .kind = ORDER_CLOSE_SERVER, .server = 0, .reason = END_SERVER_SHUTDOWN});
	CHECK(got_end(p.client) && got_end(p.server));
	CHECK(UNTIL(r, rig_open(r) == 1));
	rig_order(r, &(struct order){.kind = ORDER_CLOSE_ALL, .reason = END_STOPPING});
	CHECK(got_end(other));
	CHECK(UNTIL(r, rig_ended(r, END_STOPPING) == 1));
	CHECK(rig_ended(r, END_SERVER_SHUTDOWN) == 1);
	rig_close(&p);
	end(&other);
	end(&server);
	rig_free(r);
}

static unsigned open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

/* The next connection gets what is left of this one, and nothing of what it was. */
static void socket_that_both_ends_have_left_is_connected_again(void)
{
	struct rig *r = rig_new(&plain);
	unsigned before = open_descriptors();
	char bytes[4];

	for (unsigned n = 1; n <= 3; n++) {
		struct rig_pair p = rig_pair(r);

		CHECK(open_descriptors() == before + 4);
		CHECK(put(p.client, "and", 3) && get(p.server, bytes, 3));
		CHECK(put(p.server, "back", 4) && get(p.client, bytes, 4));
		end(&p.client);
		CHECK(got_end(p.server));
		end(&p.server);
		CHECK(UNTIL(r, rig_ended(r, END_CLIENT_CLOSED) == n));
		CHECK(UNTIL(r, open_descriptors() == before + 1));
	}
	rig_free(r);
}

/* Its last bytes may still be on their way, or their answer is owed. */
static void socket_that_the_server_left_first_is_closed(void)
{
	struct rig *r = rig_new(&plain);
	unsigned before = open_descriptors();
	struct rig_pair p = rig_pair(r);

	end(&p.server);
	CHECK(got_end(p.client));
	end(&p.client);
	CHECK(UNTIL(r, rig_ended(r, END_SERVER_CLOSED) == 1));
	CHECK(UNTIL(r, open_descriptors() == before));
	rig_free(r);
}

int main(void)
{
	static const struct tap_case cases[] = {
		{"upstream, connections_alternate", connections_alternate},
		{"upstream, refused_connect_goes_to_another_server",
			refused_connect_goes_to_another_server},
		{"upstream, connect_that_takes_too_long_goes_to_another_server",
			connect_that_takes_too_long_goes_to_another_server},
		{"upstream, reset_before_the_first_byte_goes_to_another_server",
			reset_before_the_first_byte_goes_to_another_server},
		{"upstream, end_before_the_first_byte_goes_to_another_server",
			end_before_the_first_byte_goes_to_another_server},
		{"upstream, early_data_reaches_one_server_only",
			early_data_reaches_one_server_only},
		{"upstream, client_that_has_ended_is_not_handed_on",
			client_that_has_ended_is_not_handed_on},
		{"upstream, client_learns_when_every_server_refuses",
			client_learns_when_every_server_refuses},
		{"upstream, the_only_server_gets_a_second_chance",
			the_only_server_gets_a_second_chance},
		{"upstream, connections_wait_for_a_server_that_is_full",
			connections_wait_for_a_server_that_is_full},
		{"upstream, waiting_for_a_full_server_has_an_end",
			waiting_for_a_full_server_has_an_end},
		{"upstream, proxy_header_comes_before_the_hello",
			proxy_header_comes_before_the_hello},
		{"upstream, socket_that_both_ends_have_left_is_connected_again",
			socket_that_both_ends_have_left_is_connected_again},
		{"upstream, socket_that_the_server_left_first_is_closed",
			socket_that_the_server_left_first_is_closed},
		{"upstream, orders_close_what_they_name", orders_close_what_they_name},
	};

	return tap_run(cases, sizeof(cases) / sizeof(*cases));
}

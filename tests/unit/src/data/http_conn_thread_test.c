/* A client's HTTP/1 connection, up to answers that the worker gives by itself. */
#include "rig.h"

#include "access.h"
#include "ring/ring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROUTES                                                                                     \
	"{ redirect = { scheme = \"https\"; status = 301; }; },\n"                                 \
	"{ host = [\"a\"]; path = \"/robots.txt\"; respond = { body = \"nobody\\n\"; }; },\n"      \
	"{ host = [\"a\"]; path = \"/health\"; respond = { healthy_if = [\"b\"]; }; },\n"          \
	"{ host = [\"a\"]; path = \"/far\"; respond = { body = \"x\"; }; allow = "                 \
	"[\"10.0.0.0/8\"]; },\n"                                                                   \
	"{ host = [\"a\"]; path = \"/near\"; respond = { body = \"x\"; }; deny = "                 \
	"[\"127.0.0.0/8\"]; }\n"

static const struct rig_options plain = {.http = ROUTES};

/* One answer with its body, as text; the next call overwrites it. "" where none comes. */
static const char *answer(int fd)
{
	static char text[8192];
	const char *length;
	char *end = NULL;
	size_t n = 0;

	while (n < sizeof(text) - 1 && !end && get(fd, text + n, 1)) {
		text[++n] = '\0';
		end = strstr(text, "\r\n\r\n");
	}
	length = strstr(text, "Content-Length: ");
	if (end && length) {
		size_t body = strtoul(length + 16, NULL, 10);

		if (body < sizeof(text) - n && get(fd, text + n, body))
			text[n + body] = '\0';
	}
	return end ? text : "";
}

static bool is_status(const char *answer, unsigned status)
{
	char line[32];

	snprintf(line, sizeof(line), "HTTP/1.1 %u ", status);
	if (strncmp(answer, line, strlen(line)) == 0)
		return true;
	printf("# found %.60s, expected %s\n", answer, line);
	return false;
}

/* One request on a connection of its own: whether it gets this status, and with `closes` the end. */
static bool gets(struct rig *r, const char *request, unsigned status, bool closes)
{
	int client = rig_connect(r);
	bool ok = send_text(client, request) && is_status(answer(client), status) &&
		  (!closes || got_end(client));

	end(&client);
	return ok;
}

static void redirect_keeps_path_and_query_and_drops_the_port(void)
{
	struct rig *r = rig_new(&plain);
	int client = rig_connect(r);
	const char *a;

	CHECK(send_text(client, "GET /x/y?z=1 HTTP/1.1\r\nHost: B.example:80\r\n\r\n"));
	a = answer(client);
	CHECK(is_status(a, 301));
	CHECK(strstr(a, "\r\nLocation: https://B.example/x/y?z=1\r\n"));
	CHECK(send_text(client, "POST / HTTP/1.1\r\nHost: b\r\n\r\n"));
	CHECK(is_status(answer(client), 308));
	end(&client);
	rig_free(r);
}

static void requests_in_a_row_are_answered_in_order(void)
{
	struct rig *r = rig_new(&plain);
	int client = rig_connect(r);
	char request[64];

	for (unsigned i = 0; i < 200; i++) {
		snprintf(request, sizeof(request), "GET /%u HTTP/1.1\r\nHost: b\r\n\r\n", i);
		CHECK(send_text(client, request));
	}
	for (unsigned i = 0; i < 200; i++) {
		snprintf(request, sizeof(request), "Location: https://b/%u\r\n", i);
		CHECK(strstr(answer(client), request));
	}
	CHECK(tally_get(&r->tally->listeners[0].requests) == 200);
	CHECK(UNTIL(r, tally_get(&r->tally->listeners[0].answers[2]) == 200));
	end(&client);
	CHECK(UNTIL(r, rig_ended(r, END_CLIENT_CLOSED) == 1 && rig_open(r) == 0));
	rig_free(r);
}

static void request_that_comes_byte_by_byte_is_answered(void)
{
	static const char request[] = "GET /robots.txt HTTP/1.1\r\nHost: a\r\n\r\n";
	struct rig *r = rig_new(&plain);
	int client = rig_connect(r);

	for (size_t i = 0; i < sizeof(request) - 1; i++) {
		CHECK(put(client, request + i, 1));
		usleep(300);
	}
	CHECK(strstr(answer(client), "\r\n\r\nnobody\n"));
	end(&client);
	rig_free(r);
}

static void head_has_no_body_and_the_connection_goes_on(void)
{
	struct rig *r = rig_new(&plain);
	int client = rig_connect(r);
	char text[400] = "";
	ssize_t n;

	CHECK(send_text(client, "HEAD /robots.txt HTTP/1.1\r\nHost: a\r\n\r\n"));
	n = recv(client, text, sizeof(text) - 1, 0);
	CHECK(n > 4 && memcmp(text + n - 4, "\r\n\r\n", 4) == 0);
	CHECK(strstr(text, "Content-Length: 7\r\n"));
	CHECK(send_text(client, "GET /robots.txt HTTP/1.1\r\nHost: a\r\n\r\n"));
	CHECK(strstr(answer(client), "nobody"));
	end(&client);
	rig_free(r);
}

static void what_is_wrong_is_answered_and_the_connection_closed(void)
{
	struct rig *r = rig_new(&plain);

	CHECK(gets(r, "GET / HTTP/1.1\r\nHost : a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400,
		true));
	CHECK(gets(r, "GET / HTTP/1.1\r\n\r\n", 400, true));
	CHECK(gets(r, "GET /%2e%2e/x HTTP/1.1\r\nHost: a\r\n\r\n", 400, false));
	CHECK(gets(r, "GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505, true));
	CHECK(gets(r, "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 501, true));
	CHECK(gets(r, "\x16\x03\x01\x02", 400, true));
	CHECK(gets(r, "GET /far HTTP/1.1\r\nHost: a\r\n\r\n", 403, false));
	CHECK(gets(r, "GET /near HTTP/1.1\r\nHost: a\r\n\r\n", 403, false));
	CHECK(gets(r, "GET /x/../near HTTP/1.1\r\nHost: a\r\n\r\n", 403, false));
	CHECK(UNTIL(r, rig_open(r) == 0));
	CHECK(tally_get(&r->tally->requests_ended[END_REQUEST_MALFORMED]) == 4);
	CHECK(tally_get(&r->tally->requests_ended[END_SOURCE_REFUSED]) == 3);
	rig_order(r, &(struct order){.kind = ORDER_LIST_ERRORS});
	CHECK(UNTIL(r, r->reports[REPORT_ERRORS] == 1));
	CHECK(r->last->n == 6);
	rig_free(r);
}

static void long_target_and_long_head_are_refused(void)
{
	struct rig *r = rig_new(&plain);
	static char text[40000];

	memset(text, 'a', sizeof(text) - 1);
	memcpy(text, "GET /", 5);
	text[9000] = '\0';
	CHECK(gets(r, text, 414, true));
	memset(text, 'a', sizeof(text) - 1);
	memcpy(text, "GET / HTTP/1.1\r\nHost: a\r\nX: ", 28);
	CHECK(gets(r, text, 431, true));
	rig_free(r);
}

static void path_is_matched_by_segments_and_any_spelling(void)
{
	struct rig *r = rig_new(&plain);

	CHECK(gets(r, "GET /health HTTP/1.1\r\nHost: A.:81\r\n\r\n", 200, false));
	CHECK(gets(r, "GET /he%61lth/x HTTP/1.1\r\nHost: a\r\n\r\n", 200, false));
	CHECK(gets(r, "GET //health?q HTTP/1.1\r\nHost: a\r\n\r\n", 200, false));
	CHECK(gets(r, "GET /healthy HTTP/1.1\r\nHost: a\r\n\r\n", 301, false));
	CHECK(gets(r, "GET http://a/health HTTP/1.1\r\nHost: a\r\n\r\n", 200, false));
	rig_free(r);
}

static void host_without_a_route_is_not_found(void)
{
	struct rig *r = rig_new(&(struct rig_options){
		.http = "{ host = [\"a\"]; redirect = { scheme = \"https\"; }; }"});

	CHECK(gets(r, "GET / HTTP/1.1\r\nHost: b\r\n\r\n", 404, false));
	CHECK(gets(r, "GET / HTTP/1.0\r\n\r\n", 404, true));
	rig_free(r);
}

static void body_that_nobody_takes_ends_the_connection(void)
{
	struct rig *r = rig_new(&plain);
	static char more[100 * 1000];
	int client = rig_connect(r);

	CHECK(send_text(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n"));
	CHECK(put(client, more, sizeof(more)));
	usleep(20 * 1000);
	CHECK(put(client, more, sizeof(more)));
	CHECK(is_status(answer(client), 308));
	CHECK(got_end(client));
	end(&client);
	CHECK(gets(r,
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n\r\n"
		"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
		308, true));
	rig_free(r);
}

static void old_client_is_kept_only_if_it_asks(void)
{
	struct rig *r = rig_new(&plain);
	int client = rig_connect(r);

	CHECK(send_text(client, "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"));
	CHECK(strstr(answer(client), "Connection: keep-alive\r\n"));
	CHECK(send_text(client, "GET / HTTP/1.0\r\nHost: a\r\n\r\n"));
	CHECK(strstr(answer(client), "Connection: close\r\n"));
	CHECK(got_end(client));
	end(&client);
	rig_free(r);
}

static void time_limits_hold(void)
{
	struct rig *r = rig_new(&(struct rig_options){.http = ROUTES,
		.listener = "timeouts = { request = \"1500ms\"; idle = \"200ms\"; };"});
	int silent = rig_connect(r), slow = rig_connect(r), kept = rig_connect(r);

	CHECK(send_text(slow, "GET / HTTP/1.1\r\nHost:"));
	CHECK(send_text(kept, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
	CHECK(is_status(answer(kept), 301));
	CHECK(got_end(kept));
	CHECK(is_status(answer(slow), 408));
	CHECK(got_end(slow));
	CHECK(got_end(silent));
	end(&silent);
	end(&slow);
	end(&kept);
	CHECK(UNTIL(r, rig_open(r) == 0));
	CHECK(rig_ended(r, END_IDLE_TIMEOUT) == 1);
	CHECK(tally_get(&r->tally->requests_ended[END_REQUEST_TIMEOUT]) == 1);
	rig_free(r);
}

static void proxy_header_names_the_client(void)
{
	struct rig *r = rig_new(&(struct rig_options){
		.http = ROUTES, .listener = "accept_proxy = [\"127.0.0.1\"];"});

	CHECK(gets(r, "PROXY TCP4 10.1.2.3 10.9.9.9 5 80\r\nGET /far HTTP/1.1\r\nHost: a\r\n\r\n",
		200, false));
	CHECK(!gets(r, "GET /far HTTP/1.1\r\nHost: a\r\n\r\n", 200, false));
	CHECK(UNTIL(r, rig_ended(r, END_PROXY_MISSING) == 1));
	rig_free(r);
	r = rig_new(&plain);
	CHECK(!gets(r, "PROXY TCP4 10.1.2.3 10.9.9.9 5 80\r\nGET / HTTP/1.1\r\n\r\n", 200, false));
	CHECK(UNTIL(r, rig_ended(r, END_PROXY_REFUSED) == 1));
	rig_free(r);
}

static void each_request_is_recorded(void)
{
	struct rig *r = rig_new(&plain);
	const struct access_record *rec;
	int client = rig_connect(r);
	size_t n;

	CHECK(send_text(client, "GET /robots.txt?x HTTP/1.1\r\nHost: a\r\nUser-Agent: me\r\n\r\n"));
	CHECK(is_status(answer(client), 200));
	CHECK(UNTIL(r, (rec = ring_peek(r->access, &n)) != NULL));
	CHECK(rec->status == 200 && rec->version == ACCESS_HTTP_1_1 && rec->route == 1);
	CHECK(rec->reason == END_ANSWERED && rec->bytes_in == 55 && rec->bytes_out > 100);
	CHECK(n == sizeof(*rec) + 19);
	CHECK(memcmp(rec + 1, "aGET/robots.txt?xme", 19) == 0);
	ring_release(r->access);
	end(&client);
	CHECK(UNTIL(r, rig_open(r) == 0));
	CHECK(!ring_peek(r->access, &n));
	rig_free(r);
}

static void stop_lets_idle_clients_go_and_answers_others(void)
{
	struct rig *r = rig_new(&plain);
	int idle = rig_connect(r), busy = rig_connect(r);

	CHECK(send_text(idle, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
	CHECK(is_status(answer(idle), 301));
	CHECK(send_text(busy, "GET / HTTP/1.1\r\n"));
	CHECK(UNTIL(r, rig_open(r) == 2));
	usleep(10 * 1000);
	rig_order(r, &(struct order){.kind = ORDER_STOP_ACCEPTING});
	CHECK(got_end(idle));
	CHECK(send_text(busy, "Host: a\r\n\r\n"));
	CHECK(strstr(answer(busy), "Connection: close\r\n"));
	CHECK(got_end(busy));
	end(&idle);
	end(&busy);
	CHECK(UNTIL(r, r->reports[REPORT_DRAINED] == 1));
	rig_free(r);
}

static void sessions_are_listed_and_closed(void)
{
	struct rig *r = rig_new(&plain);
	int client = rig_connect(r);

	CHECK(send_text(client, "GET / HTTP/1.1\r\nHost: a\r\n"));
	CHECK(UNTIL(r, rig_open(r) == 1));
	usleep(10 * 1000);
	rig_order(r, &(struct order){.kind = ORDER_LIST_SESSIONS, .max = 10});
	CHECK(UNTIL(r, r->reports[REPORT_SESSIONS] == 1));
	CHECK(r->last->n == 1 && strcmp(r->last->items.sessions[0].state, "request") == 0);
	rig_order(r, &(struct order){.kind = ORDER_CLOSE_SESSION,
			     .reason = END_SERVER_SHUTDOWN,
			     .session = r->last->items.sessions[0].number});
	CHECK(UNTIL(r, rig_open(r) == 0));
	end(&client);
	rig_free(r);
}

int main(void)
{
	static const struct tap_case cases[] = {
#define CASE(name) {#name, name}
		CASE(redirect_keeps_path_and_query_and_drops_the_port),
		CASE(requests_in_a_row_are_answered_in_order),
		CASE(request_that_comes_byte_by_byte_is_answered),
		CASE(head_has_no_body_and_the_connection_goes_on),
		CASE(what_is_wrong_is_answered_and_the_connection_closed),
		CASE(long_target_and_long_head_are_refused),
		CASE(path_is_matched_by_segments_and_any_spelling),
		CASE(host_without_a_route_is_not_found),
		CASE(body_that_nobody_takes_ends_the_connection),
		CASE(old_client_is_kept_only_if_it_asks),
		CASE(time_limits_hold),
		CASE(proxy_header_names_the_client),
		CASE(each_request_is_recorded),
		CASE(stop_lets_idle_clients_go_and_answers_others),
		CASE(sessions_are_listed_and_closed),
	};

	return tap_run(cases, sizeof(cases) / sizeof(cases[0]));
}

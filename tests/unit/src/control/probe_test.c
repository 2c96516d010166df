/* Probes against real servers on loopback, one for each way a check can end. A plain program that speaks TAP: each
 * server is a thread. Every case ends within CASE_MS, or fails. */
#include "control/probe.h"

#include "probe_server.h"

#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TIMEOUT_MS = 800, CASE_MS = 60000 };

static struct event_base *base;
static int count, failed;

static void verdict(const char *name, bool ok, const char *why)
{
	printf("%s %d - %s\n", ok ? "ok" : "not ok", ++count, name);
	if (!ok)
		printf("# %s\n", why);
	failed += !ok;
	fflush(stdout);
}

/* --- one probe --- */

struct outcome {
	int results;
	struct check_result result;
};

static void on_result(void *arg, const struct check_result *r)
{
	struct outcome *o = arg;

	o->results++;
	o->result = *r;
	event_base_loopbreak(base);
}

static void on_patience_over(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(arg);
}

/* Until a result comes, for `ms` at most. */
static void run_loop(uint64_t ms)
{
	struct timeval t = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
	struct event *patience = evtimer_new(base, on_patience_over, base);

	evtimer_add(patience, &t);
	event_base_dispatch(base);
	event_free(patience);
}

/* The result, and then what is left of the connection closes. */
static struct outcome probe(const struct config_backend *b, const struct addr *addr)
{
	struct outcome o = {0};
	struct probe *p = probe_new(base, on_result, &o);
	struct probe_plan plan;
	char why[256];

	if (!p || !probe_plan_open(&plan, b, why, sizeof(why)))
		exit(99);
	probe_start(p, &plan, addr);
	run_loop(CASE_MS);
	run_loop(50);
	probe_free(p);
	probe_plan_close(&plan);
	return o;
}

static struct config_status_range good = {200, 299};

static struct config_backend backend(enum config_health_type type)
{
	return (struct config_backend){
		.name = "b",
		.health = {.type = type,
			.path = "/health",
			.host = "node.test",
			.expect = &good,
			.n_expect = 1,
			.interval_ms = 1000,
			.timeout_ms = TIMEOUT_MS,
			.fall = 3,
			.rise = 2},
	};
}

static void expect(
	const char *name, const struct outcome *o, enum check_status status, const char *cause)
{
	char text[CHECK_CAUSE_MAX], why[CHECK_CAUSE_MAX + 64];
	bool ok;

	check_cause(&o->result, text);
	ok = o->results == 1 && o->result.status == status && strcmp(text, cause) == 0;
	snprintf(why, sizeof(why), "%d results, status %d, \"%s\"", o->results, o->result.status,
		text);
	verdict(name, ok, why);
}

/* --- the table: what a server does, and what the check says --- */

struct row {
	const char *name;
	enum config_health_type type;
	probe_serve *serve;
	enum check_status status;
	const char *cause;
};

static const struct row rows[] = {
	{"tcp: connected", HEALTH_TCP, serve_until_closed, CHECK_L4OK, "connected"},
	{"tls: handshake done, no certificate asked for", HEALTH_TLS, serve_tls, CHECK_L6OK,
		"TLS handshake done"},
	{"tls: a server that says nothing", HEALTH_TLS, serve_silence, CHECK_L6TIMEOUT,
		"TLS handshake timeout"},
	{"tls: a server that does not speak it", HEALTH_TLS, serve_garbage, CHECK_L6RESPONSE,
		"TLS failure: wrong version number"},
	{"tls: a server that closes", HEALTH_TLS, serve_close, CHECK_L6RESPONSE,
		"TLS failure: connection closed"},
	{"tls: a server that resets", HEALTH_TLS, serve_reset, CHECK_L6RESET,
		"TLS handshake reset"},
	{"http: expected status", HEALTH_HTTP, serve_ok, CHECK_L7OK, "HTTP status 200"},
	{"http: interim answers are passed over", HEALTH_HTTP, serve_interim, CHECK_L7OK,
		"HTTP status 204"},
	{"http: other status", HEALTH_HTTP, serve_error, CHECK_L7STATUS, "HTTP status 503"},
	{"http: a server that says nothing", HEALTH_HTTP, serve_silence, CHECK_L7TIMEOUT,
		"HTTP answer timeout"},
	{"http: one byte after the other, for longer than the timeout", HEALTH_HTTP, serve_trickle,
		CHECK_L7TIMEOUT, "HTTP answer timeout"},
	{"http: half an answer", HEALTH_HTTP, serve_half, CHECK_L7MALFORMED,
		"malformed HTTP answer: closed before its head ended"},
	{"http: no answer", HEALTH_HTTP, serve_close, CHECK_L7MALFORMED,
		"malformed HTTP answer: closed without one"},
	{"http: not HTTP", HEALTH_HTTP, serve_garbage, CHECK_L7MALFORMED,
		"malformed HTTP answer: not an HTTP/1 status line"},
	{"http: a head without an end, in many fields", HEALTH_HTTP, serve_endless, CHECK_L7ENDLESS,
		"endless HTTP answer: more than 128 header fields"},
	{"http: a head without an end, in one line", HEALTH_HTTP, serve_endless_line,
		CHECK_L7ENDLESS, "endless HTTP answer: head above 16384 bytes"},
	{"http: a server that resets", HEALTH_HTTP, serve_reset, CHECK_L7RESET, "connection reset"},
	{"https: expected status", HEALTH_HTTPS, serve_https_ok, CHECK_L7OK, "HTTP status 200"},
	{"https: other status", HEALTH_HTTPS, serve_https_error, CHECK_L7STATUS, "HTTP status 503"},
	{"https: silent after the handshake", HEALTH_HTTPS, serve_tls_silence, CHECK_L7TIMEOUT,
		"HTTP answer timeout"},
	{"https: no answer", HEALTH_HTTPS, serve_https_nothing, CHECK_L7MALFORMED,
		"malformed HTTP answer: closed without one"},
};

static void test_rows(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config_backend b = backend(rows[i].type);
		struct probe_server *s = probe_server_start(rows[i].serve);
		struct outcome o = probe(&b, probe_server_addr(s));

		probe_server_stop(s);
		expect(rows[i].name, &o, rows[i].status, rows[i].cause);
	}
}

/* --- connecting --- */

static void test_refused(void)
{
	struct config_backend b = backend(HEALTH_TCP);
	struct probe_server *s = probe_server_start(serve_silence);
	struct addr addr = *probe_server_addr(s);
	struct outcome o;

	probe_server_stop(s);
	o = probe(&b, &addr);
	expect("tcp: nobody listens", &o, CHECK_L4REFUSED, "connect refused");
}

/* A full backlog drops the SYN: as silent as a host that is gone. */
static void test_connect_timeout(void)
{
	struct config_backend b = backend(HEALTH_HTTP);
	struct addr addr;
	struct outcome o;
	int fds[3];

	probe_server_full_backlog(&addr, fds);
	o = probe(&b, &addr);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	expect("http: nobody answers the SYN", &o, CHECK_L4TIMEOUT, "connect timeout");
	verdict("the timeout is not shortened", o.result.duration_us >= TIMEOUT_MS * 1000,
		"it was");
}

static void test_no_descriptors(void)
{
	struct config_backend b = backend(HEALTH_TCP);
	struct addr addr = {.ip = {127, 0, 0, 1}, .family = AF_INET, .port = 9};
	struct rlimit before, none;
	struct outcome o;

	getrlimit(RLIMIT_NOFILE, &before);
	none = before;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	o = probe(&b, &addr);
	setrlimit(RLIMIT_NOFILE, &before);
	expect("our own side is out of descriptors", &o, CHECK_SOCKET,
		"no check possible: Too many open files");
}

static void test_cancel(void)
{
	struct config_backend b = backend(HEALTH_HTTP);
	struct probe_server *s = probe_server_start(serve_silence);
	struct outcome o = {0};
	struct probe *p = probe_new(base, on_result, &o);
	struct probe_plan plan;
	char why[256];

	if (!p || !probe_plan_open(&plan, &b, why, sizeof(why)))
		exit(99);
	probe_start(p, &plan, probe_server_addr(s));
	run_loop(20);
	probe_cancel(p);
	run_loop(2 * TIMEOUT_MS);
	verdict("a cancelled check gives no result", o.results == 0, "there was one");
	probe_start(p, &plan, probe_server_addr(s));
	run_loop(CASE_MS);
	expect("it can be started again", &o, CHECK_L7TIMEOUT, "HTTP answer timeout");
	probe_free(p);
	probe_plan_close(&plan);
	probe_server_stop(s);
}

/* --- what the server sees --- */

static void test_seen(
	const char *name, struct config_backend b, probe_serve *serve, const char *begins)
{
	struct probe_server *s = probe_server_start(serve);
	char why[512];

	probe(&b, probe_server_addr(s));
	probe_server_join(s);
	snprintf(why, sizeof(why), "the server saw \"%s\"", probe_server_seen(s));
	verdict(name, strncmp(probe_server_seen(s), begins, strlen(begins)) == 0, why);
	probe_server_stop(s);
}

static void test_what_is_sent(void)
{
	static const char v2_local[] = "\r\n\r\n";
	struct config_backend b = backend(HEALTH_HTTP);

	test_seen("the request names path and host", b, serve_ok,
		"GET /health HTTP/1.1\r\nHost: node.test\r\n");
	b.proxy_protocol = PROXY_V1;
	test_seen("v1: UNKNOWN comes first", b, serve_ok,
		"PROXY UNKNOWN\r\nGET /health HTTP/1.1\r\n");
	b.proxy_protocol = PROXY_V2;
	test_seen("v2: a header comes first", b, serve_ok, v2_local);
	b = backend(HEALTH_HTTPS);
	test_seen("https: host is the server name", b, serve_https_ok, "node.test");
	b.health.host = NULL;
	test_seen("https: no server name without a host", b, serve_https_ok, "(none)");
	b.health.host = "127.0.0.1";
	test_seen("https: no server name for an address", b, serve_https_ok, "(none)");
}

/* The answer has a body, and the server closes: it must not be told by a reset that nobody wanted the rest. */
static void test_clean_close(void)
{
	struct config_backend http = backend(HEALTH_HTTP), tls = backend(HEALTH_TLS);

	test_seen("http: the server sees an orderly end", http, serve_body_then_look, "end");
	test_seen("tls: the server sees an orderly end", tls, serve_tls_then_look, "end");
	test_seen("tcp: the server sees an orderly end", backend(HEALTH_TCP),
		serve_banner_then_look, "end");
}

/* --- certificates --- */

static void test_certificates(void)
{
	struct config_backend b = backend(HEALTH_HTTPS);
	struct probe_server *s = probe_server_start(serve_https_ok);
	struct outcome o;

	b.health.ca = probe_server_ca();
	o = probe(&b, probe_server_addr(s));
	probe_server_stop(s);
	expect("ca: chain and name are right", &o, CHECK_L7OK, "HTTP status 200");

	s = probe_server_start(serve_https_ok);
	b.health.host = "other.test";
	o = probe(&b, probe_server_addr(s));
	probe_server_stop(s);
	expect("ca: wrong name", &o, CHECK_L6CERTIFICATE, "certificate refused: hostname mismatch");

	s = probe_server_start(serve_https_ok);
	b.health.host = NULL;
	o = probe(&b, probe_server_addr(s));
	probe_server_stop(s);
	expect("ca: without a host the address is the name", &o, CHECK_L6CERTIFICATE,
		"certificate refused: IP address mismatch");

	s = probe_server_start(serve_https_ok);
	b.health.host = "node.test";
	b.health.ca = probe_server_other_ca();
	o = probe(&b, probe_server_addr(s));
	probe_server_stop(s);
	expect("ca: another one's certificate", &o, CHECK_L6CERTIFICATE,
		"certificate refused: self-signed certificate");
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	base = event_base_new();
	if (!base || !probe_server_make_certificates())
		return 99;
	test_rows();
	test_refused();
	test_connect_timeout();
	test_no_descriptors();
	test_cancel();
	test_what_is_sent();
	test_clean_close();
	test_certificates();
	printf("1..%d\n", count);
	probe_server_drop_certificates();
	event_base_free(base);
	return failed > 0;
}

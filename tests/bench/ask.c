/* The load generator of the HTTP workloads: a number of connections over TLS 1.3, a few at a time, each with so many requests
 * for one body, every byte of which is compared. HTTP/1.1, one request after the other, or with --streams HTTP/2. One thread,
 * edge-triggered. Its report is one line of JSON on stdout.
 *
 * A connection that ends early, or brings other bytes than agreed, counts as failed; the run goes on. */
#include "ask.h"
#include "config-build.h"
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct ask ask;

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* The only way out. */
static void conn_finish(struct ask *a, struct conn *c, enum ask_state how)
{
	a->open--;
	if (how == ASK_DONE)
		a->finished++;
	else if (a->failed++ == 0)
		fprintf(stderr, "ask: a connection failed after %llu answers, in %s\n",
			(unsigned long long)c->answers,
			SSL_is_init_finished(c->ssl) ? "an answer" : "the handshake");
	if (SSL_is_init_finished(c->ssl)) {
		a->resumed += SSL_session_reused(c->ssl) == 1;
		SSL_shutdown(c->ssl);
	}
	ask_h2_end(c);
	SSL_free(c->ssl);
	close(c->fd);
	*c = (struct conn){.fd = -1};
}

/* --- HTTP/1.1 --- */

/* Bytes of an answer: its head, whose Content-Length must be the size agreed, then its body. */
static enum ask_state take(struct ask *a, struct conn *c, const uint8_t *p, size_t n)
{
	while (n > 0 && c->left == 0) { /* in the head */
		unsigned heads = web_count_heads(&c->head_state, p++, 1);

		n--;
		if (heads > 0)
			c->left = a->size;
	}
	if (n > c->left || memcmp(p, web_body(a->size - c->left), n) != 0)
		return ASK_FAILED;
	c->left -= n;
	a->received += n;
	if (n == 0 || c->left > 0)
		return ASK_WAIT;
	c->answers++;
	c->asked = false;
	return c->answers == a->rounds ? ASK_DONE : ASK_GO;
}

static const char request[] =
	"GET /some/path HTTP/1.1\r\nHost: aegisagent.ai\r\n"
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) bench\r\nAccept: */*\r\n\r\n";

static enum ask_state h1_go(struct ask *a, struct conn *c)
{
	static uint8_t buf[64 * 1024];
	enum ask_state state = ASK_GO;
	int n;

	for (;;) {
		if (!c->asked && SSL_write(c->ssl, request, sizeof(request) - 1) <= 0)
			return ASK_FAILED;
		c->asked = true;
		n = SSL_read(c->ssl, buf, sizeof(buf));
		if (n <= 0)
			return SSL_get_error(c->ssl, n) == SSL_ERROR_WANT_READ ? ASK_WAIT
									       : ASK_FAILED;
		state = take(a, c, buf, (size_t)n);
		if (state == ASK_DONE || state == ASK_FAILED)
			return state;
	}
}

/* --- connections --- */

static enum ask_state handshake(struct ask *a, struct conn *c)
{
	int done = SSL_do_handshake(c->ssl);
	int error = SSL_get_error(c->ssl, done);

	if (done == 1) {
		if (a->streams > 0)
			return ask_h2_begin(a, c) ? ASK_GO : ASK_FAILED;
		return ASK_GO;
	}
	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? ASK_WAIT
									     : ASK_FAILED;
}

static void conn_go(struct ask *a, struct conn *c)
{
	enum ask_state state = ASK_GO;

	ERR_clear_error();
	if (!SSL_is_init_finished(c->ssl))
		state = handshake(a, c);
	if (state == ASK_GO)
		state = a->streams > 0 ? ask_h2_go(a, c) : h1_go(a, c);
	if (state == ASK_DONE || state == ASK_FAILED)
		conn_finish(a, c, state);
}

/* A copy of its own: OpenSSL takes a session for used up once its connection gets another ticket. */
static bool offer_session(const struct ask *a, SSL *ssl)
{
	SSL_SESSION *copy = a->session ? SSL_SESSION_dup(a->session) : NULL;
	bool ok = !a->session || (copy && SSL_set_session(ssl, copy) == 1);

	SSL_SESSION_free(copy);
	return ok;
}

static void conn_start(struct ask *a)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(a->port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct conn *c = &a->conns[fd];

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || fd >= WEB_FD_MAX)
		web_fail("ask: socket");
	*c = (struct conn){.fd = fd, .ssl = SSL_new(a->ctx)};
	if (!c->ssl || SSL_set_fd(c->ssl, fd) != 1 ||
		SSL_set_tlsext_host_name(c->ssl, "aegisagent.ai") != 1 || !offer_session(a, c->ssl))
		web_fail("ask: SSL_new");
	SSL_set_connect_state(c->ssl);
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) < 0 ||
		(connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS) ||
		!web_watch(a->epoll, fd))
		web_fail("ask: connect");
	a->started++;
	a->open++;
}

/* The first session is that of all later connections, where they shall resume it. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	if (!ask.resume || ask.session)
		return 0;
	ask.session = session;
	return 1; /* kept */
}

static void ask_init(struct ask *a)
{
	a->epoll = epoll_create1(EPOLL_CLOEXEC);
	a->ctx = SSL_CTX_new(TLS_client_method());
	if (a->epoll < 0 || !a->ctx || SSL_CTX_set_min_proto_version(a->ctx, TLS1_3_VERSION) != 1 ||
		SSL_CTX_set_ciphersuites(a->ctx, "TLS_AES_128_GCM_SHA256") != 1 ||
		SSL_CTX_set1_groups_list(a->ctx, "X25519:P-256") != 1)
		web_fail("ask: SSL_CTX_new");
	SSL_CTX_set_read_ahead(a->ctx, 1);
	SSL_CTX_set_mode(
		a->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(a->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(a->ctx, on_session);
	if (a->streams > 0)
		SSL_CTX_set_alpn_protos(a->ctx, (const unsigned char *)"\2h2", 3);
	else
		SSL_CTX_set_alpn_protos(a->ctx, (const unsigned char *)"\10http/1.1", 9);
}

static bool may_start(const struct ask *a)
{
	if (a->started == a->connections || a->open == a->parallel)
		return false;
	return !a->resume || a->started == 0 || a->session || a->finished + a->failed > 0;
}

static void ask_run(struct ask *a)
{
	struct epoll_event events[256];

	while (a->finished + a->failed < a->connections) {
		int n;

		while (may_start(a))
			conn_start(a);
		n = epoll_wait(a->epoll, events, sizeof(events) / sizeof(events[0]), -1);
		for (int i = 0; i < n; i++)
			if (a->conns[events[i].data.fd].fd >= 0)
				conn_go(a, &a->conns[events[i].data.fd]);
	}
}

static void read_arguments(struct ask *a, int argc, char **argv)
{
	static const struct option options[] = {
		{"port", required_argument, NULL, 'p'},
		{"connections", required_argument, NULL, 'n'},
		{"parallel", required_argument, NULL, 'j'},
		{"rounds", required_argument, NULL, 'r'},
		{"size", required_argument, NULL, 's'},
		{"streams", required_argument, NULL, 'm'},
		{"resume", no_argument, NULL, 'R'},
		{"seconds", required_argument, NULL, 't'},
		{0},
	};
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == 'p')
			a->port = (uint16_t)web_number(optarg);
		else if (o == 'n')
			a->connections = web_number(optarg);
		else if (o == 'j')
			a->parallel = web_number(optarg);
		else if (o == 'r')
			a->rounds = web_number(optarg);
		else if (o == 's')
			a->size = web_number(optarg);
		else if (o == 'm')
			a->streams = (unsigned)web_number(optarg);
		else if (o == 'R')
			a->resume = true;
		else if (o == 't')
			alarm((unsigned)web_number(optarg));
		else
			exit(64);
	}
}

int main(int argc, char **argv)
{
	struct ask *a = &ask;
	double began = now_s();

	*a = (struct ask){.connections = 1, .parallel = 1, .rounds = 1, .size = 1024};
	read_arguments(a, argc, argv);
	for (int i = 0; i < WEB_FD_MAX; i++)
		a->conns[i].fd = -1;
	ask_init(a);
	ask_run(a);
	printf("{\"connections\": %llu, \"failed\": %llu, \"resumed\": %llu, \"received\": %llu, "
	       "\"seconds\": %.6f}\n",
		(unsigned long long)a->finished, (unsigned long long)a->failed,
		(unsigned long long)a->resumed, (unsigned long long)a->received, now_s() - began);
	SSL_SESSION_free(a->session);
	SSL_CTX_free(a->ctx);
	return a->failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

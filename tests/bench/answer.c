/* Answers every HTTP/1.1 request with one body from memory, and looks at nothing of it. Plain it is the server behind the
 * balancers; with --certificate it is the floor of the TLS workloads: a bare server with OpenSSL as it comes (read-ahead is
 * all that is set: its usual two tickets, an SSL object for each connection, OpenSSL's own socket BIO), with no inspection, no
 * time limits, no log. When stdin ends it prints its report, one line of JSON, and ends. One thread, edge-triggered. */
#include "config-build.h"
#include "web.h"
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FIRST_MAX = 16 * 1024, REST_MAX = 64 * 1024 };

struct conn {
	int fd;
	SSL *ssl; /* NULL: plain */
	uint8_t state;
	unsigned owed; /* answers that are not begun */
	size_t head_from; /* of the one under way: sent so far of head and what of the body goes with it */
	uint64_t left; /* of its body behind that */
	bool is_sending;
};

struct server {
	int epoll, listener;
	SSL_CTX *ctx;
	uint64_t size, requests, connections;
	uint8_t first[FIRST_MAX]; /* head and the beginning of the body, for one send */
	size_t n_first, n_body;	  /* all of it; what of it is body */
	struct conn conns[WEB_FD_MAX];
};

static struct server server;

static ssize_t conn_recv(struct conn *c, void *buf, size_t n)
{
	int got;

	if (!c->ssl)
		return recv(c->fd, buf, n, 0);
	ERR_clear_error();
	got = SSL_read(c->ssl, buf, (int)n);
	if (got > 0)
		return got;
	errno = SSL_get_error(c->ssl, got) == SSL_ERROR_WANT_READ ? EAGAIN : ECONNRESET;
	return -1;
}

static ssize_t conn_send(struct conn *c, const void *buf, size_t n)
{
	int sent;

	if (!c->ssl)
		return send(c->fd, buf, n, MSG_NOSIGNAL);
	ERR_clear_error();
	sent = SSL_write(c->ssl, buf, (int)n);
	if (sent > 0)
		return sent;
	errno = SSL_get_error(c->ssl, sent) == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
	return -1;
}

static void conn_close(struct conn *c)
{
	if (c->ssl)
		SSL_shutdown(c->ssl);
	SSL_free(c->ssl);
	close(c->fd);
	c->ssl = NULL;
	c->fd = -1;
}

/* False: the socket cannot take more now, or never. */
static bool send_answer(struct server *s, struct conn *c)
{
	while (c->head_from < s->n_first || c->left > 0) {
		bool is_first = c->head_from < s->n_first;
		size_t n = is_first ? s->n_first - c->head_from
				    : (c->left < REST_MAX ? (size_t)c->left : REST_MAX);
		const uint8_t *p = is_first ? s->first + c->head_from : web_body(s->size - c->left);
		ssize_t sent = conn_send(c, p, n);

		if (sent < 0)
			return false;
		if (is_first)
			c->head_from += (size_t)sent;
		else
			c->left -= (size_t)sent;
	}
	c->is_sending = false;
	return true;
}

static bool send_answers(struct server *s, struct conn *c)
{
	while (c->is_sending || c->owed > 0) {
		if (!c->is_sending) {
			c->owed--;
			c->head_from = 0;
			c->left = s->size - s->n_body;
			c->is_sending = true;
		}
		if (!send_answer(s, c))
			return false;
	}
	return true;
}

static void conn_go(struct server *s, struct conn *c)
{
	uint8_t buf[16 * 1024];
	unsigned heads;
	ssize_t n;

	for (;;) {
		if (!send_answers(s, c)) {
			if (errno != EAGAIN)
				conn_close(c);
			return;
		}
		n = conn_recv(c, buf, sizeof(buf));
		if (n <= 0) {
			if (n == 0 || errno != EAGAIN)
				conn_close(c);
			return;
		}
		heads = web_count_heads(&c->state, buf, (size_t)n);
		c->owed += heads;
		s->requests += heads;
		if (!c->ssl && (size_t)n < sizeof(buf)) { /* a short read is enough */
			if (!send_answers(s, c) && errno != EAGAIN)
				conn_close(c);
			return;
		}
	}
}

static void conn_start(struct server *s, int fd)
{
	struct conn *c = &s->conns[fd];

	if (fd >= WEB_FD_MAX)
		web_fail("answer: too many descriptors");
	*c = (struct conn){.fd = fd};
	s->connections++;
	if (s->ctx) {
		c->ssl = SSL_new(s->ctx);
		if (!c->ssl || SSL_set_fd(c->ssl, fd) != 1)
			web_fail("answer: SSL_new");
		SSL_set_accept_state(c->ssl);
	}
	if (!web_watch(s->epoll, fd))
		web_fail("answer: epoll_ctl");
}

static void on_listener(struct server *s)
{
	int fd;

	while ((fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		conn_start(s, fd);
}

static void server_listen(struct server *s, uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct epoll_event event = {.events = EPOLLIN};
	socklen_t size = sizeof(at);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	event.data.fd = s->listener;
	if (s->epoll < 0 || s->listener < 0 ||
		setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) < 0 ||
		setsockopt(s->listener, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) < 0 ||
		bind(s->listener, (struct sockaddr *)&at, size) < 0 ||
		listen(s->listener, SOMAXCONN) < 0 ||
		getsockname(s->listener, (struct sockaddr *)&at, &size) < 0 ||
		epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->listener, &event) < 0)
		web_fail("answer: listen");
	if (port == 0)
		printf("%u\n", ntohs(at.sin_port));
	fflush(stdout);
}

static void server_certify(struct server *s, const char *file)
{
	s->ctx = SSL_CTX_new(TLS_server_method());
	if (!s->ctx || SSL_CTX_use_certificate_chain_file(s->ctx, file) != 1 ||
		SSL_CTX_use_PrivateKey_file(s->ctx, file, SSL_FILETYPE_PEM) != 1) {
		ERR_print_errors_fp(stderr);
		exit(EXIT_FAILURE);
	}
	SSL_CTX_set_ciphersuites(s->ctx, "TLS_AES_128_GCM_SHA256");
	SSL_CTX_set_read_ahead(s->ctx, 1);
	SSL_CTX_set_mode(
		s->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(s->ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_session_id_context(s->ctx, (const unsigned char *)"floor", 5);
}

static void server_prepare(struct server *s)
{
	int n = snprintf((char *)s->first, sizeof(s->first),
		"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
		"Date: Wed, 25 Nov 2026 09:00:00 GMT\r\nContent-Length: %llu\r\n\r\n",
		(unsigned long long)s->size);

	s->n_body = s->size < FIRST_MAX / 2 ? (size_t)s->size : FIRST_MAX / 2;
	memcpy(s->first + n, web_body(0), s->n_body);
	s->n_first = (size_t)n + s->n_body;
}

static void server_run(struct server *s, bool is_floor)
{
	struct epoll_event events[256], event = {.events = EPOLLIN, .data.fd = STDIN_FILENO};

	if (!is_floor)
		epoll_ctl(s->epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event);
	for (;;) {
		int n = epoll_wait(s->epoll, events, sizeof(events) / sizeof(events[0]), -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == s->listener)
				on_listener(s);
			else if (events[i].data.fd == STDIN_FILENO)
				return;
			else if (s->conns[events[i].data.fd].fd >= 0)
				conn_go(s, &s->conns[events[i].data.fd]);
		}
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"port", required_argument, NULL, 'p'},
		{"size", required_argument, NULL, 's'},
		{"certificate", required_argument, NULL, 'c'},
		{"seconds", required_argument, NULL, 't'},
		{0},
	};
	struct server *s = &server;
	uint16_t port = 0;
	int o;

	s->size = 1024;
	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == 'p')
			port = (uint16_t)web_number(optarg);
		else if (o == 's')
			s->size = web_number(optarg);
		else if (o == 'c')
			server_certify(s, optarg);
		else if (o == 't')
			alarm((unsigned)web_number(optarg));
		else
			return 64;
	}
	server_prepare(s);
	server_listen(s, port);
	server_run(s, port != 0);
	printf("{\"connections\": %llu, \"requests\": %llu}\n", (unsigned long long)s->connections,
		(unsigned long long)s->requests);
	return EXIT_SUCCESS;
}

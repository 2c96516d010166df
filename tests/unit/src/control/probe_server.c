#include "probe_server.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000 };

struct probe_server {
	pthread_t thread;
	bool joined;
	int fd;
	struct addr addr;
	probe_serve *serve;
	char seen[2048];
};

static void give_up(const char *what)
{
	perror(what);
	exit(99);
}

/* --- listening --- */

static int listen_on_loopback(int backlog, struct addr *ret)
{
	struct addr loopback = {.ip = {127, 0, 0, 1}, .family = AF_INET};
	struct sockaddr_storage ss;
	socklen_t size = addr_to_sockaddr(&loopback, &ss);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&ss, size) < 0 || listen(fd, backlog) < 0 ||
		getsockname(fd, (struct sockaddr *)&ss, &size) < 0)
		give_up("listen");
	*ret = addr_from_sockaddr((struct sockaddr *)&ss);
	return fd;
}

static void *run(void *arg)
{
	struct probe_server *s = arg;
	struct pollfd p = {.fd = s->fd, .events = POLLIN};
	struct timeval patience = {PATIENCE_MS / 1000, 0};
	int fd = poll(&p, 1, PATIENCE_MS) == 1 ? accept(s->fd, NULL, NULL) : -1;

	if (fd < 0)
		return NULL;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	s->serve(s, fd);
	close(fd);
	return NULL;
}

struct probe_server *probe_server_start(probe_serve *serve)
{
	struct probe_server *s = calloc(1, sizeof(*s));

	if (!s)
		give_up("calloc");
	s->serve = serve;
	s->fd = listen_on_loopback(8, &s->addr);
	if (pthread_create(&s->thread, NULL, run, s) != 0)
		give_up("pthread_create");
	return s;
}

const struct addr *probe_server_addr(const struct probe_server *s)
{
	return &s->addr;
}

const char *probe_server_seen(const struct probe_server *s)
{
	return s->seen;
}

void probe_server_join(struct probe_server *s)
{
	if (!s->joined)
		pthread_join(s->thread, NULL);
	s->joined = true;
}

void probe_server_stop(struct probe_server *s)
{
	shutdown(s->fd, SHUT_RDWR); /* one that still waits to accept waits no more */
	probe_server_join(s);
	close(s->fd);
	free(s);
}

static int connect_to(const struct addr *addr)
{
	struct sockaddr_storage ss;
	socklen_t size = addr_to_sockaddr(addr, &ss);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || (connect(fd, (struct sockaddr *)&ss, size) < 0 && errno != EINPROGRESS))
		give_up("connect");
	return fd;
}

void probe_server_full_backlog(struct addr *ret_addr, int ret_fds[3])
{
	ret_fds[0] = listen_on_loopback(0, ret_addr);
	ret_fds[1] = connect_to(ret_addr);
	ret_fds[2] = connect_to(ret_addr);
}

/* --- plain servers --- */

static void say(int fd, const char *text)
{
	if (write(fd, text, strlen(text)) < 0)
		return; /* the probe may have left: that is for the test to say */
}

/* Reads what one write of the probe brought, behind what was seen before. */
static void read_some(struct probe_server *s, int fd)
{
	size_t have = strlen(s->seen);
	ssize_t n = read(fd, s->seen + have, sizeof(s->seen) - 1 - have);

	s->seen[have + (size_t)(n > 0 ? n : 0)] = '\0';
}

static void read_request(struct probe_server *s, int fd)
{
	size_t before;

	do {
		before = strlen(s->seen);
		read_some(s, fd);
	} while (!strstr(s->seen, "HTTP/1.1") && strlen(s->seen) > before);
}

static void read_to_end(int fd)
{
	char waste[4096];

	while (read(fd, waste, sizeof(waste)) > 0)
		continue;
}

void serve_until_closed(struct probe_server *s, int fd)
{
	(void)s;
	read_to_end(fd);
}

void serve_silence(struct probe_server *s, int fd)
{
	(void)s;
	read_to_end(fd);
}

void serve_close(struct probe_server *s, int fd)
{
	read_some(s, fd);
}

void serve_reset(struct probe_server *s, int fd)
{
	struct linger hard = {1, 0};

	read_some(s, fd);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
}

void serve_garbage(struct probe_server *s, int fd)
{
	read_some(s, fd);
	say(fd, "220 hello, this is something else\r\n\r\n");
	read_to_end(fd);
}

static void answer(struct probe_server *s, int fd, const char *text)
{
	read_request(s, fd);
	say(fd, text);
}

void serve_ok(struct probe_server *s, int fd)
{
	answer(s, fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
}

void serve_interim(struct probe_server *s, int fd)
{
	answer(s, fd,
		"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
}

void serve_error(struct probe_server *s, int fd)
{
	answer(s, fd, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
}

void serve_half(struct probe_server *s, int fd)
{
	answer(s, fd, "HTTP/1.1 200 OK\r\nContent-Le");
}

void serve_trickle(struct probe_server *s, int fd)
{
	read_request(s, fd);
	say(fd, "HTTP/1.1 200 OK\r\nX: ");
	while (send(fd, "x", 1, MSG_NOSIGNAL) == 1)
		poll(NULL, 0, 20);
}

void serve_endless(struct probe_server *s, int fd)
{
	char line[32];

	read_request(s, fd);
	say(fd, "HTTP/1.1 200 OK\r\n");
	for (int i = 0; i < 100000; i++) {
		int n = snprintf(line, sizeof(line), "x-%d: y\r\n", i);

		if (send(fd, line, (size_t)n, MSG_NOSIGNAL) < 0)
			return;
	}
}

void serve_endless_line(struct probe_server *s, int fd)
{
	char line[4096];

	memset(line, 'x', sizeof(line));
	read_request(s, fd);
	say(fd, "HTTP/1.1 200 OK\r\nx: ");
	for (int i = 0; i < 1000; i++)
		if (send(fd, line, sizeof(line), MSG_NOSIGNAL) < 0)
			return;
}

/* --- how the probe leaves --- */

static void look(struct probe_server *s, int fd)
{
	char byte[256];
	ssize_t n;

	do
		n = read(fd, byte, sizeof(byte));
	while (n > 0);
	snprintf(s->seen, sizeof(s->seen), "%s", n == 0 ? "end" : strerror(errno));
}

/* Half of the body comes after the head was judged. */
void serve_body_then_look(struct probe_server *s, int fd)
{
	char body[8192];

	memset(body, 'b', sizeof(body));
	answer(s, fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
	poll(NULL, 0, 20);
	send(fd, body, sizeof(body), MSG_NOSIGNAL);
	poll(NULL, 0, 5);
	send(fd, body, sizeof(body), MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	look(s, fd);
}

void serve_banner_then_look(struct probe_server *s, int fd)
{
	say(fd, "SSH-2.0-somebody\r\n");
	look(s, fd);
}

/* --- TLS servers --- */

struct identity {
	EVP_PKEY *key;
	X509 *certificate;
	char file[64];
};
static struct identity node, other;

static X509 *make_certificate(EVP_PKEY *key, const char *name)
{
	X509 *x = X509_new();
	char alternative[128];
	X509_EXTENSION *san;

	snprintf(alternative, sizeof(alternative), "DNS:%s", name);
	san = X509V3_EXT_nconf_nid(NULL, NULL, NID_subject_alt_name, alternative);
	if (!x || !san)
		give_up("X509");
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
		(const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	X509_set_pubkey(x, key);
	X509_add_ext(x, san, -1);
	X509_EXTENSION_free(san);
	if (X509_sign(x, key, EVP_sha256()) == 0)
		give_up("X509_sign");
	return x;
}

static bool make_identity(struct identity *id, const char *name)
{
	FILE *f;
	int fd;

	id->key = EVP_EC_gen("P-256");
	if (!id->key)
		return false;
	id->certificate = make_certificate(id->key, name);
	snprintf(id->file, sizeof(id->file), "/tmp/aegislb-probe-test-XXXXXX");
	fd = mkstemp(id->file);
	f = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (!f)
		return false;
	PEM_write_X509(f, id->certificate);
	return fclose(f) == 0;
}

static void drop_identity(struct identity *id)
{
	EVP_PKEY_free(id->key);
	X509_free(id->certificate);
	unlink(id->file);
}

bool probe_server_make_certificates(void)
{
	return make_identity(&node, "node.test") && make_identity(&other, "elsewhere.test");
}

void probe_server_drop_certificates(void)
{
	drop_identity(&node);
	drop_identity(&other);
}

const char *probe_server_ca(void)
{
	return node.file;
}

const char *probe_server_other_ca(void)
{
	return other.file;
}

/* A handshake; then the request is read, if there is a text to answer. Leaves the server name in `seen`. */
static void serve_over_tls(struct probe_server *s, int fd, const char *text, bool wait)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	SSL *ssl = ctx ? SSL_new(ctx) : NULL;
	char waste[4096];

	if (!ssl || SSL_use_certificate(ssl, node.certificate) != 1 ||
		SSL_use_PrivateKey(ssl, node.key) != 1)
		give_up("SSL");
	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1) {
		const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

		snprintf(s->seen, sizeof(s->seen), "%s", name ? name : "(none)");
		if (text && SSL_read(ssl, waste, sizeof(waste)) > 0 && text[0])
			SSL_write(ssl, text, (int)strlen(text));
		while (wait && SSL_read(ssl, waste, sizeof(waste)) > 0)
			continue;
		SSL_shutdown(ssl);
	}
	SSL_free(ssl);
	SSL_CTX_free(ctx);
}

void serve_tls(struct probe_server *s, int fd)
{
	serve_over_tls(s, fd, NULL, false);
}

void serve_tls_silence(struct probe_server *s, int fd)
{
	serve_over_tls(s, fd, NULL, true);
}

void serve_https_ok(struct probe_server *s, int fd)
{
	serve_over_tls(s, fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false);
}

void serve_https_nothing(struct probe_server *s, int fd)
{
	serve_over_tls(s, fd, "", false);
}

void serve_https_error(struct probe_server *s, int fd)
{
	serve_over_tls(
		s, fd, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", false);
}

void serve_tls_then_look(struct probe_server *s, int fd)
{
	serve_over_tls(s, fd, NULL, false);
	look(s, fd);
}

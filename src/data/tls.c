#include "data/tls.h"

#include "certs.h"
#include "data/worker_inside.h"
#include "net/stream.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <stdlib.h>

enum { TLS_SPARES_MAX = 32 }; /* of one worker; each holds about 6 KiB */

struct tls {
	SSL *ssl;	       /* with our BIO */
	const SSL_CTX *origin; /* that it was made from, which it keeps alive */
	struct tls *next;      /* among the spares */
	struct worker *worker;
	struct certs_now now;
	uint16_t listener; /* slot */
	pin_t pin;	   /* the newest generation where that terminates TLS */
	int fd;
	int error;    /* of the last call on the socket; 0: it went well */
	bool drained; /* the last read was a short one, and no edge came since (doc/decisions/005) */
	bool is_ready;	/* the handshake is done */
	bool is_broken; /* and something went wrong since */
	bool is_ending; /* the kernel has the peer's end: only a read tells it */
	bool has_more;	/* another record follows at once */
	uint8_t *first; /* read by others before us; from `used` on not taken yet */
	size_t n_first, used;
};

/* --- the socket, as OpenSSL wants it --- */

static int on_bio_read(BIO *bio, char *buf, int size)
{
	struct tls *t = BIO_get_data(bio);
	size_t n = t->n_first - t->used;
	ssize_t got;

	BIO_clear_retry_flags(bio);
	if (n > 0) {
		n = n < (size_t)size ? n : (size_t)size;
		memcpy(buf, t->first + t->used, n);
		t->used += n;
		return (int)n;
	}
	got = t->drained ? -EAGAIN : stream_recv(t->fd, buf, (size_t)size);
	t->drained = got == -EAGAIN || (got > 0 && got < size && !t->is_ending);
	t->error = got < 0 ? (int)-got : 0;
	if (got == -EAGAIN)
		BIO_set_retry_read(bio);
	return got < 0 ? -1 : (int)got;
}

/* The ticket of TLS 1.3 ends the handshake, and the client waits for nothing but our answer. */
static bool is_ticket(const struct tls *t)
{
	return !t->is_ready && SSL_get_state(t->ssl) == TLS_ST_SW_SESSION_TICKET &&
	       SSL_version(t->ssl) == TLS1_3_VERSION;
}

static int on_bio_write(BIO *bio, const char *buf, int size)
{
	struct tls *t = BIO_get_data(bio);
	bool is_first = t->has_more || is_ticket(t);
	ssize_t sent = is_first ? stream_send_first(t->fd, buf, (size_t)size)
				: stream_send(t->fd, buf, (size_t)size);

	BIO_clear_retry_flags(bio);
	t->error = sent < 0 ? (int)-sent : 0;
	if (sent == -EAGAIN)
		BIO_set_retry_write(bio);
	return sent < 0 ? -1 : (int)sent;
}

static long on_bio_ctrl(BIO *bio, int command, long number, void *p)
{
	(void)bio;
	(void)number;
	(void)p;
	return command == BIO_CTRL_FLUSH; /* there is no more to it: all was sent */
}

/* One for each worker, made for its first connection. */
static BIO_METHOD *make_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "aegislb socket");

	if (m && BIO_meth_set_read(m, on_bio_read) == 1 &&
		BIO_meth_set_write(m, on_bio_write) == 1 && BIO_meth_set_ctrl(m, on_bio_ctrl) == 1)
		return m;
	BIO_meth_free(m);
	return NULL;
}

static bool set_bio(struct tls *t)
{
	struct http *h = t->worker->http;
	BIO *bio;

	if (!h->tls_bio)
		h->tls_bio = make_method();
	bio = h->tls_bio ? BIO_new(h->tls_bio) : NULL;
	if (!bio)
		return false;
	BIO_set_data(bio, t);
	BIO_set_init(bio, 1);
	SSL_set_bio(t->ssl, bio, bio);
	return true;
}

/* --- life --- */

void tls_renew(struct tls *t)
{
	struct pins *pins = &t->worker->pins;
	const struct config_listener *l =
		generation_listener(worker_newest(t->worker), t->listener);

	if (t->pin != pins->newest && l && l->tls)
		pins_renew(pins, &t->pin);
}

/* The view may be another one by each call. */
static void look_at_view(struct tls *t)
{
	const struct view_tls *now = worker_view(t->worker)->tls;
	const struct config_tls *conf;

	tls_renew(t);
	conf = pins_generation(&t->worker->pins, t->pin)->listeners[t->listener]->tls;
	t->now.certs = now && t->listener < now->n_certs ? now->certs[t->listener] : NULL;
	if (!t->now.certs) /* a reload took the listener, or its TLS, away */
		t->now.certs = conf->certs;
	t->now.tickets = NULL;
	if (now && conf->session_tickets != TICKETS_OFF)
		t->now.tickets = conf->session_tickets == TICKETS_LOCAL ? now->local : now->cluster;
}

static void free_spare(struct tls *t)
{
	SSL_free(t->ssl);
	free(t);
}

/* A spare or a new one. */
static struct tls *take(struct http *h)
{
	struct tls *t = h->tls_spares;

	if (!t)
		return calloc(1, sizeof(*t));
	h->tls_spares = t->next;
	h->n_tls_spares--;
	return t;
}

/* To make an SSL and its BIO is a tenth of a handshake with P-256 (doc/decisions/012). */
static bool make_ssl(struct tls *t)
{
	if (t->ssl && certs_ssl_again(t->now.certs, t->ssl, t->origin, &t->now))
		return true;
	SSL_free(t->ssl);
	t->ssl = certs_ssl(t->now.certs, &t->now);
	t->origin = t->ssl ? SSL_get_SSL_CTX(t->ssl) : NULL;
	return t->ssl && set_bio(t);
}

struct tls *tls_new(struct worker *w, const struct tls_place *at, int fd, struct span first)
{
	struct tls *t = take(w->http);

	if (!t)
		return NULL;
	*t = (struct tls){.ssl = t->ssl,
		.origin = t->origin,
		.worker = w,
		.listener = at->listener,
		.fd = fd};
	t->pin = pins_add(&w->pins, at->pin);
	look_at_view(t);
	t->first = first.n > 0 ? malloc(first.n) : NULL;
	if ((first.n > 0 && !t->first) || !make_ssl(t)) {
		tls_free(t);
		return NULL;
	}
	if (first.n > 0)
		memcpy(t->first, first.p, first.n);
	t->n_first = first.n;
	return t;
}

/* Only what has ended well serves again, with nothing half read or half written. */
static bool is_spare(const struct tls *t)
{
	return t->is_ready && !t->is_broken && !SSL_has_pending(t->ssl) &&
	       SSL_want(t->ssl) != SSL_WRITING && t->worker->http->n_tls_spares < TLS_SPARES_MAX &&
	       certs_ssl_wipe(t->ssl);
}

void tls_free(struct tls *t)
{
	struct http *h;

	if (!t)
		return;
	h = t->worker->http;
	pins_drop(&t->worker->pins, t->pin);
	free(t->first);
	t->first = NULL;
	if (!is_spare(t)) {
		free_spare(t);
		return;
	}
	t->next = h->tls_spares;
	h->tls_spares = t;
	h->n_tls_spares++;
}

void tls_worker_end(struct http *h)
{
	while (h->tls_spares) {
		struct tls *t = h->tls_spares;

		h->tls_spares = t->next;
		free_spare(t);
	}
	h->n_tls_spares = 0;
	BIO_meth_free(h->tls_bio);
	h->tls_bio = NULL;
}

/* --- handshake --- */

/* The cause in the words of the log and the metrics: what a person would do about it differs. */
static enum end_reason cause_of(const struct tls *t, int error)
{
	unsigned long e = ERR_peek_error();

	if (error == SSL_ERROR_SYSCALL || e == 0)
		return t->error > 0 ? END_TLS_RESET : END_TLS_CLOSED;
	switch (ERR_GET_REASON(e)) {
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_UNKNOWN_PROTOCOL:
	case SSL_R_VERSION_TOO_LOW:
		return END_TLS_VERSION;
	case SSL_R_NO_SHARED_CIPHER:
	case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
	case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
	case SSL_R_NO_SUITABLE_KEY_SHARE:
		return END_TLS_NOTHING_SHARED;
	case SSL_R_HTTP_REQUEST:
	case SSL_R_HTTPS_PROXY_REQUEST:
	case SSL_R_WRONG_VERSION_NUMBER:
		return END_HELLO_NOT_TLS;
	case SSL_R_UNEXPECTED_EOF_WHILE_READING:
		return END_TLS_CLOSED;
	case ERR_R_MALLOC_FAILURE:
		return END_NO_MEMORY;
	default:
		break;
	}
	/* an alert of the client's is its number above 1000: it refuses our certificate, say */
	return ERR_GET_REASON(e) > SSL_AD_REASON_OFFSET ? END_TLS_CLIENT_ALERT : END_TLS_FAILED;
}

enum tls_state tls_handshake(struct tls *t, enum end_reason *ret_reason)
{
	int done, error;

	look_at_view(t);
	ERR_clear_error();
	done = SSL_do_handshake(t->ssl);
	if (done == 1) {
		t->is_ready = true;
		return TLS_DONE;
	}
	error = SSL_get_error(t->ssl, done);
	if (error == SSL_ERROR_WANT_READ)
		return TLS_WANTS_READ;
	if (error == SSL_ERROR_WANT_WRITE)
		return TLS_WANTS_WRITE;
	*ret_reason = cause_of(t, error);
	ERR_clear_error();
	return TLS_FAILED;
}

/* --- bytes --- */

/* What a failed call means to a caller who knows sockets. */
static ssize_t meaning(struct tls *t, int result)
{
	int error = SSL_get_error(t->ssl, result);

	switch (error) {
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return -EAGAIN;
	case SSL_ERROR_SYSCALL:
		ERR_clear_error();
		return t->error > 0 ? -t->error : 0;
	default:
		ERR_clear_error();
		t->is_broken = true;
		return -EPROTO;
	}
}

void tls_readable(struct tls *t, bool end)
{
	t->drained = false;
	t->is_ending = end;
}

ssize_t tls_recv(struct tls *t, void *buf, size_t n)
{
	size_t got;
	int result;

	look_at_view(t);
	result = SSL_read_ex(t->ssl, buf, n, &got);
	return result == 1 ? (ssize_t)got : meaning(t, result);
}

ssize_t tls_send(struct tls *t, struct span bytes)
{
	size_t sent;
	int result;

	look_at_view(t);
	/* A call writes one record (SSL_MODE_ENABLE_PARTIAL_WRITE), and the caller goes on. */
	t->has_more = bytes.n > SSL3_RT_MAX_PLAIN_LENGTH;
	result = SSL_write_ex(t->ssl, bytes.p, bytes.n, &sent);
	t->has_more = false;
	return result == 1 ? (ssize_t)sent : meaning(t, result);
}

void tls_end(struct tls *t)
{
	if (SSL_is_init_finished(t->ssl))
		SSL_shutdown(t->ssl);
	ERR_clear_error();
}

/* --- after the handshake --- */

struct span tls_name(const struct tls *t)
{
	const char *name = SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name);

	return name ? span_str(name) : span_of(NULL, 0);
}

struct span tls_alpn(const struct tls *t)
{
	const unsigned char *name;
	unsigned n;

	SSL_get0_alpn_selected(t->ssl, &name, &n);
	return span_of(name, n);
}

bool tls_is_meant_for(const struct tls *t, struct span name)
{
	struct span asked = tls_name(t);
	char normal[HOSTNAME_SIZE];
	int n = asked.n > 0 ? hostname_normalize(asked, normal) : 0;

	return (n > 0 && span_eq(span_of(normal, (size_t)n), name)) ||
	       certs_connection_covers(t->ssl, name);
}

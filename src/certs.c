#include "certs.h"

#include "base/bug.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
	FILES_MAX = 100000,
	READ_BUFFER = 17 * 1024,
	READS_MAX = 5, /* of one that is renewed while it is read */
};

/* `looks` sums up what can be seen of a file and those beside it without reading them: another look tells whether they
 * changed. It is taken before they are read, so that a change in between is found by the next. */
struct file {
	char *path;
	bool listed; /* found in a folder */
	uint64_t looks;
	struct cert *cert; /* NULL: broken, and never read well */
};

/* The certificates of one name, at most one of each kind, and their context. */
struct context {
	struct cert *cert[CERT_KINDS];
	SSL_CTX *ssl;
};

struct name {
	const char *text; /* a certificate's */
	size_t context;
};

struct certs {
	unsigned users;
	const struct config_tls *conf;
	struct file *files;
	size_t n_files;
	struct cert **list; /* the files' that were read, in their order */
	size_t n_list;
	struct context *contexts; /* the first is that of the default certificate */
	size_t n_contexts;
	struct name *names; /* sorted by text */
	size_t n_names;
};

/* --- names --- */

static int compare(struct span a, const char *b)
{
	size_t n = strlen(b);
	int order = memcmp(a.p, b, a.n < n ? a.n : n);

	if (order != 0)
		return order;
	return a.n < n ? -1 : a.n > n;
}

static const struct name *find(const struct certs *c, struct span text)
{
	size_t low = 0, high = c->n_names;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare(text, c->names[middle].text);

		if (order == 0)
			return &c->names[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* "a.example.com" -> "*.example.com". False: it has one label only. */
static bool wildcard_of(struct span name, char buf[HOSTNAME_SIZE + 2], struct span *ret)
{
	const uint8_t *dot = name.n > 0 ? memchr(name.p, '.', name.n) : NULL;
	size_t rest = dot ? (size_t)(span_end(name) - dot) : 0;

	if (rest < 2 || rest > HOSTNAME_MAX)
		return false;
	buf[0] = '*';
	memcpy(buf + 1, dot, rest);
	*ret = span_of(buf, rest + 1);
	return true;
}

static const struct name *best(const struct certs *c, struct span name)
{
	const struct name *found = find(c, name);
	char buf[HOSTNAME_SIZE + 2];
	struct span wildcard;

	if (!found && wildcard_of(name, buf, &wildcard))
		found = find(c, wildcard);
	return found;
}

bool certs_cover(const struct certs *c, struct span name)
{
	return best(c, name) != NULL;
}

static bool cert_covers(const struct cert *cert, struct span name)
{
	char buf[HOSTNAME_SIZE + 2];
	struct span wildcard;
	bool has_wildcard = wildcard_of(name, buf, &wildcard);

	for (size_t i = 0; i < cert->n_names; i++) {
		struct span own = span_str(cert->names[i]);

		if (span_eq(own, name) || (has_wildcard && span_eq(own, wildcard)))
			return true;
	}
	return false;
}

/* --- what OpenSSL calls during a handshake --- */

static int now_index(void)
{
	static int index = -1; /* set by the first certs_load, before there are threads */

	if (index < 0)
		index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	return index;
}

static struct certs_now *now_of(SSL *ssl)
{
	return SSL_get_ex_data(ssl, now_index());
}

/* The context of the name asked for; unknown names get the default one (RFC 6066 3 allows it). */
static int on_name(SSL *ssl, int *alert, void *arg)
{
	const char *asked = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const struct certs *certs = now_of(ssl)->certs;
	char normal[HOSTNAME_SIZE];
	const struct name *found;
	int n;

	(void)alert;
	(void)arg;
	if (!asked)
		return SSL_TLSEXT_ERR_NOACK;
	n = hostname_normalize(span_str(asked), normal);
	found = n > 0 ? best(certs, span_of(normal, (size_t)n)) : NULL;
	if (found && found->context != 0)
		SSL_set_SSL_CTX(ssl, certs->contexts[found->context].ssl);
	return SSL_TLSEXT_ERR_OK;
}

/* Ours in our order. A client that offers nothing we know goes on without. */
static int on_alpn(SSL *ssl, const unsigned char **ret, unsigned char *ret_n,
	const unsigned char *offered, unsigned int n_offered, void *arg)
{
	const struct config_tls *conf = now_of(ssl)->certs->conf;
	unsigned char *chosen;

	(void)arg;
	if (conf->alpn_size == 0 ||
		SSL_select_next_proto(&chosen, ret_n, conf->alpn, (unsigned)conf->alpn_size,
			offered, n_offered) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*ret = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* The context that the connection has by now; NULL: it is of an earlier set. */
static const struct context *context_of(SSL *ssl)
{
	const struct certs *certs = now_of(ssl)->certs;
	SSL_CTX *ctx = SSL_get_SSL_CTX(ssl);
	size_t place = (size_t)(uintptr_t)SSL_CTX_get_app_data(ctx);

	return place < certs->n_contexts && certs->contexts[place].ssl == ctx
		       ? &certs->contexts[place]
		       : NULL;
}

static int on_status(SSL *ssl, void *arg)
{
	const struct context *x = context_of(ssl);
	X509 *leaf = SSL_get_certificate(ssl);
	uint8_t *copy;

	(void)arg;
	for (int i = 0; x && i < CERT_KINDS; i++) {
		const struct cert *cert = x->cert[i];

		if (!cert || cert->leaf != leaf || !cert->ocsp)
			continue;
		copy = OPENSSL_memdup(cert->ocsp, cert->ocsp_size);
		if (!copy)
			return SSL_TLSEXT_ERR_ALERT_FATAL;
		SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)cert->ocsp_size);
		return SSL_TLSEXT_ERR_OK;
	}
	return SSL_TLSEXT_ERR_NOACK;
}

static bool set_mac(EVP_MAC_CTX *mac, const struct ticket_key *key)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(
			OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)key->mac, sizeof(key->mac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* 1: done; 2: done, and the client gets a ticket by the present key; 0: no such key, so a full handshake. */
static int on_ticket(SSL *ssl, unsigned char name[16], unsigned char *iv, EVP_CIPHER_CTX *cipher,
	EVP_MAC_CTX *mac, int seals)
{
	const struct tickets *tickets = now_of(ssl)->tickets;
	const struct ticket_key *key;

	if (!tickets)
		return 0;
	key = seals ? &tickets->keys[0] : tickets_find(tickets, name);
	if (!key)
		return 0;
	if (seals) {
		memcpy(name, key->name, sizeof(key->name));
		if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1)
			return -1;
	}
	if (EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher, iv, seals) != 1 ||
		!set_mac(mac, key))
		return -1;
	return seals || key == &tickets->keys[0] ? 1 : 2;
}

/* --- contexts --- */

/* Of TLS 1.3: all three are sound, the first is the fastest with hardware for it. */
static const char suites[] =
	"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

/* What a client can make us compute: the finite fields of TLS 1.3 cost a hundred times of these, at the client's will. The
 * hybrid one is there from OpenSSL 3.5 on. */
static const char *const groups[] = {"X25519MLKEM768:X25519:P-256:P-384", "X25519:P-256:P-384"};

static bool set_groups(SSL_CTX *ssl)
{
	bool is_set = SSL_CTX_set1_groups_list(ssl, groups[0]) == 1 ||
		      SSL_CTX_set1_groups_list(ssl, groups[1]) == 1;

	ERR_clear_error();
	return is_set;
}

static const int versions[] = {[TLS_1_2] = TLS1_2_VERSION, [TLS_1_3] = TLS1_3_VERSION};

static bool set_options(SSL_CTX *ssl, const struct config_tls *conf)
{
	static const uint8_t id[] = "aegislb";
	uint64_t options = SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
			   SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_COMPRESSION |
			   SSL_OP_IGNORE_UNEXPECTED_EOF;

	if (conf->session_tickets == TICKETS_OFF)
		options |= SSL_OP_NO_TICKET;
	SSL_CTX_set_options(ssl, options);
	SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(ssl, 1);
	SSL_CTX_set_default_read_buffer_len(ssl, READ_BUFFER);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ssl, conf->session_tickets == TICKETS_OFF ? 0 : 1);
	SSL_CTX_set_timeout(ssl, 2 * TICKETS_PERIOD_S);
	SSL_CTX_set_tlsext_servername_callback(ssl, on_name);
	SSL_CTX_set_tlsext_status_cb(ssl, on_status);
	if (conf->alpn_size > 0)
		SSL_CTX_set_alpn_select_cb(ssl, on_alpn, NULL);
	return SSL_CTX_set_min_proto_version(ssl, versions[conf->min_version]) == 1 &&
	       set_groups(ssl) && SSL_CTX_set_session_id_context(ssl, id, sizeof(id)) == 1 &&
	       SSL_CTX_set_tlsext_ticket_key_evp_cb(ssl, on_ticket) == 1 &&
	       SSL_CTX_set_ciphersuites(ssl, suites) == 1 &&
	       (!conf->ciphers || SSL_CTX_set_cipher_list(ssl, conf->ciphers) == 1);
}

static const char *path_of(const struct context *x)
{
	for (int i = 0; i < CERT_KINDS; i++)
		if (x->cert[i])
			return x->cert[i]->path;
	return "no certificate";
}

static bool open_context(struct certs *c, struct context *x, char why[CERT_WHY_MAX])
{
	x->ssl = SSL_CTX_new(TLS_server_method());
	if (!x->ssl || !set_options(x->ssl, c->conf))
		goto failed;
	SSL_CTX_set_app_data(x->ssl, (void *)(uintptr_t)(x - c->contexts));
	for (int i = 0; i < CERT_KINDS; i++) {
		const struct cert *cert = x->cert[i];

		if (cert && SSL_CTX_use_cert_and_key(
				    x->ssl, cert->leaf, cert->key, cert->chain, 1) != 1)
			goto failed;
	}
	return true;
failed:
	snprintf(why, CERT_WHY_MAX, "%s: OpenSSL refuses it: %s", path_of(x),
		ERR_reason_error_string(ERR_peek_last_error()));
	ERR_clear_error();
	return false;
}

/* --- from the certificates to names and contexts --- */

/* Of two of one kind and name the one that lasts longer is served; of equal ones the first. */
static void offer(struct context *x, struct cert *cert)
{
	struct cert **place = &x->cert[cert->kind];

	if (!*place || (*place)->not_after < cert->not_after)
		*place = cert;
}

/* The context with these certificates; makes it. SIZE_MAX: `why`. */
static size_t context_with(struct certs *c, const struct context *wanted, char why[CERT_WHY_MAX])
{
	struct context *x;

	/* names of one certificate come one after the other: the last contexts are the likely ones */
	for (size_t i = c->n_contexts; i > 0; i--)
		if (memcmp(c->contexts[i - 1].cert, wanted->cert, sizeof(wanted->cert)) == 0)
			return i - 1;
	x = &c->contexts[c->n_contexts];
	*x = *wanted;
	for (int i = 0; i < CERT_KINDS; i++)
		if (x->cert[i])
			cert_use(x->cert[i]);
	c->n_contexts++;
	return open_context(c, x, why) ? c->n_contexts - 1 : SIZE_MAX;
}

struct offered {
	const char *name;
	struct cert *cert;
	size_t order;
};

static int by_name(const void *a, const void *b)
{
	const struct offered *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	if (order != 0)
		return order;
	return x->order < y->order ? -1 : x->order > y->order;
}

static size_t count_names(const struct certs *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_list; i++) {
		BUG_ON(!c->list[i]);
		n += c->list[i]->n_names;
	}
	return n;
}

static void list_names(const struct certs *c, struct offered *offers)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_list; i++)
		for (size_t k = 0; k < c->list[i]->n_names; k++, n++)
			offers[n] = (struct offered){c->list[i]->names[k], c->list[i], n};
}

static bool build_names(
	struct certs *c, const struct offered *offers, size_t n, char why[CERT_WHY_MAX])
{
	for (size_t i = 0; i < n;) {
		const char *text = offers[i].name;
		struct context wanted = {0};
		size_t context;

		for (; i < n && strcmp(offers[i].name, text) == 0; i++)
			offer(&wanted, offers[i].cert);
		context = context_with(c, &wanted, why);
		if (context == SIZE_MAX)
			return false;
		c->names[c->n_names++] = (struct name){text, context};
	}
	return true;
}

/* The default comes first: the first certificate, with its counterpart of the other kind if that has its first name. */
static bool build_default(struct certs *c, char why[CERT_WHY_MAX])
{
	struct cert *first = c->list[0];
	struct context wanted = {0};

	for (size_t i = 0; i < c->n_list; i++)
		if (i == 0 || (first->n_names > 0 && c->list[i]->kind != first->kind &&
				      cert_covers(c->list[i], span_str(first->names[0]))))
			offer(&wanted, c->list[i]);
	return context_with(c, &wanted, why) == 0;
}

static bool build(struct certs *c, char why[CERT_WHY_MAX])
{
	size_t n = count_names(c);
	struct offered *offers = calloc(n + 1, sizeof(*offers));
	bool ok;

	c->contexts = calloc(n + 1, sizeof(*c->contexts));
	c->names = calloc(n + 1, sizeof(*c->names));
	if (!offers || !c->contexts || !c->names) {
		snprintf(why, CERT_WHY_MAX, "out of memory");
		free(offers);
		return false;
	}
	list_names(c, offers);
	qsort(offers, n, sizeof(*offers), by_name);
	ok = build_default(c, why) && build_names(c, offers, n, why);
	free(offers);
	return ok;
}

/* --- files --- */

static bool ends_with_pem(const char *name)
{
	size_t n = strlen(name);

	return n > 4 && name[0] != '.' && strcmp(name + n - 4, ".pem") == 0;
}

static bool add_file(struct certs *c, const char *path, bool listed)
{
	struct file *files;

	if (c->n_files >= FILES_MAX)
		return true;
	if ((c->n_files & (c->n_files + 1)) == 0) {
		files = realloc(c->files, (c->n_files + 1) * 2 * sizeof(*files));
		if (!files)
			return false;
		c->files = files;
	}
	c->files[c->n_files] = (struct file){.path = strdup(path), .listed = listed};
	return c->files[c->n_files++].path != NULL;
}

static int only_pem(const struct dirent *entry)
{
	return ends_with_pem(entry->d_name);
}

static bool add_folder(struct certs *c, const char *folder, certs_say_fn *say, void *arg)
{
	struct dirent **entries;
	int n = scandir(folder, &entries, only_pem, alphasort);
	char path[PATH_MAX];
	bool ok = true;

	if (n < 0) {
		say(arg, folder, strerror(errno), false);
		return true;
	}
	if (n == 0)
		say(arg, folder, "it has no file whose name ends in .pem", false);
	for (int i = 0; i < n; i++) {
		if (ok && snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name) <
				  (int)sizeof(path))
			ok = add_file(c, path, true);
		free(entries[i]);
	}
	free(entries);
	return ok;
}

static bool add_files(struct certs *c, certs_say_fn *say, void *arg)
{
	for (size_t i = 0; i < c->conf->n_certificates; i++) {
		const char *path = c->conf->certificates[i];
		struct stat st;
		bool ok = stat(path, &st) == 0 && S_ISDIR(st.st_mode)
				  ? add_folder(c, path, say, arg)
				  : add_file(c, path, false);

		if (!ok)
			return false;
	}
	return true;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
	return hash ^ hash >> 32;
}

static uint64_t look(const char *path)
{
	char names[CERT_FILES][PATH_MAX];
	unsigned n = cert_files(path, names);
	uint64_t hash = n;

	for (unsigned i = 0; i < n; i++) {
		struct stat st;

		if (stat(names[i], &st) < 0)
			continue;
		hash = mix(hash, i + 1);
		hash = mix(hash, (uint64_t)st.st_ino);
		hash = mix(hash, (uint64_t)st.st_size);
		hash = mix(hash, (uint64_t)st.st_mtim.tv_sec);
		hash = mix(hash, (uint64_t)st.st_mtim.tv_nsec);
	}
	return hash;
}

static struct cert *as_before(const struct certs *previous, const char *path)
{
	for (size_t i = 0; previous && i < previous->n_files; i++)
		if (previous->files[i].cert && strcmp(previous->files[i].path, path) == 0)
			return cert_use(previous->files[i].cert);
	return NULL;
}

/* Taken away between the look into its folder and the reading: then it is not there, which is no fault. */
static bool has_gone(const struct file *f)
{
	struct stat st;

	return f->listed && lstat(f->path, &st) < 0 && errno == ENOENT;
}

static void read_file(struct file *f, const struct certs *previous, certs_say_fn *say, void *arg)
{
	char why[CERT_WHY_MAX];

	for (unsigned i = 0; i < READS_MAX; i++) {
		f->looks = look(f->path);
		f->cert = cert_read(f->path, why);
		if (f->cert || has_gone(f))
			return;
		if (!f->listed)
			break;
	}
	f->cert = as_before(previous, f->path);
	say(arg, f->path, why, f->cert != NULL);
}

static bool read_files(struct certs *c, const struct certs *previous, certs_say_fn *say, void *arg)
{
	c->list = calloc(c->n_files + 1, sizeof(*c->list));
	if (!c->list)
		return false;
	for (size_t i = 0; i < c->n_files; i++) {
		read_file(&c->files[i], previous, say, arg);
		if (c->files[i].cert)
			c->list[c->n_list++] = c->files[i].cert;
	}
	return true;
}

/* --- life --- */

struct certs *certs_load(const struct config_tls *conf, const struct certs *previous,
	certs_say_fn *say, void *arg, char why[CERT_WHY_MAX])
{
	struct certs *c = calloc(1, sizeof(*c));

	now_index();
	snprintf(why, CERT_WHY_MAX, "out of memory");
	if (!c)
		return NULL;
	c->users = 1;
	c->conf = conf;
	if (!add_files(c, say, arg) || !read_files(c, previous, say, arg))
		goto failed;
	why[0] = '\0';
	if (c->n_list == 0 || !build(c, why))
		goto failed;
	return c;
failed:
	certs_drop(c);
	return NULL;
}

struct certs *certs_use(struct certs *c)
{
	if (c)
		c->users++;
	return c;
}

void certs_drop(struct certs *c)
{
	if (!c || --c->users > 0)
		return;
	for (size_t i = 0; i < c->n_contexts; i++) {
		SSL_CTX_free(c->contexts[i].ssl);
		for (int k = 0; k < CERT_KINDS; k++)
			cert_drop(c->contexts[i].cert[k]);
	}
	for (size_t i = 0; i < c->n_files; i++) {
		cert_drop(c->files[i].cert);
		free(c->files[i].path);
	}
	free(c->files);
	free(c->list);
	free(c->contexts);
	free(c->names);
	free(c);
}

static void say_nothing(void *arg, const char *path, const char *why, bool kept)
{
	(void)arg;
	(void)path;
	(void)why;
	(void)kept;
}

bool certs_are_stale(const struct certs *c)
{
	struct certs now = {.users = 1, .conf = c->conf};
	bool stale = !add_files(&now, say_nothing, NULL) || now.n_files != c->n_files;

	for (size_t i = 0; i < now.n_files && !stale; i++)
		stale = strcmp(now.files[i].path, c->files[i].path) != 0 ||
			look(now.files[i].path) != c->files[i].looks;
	for (size_t i = 0; i < now.n_files; i++)
		free(now.files[i].path);
	free(now.files);
	return stale;
}

size_t certs_count(const struct certs *c)
{
	return c->n_list;
}

const struct cert *certs_at(const struct certs *c, size_t i)
{
	return c->list[i];
}

/* --- one connection --- */

SSL *certs_ssl(const struct certs *c, struct certs_now *now)
{
	SSL *ssl = SSL_new(c->contexts[0].ssl);

	if (ssl && SSL_set_ex_data(ssl, now_index(), now) == 1) {
		SSL_set_accept_state(ssl);
		return ssl;
	}
	SSL_free(ssl);
	return NULL;
}

bool certs_ssl_again(const struct certs *c, SSL *ssl, const SSL_CTX *first, struct certs_now *now)
{
	return c->contexts[0].ssl == first && SSL_set_SSL_CTX(ssl, c->contexts[0].ssl) &&
	       SSL_set_ex_data(ssl, now_index(), now) == 1;
}

bool certs_ssl_wipe(SSL *ssl)
{
	return SSL_set_ex_data(ssl, now_index(), NULL) == 1 && SSL_clear(ssl) == 1 &&
	       SSL_set_session(ssl, NULL) == 1;
}

bool certs_connection_covers(SSL *ssl, struct span name)
{
	X509 *leaf = SSL_get_certificate(ssl);

	return leaf && X509_check_host(leaf, (const char *)name.p, name.n,
			       X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1;
}

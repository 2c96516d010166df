/* The certificates of one listener: which one a server name gets, and the OpenSSL contexts that serve them.
 *
 * Built as a whole, immutable from then on, shared by count through the view; counted on control's thread only, while
 * workers read. A name gets the certificates that have it, else those that have the wildcard of its first label (one label,
 * RFC 6125 6.4.3), else the first certificate there is; RSA and ECDSA of one name stand side by side.
 *
 * The callbacks of OpenSSL find what they need in a struct certs_now that the caller attaches to each SSL and keeps
 * pointing at the present view whenever it calls into it. */
#ifndef CERTS_H
#define CERTS_H

#include "base/span.h"
#include "cert.h"
#include "config/config.h"
#include "tickets.h"

#include <openssl/ssl.h>

struct certs;

/* Told for each file that will not do; `kept`: an earlier reading of it serves on. */
typedef void certs_say_fn(void *arg, const char *path, const char *why, bool kept);

/* Reads what `conf` names. A file that is broken, or gone from a list, is told and served as `previous` (NULL: none) had
 * it. NULL: there is not one certificate, or OpenSSL refuses the settings; `why` says it in words where it is not of one
 * file, and is "" otherwise. `conf` is borrowed for the life of the set. */
struct certs *certs_load(const struct config_tls *conf, const struct certs *previous,
	certs_say_fn *say, void *arg, char why[CERT_WHY_MAX]);
struct certs *certs_use(struct certs *c);
void certs_drop(struct certs *c); /* NULL is allowed */

/* Whether the files look different from when they were read: names, sizes, times. Never blocks for long. */
bool certs_are_stale(const struct certs *c);

size_t certs_count(const struct certs *c);
const struct cert *certs_at(const struct certs *c, size_t i); /* 0: the default one */

/* Whether some certificate has this normalized name. */
bool certs_cover(const struct certs *c, struct span name);

/* --- for one connection; any thread --- */

struct certs_now {
	const struct certs *certs;
	const struct tickets *tickets; /* NULL: no session tickets */
};

SSL *certs_ssl(const struct certs *c, struct certs_now *now); /* NULL: out of memory */

/* An SSL of an earlier connection, wiped by certs_ssl_wipe, once more. `first` is the context that it had when it was new.
 * False: it is of another set, and good for nothing. */
bool certs_ssl_again(const struct certs *c, SSL *ssl, const SSL_CTX *first, struct certs_now *now);

/* Forgets the connection that has ended. False: that cannot be; free it. */
bool certs_ssl_wipe(SSL *ssl);

/* Whether the certificate that this connection was given has that normalized name. */
bool certs_connection_covers(SSL *ssl, struct span name);

#endif

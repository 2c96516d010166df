/* One certificate with its chain and its key, read from a PEM file, and what an operator wants to know of it.
 *
 * The file holds the certificate first, then its chain, and the key anywhere; a file without a key has it beside it
 * under the same name with ".key" for its ending (or behind it), and a stapled OCSP answer, if there is one, in DER under
 * the name with ".ocsp" behind it. Immutable once read, shared by count; not thread-safe while counted. */
#ifndef CERT_H
#define CERT_H

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CERT_WHY_MAX = 256, CERT_FILE_MAX = 1 << 20, CERT_NAMES_MAX = 1024 };

/* Two certificates of one name stand side by side where their kinds differ. */
enum cert_kind { CERT_RSA, CERT_ECDSA, CERT_KINDS };

struct cert {
	unsigned users;
	char *path;
	X509 *leaf;
	STACK_OF(X509) * chain;
	EVP_PKEY *key;
	enum cert_kind kind; /* by the key; what is neither counts as ECDSA (Ed25519) */
	char key_type[32];   /* "RSA 2048", "ECDSA P-256" */
	char **names;	     /* normalized DNS names; a wildcard of one label is "*.x" */
	size_t n_names;
	char *subject, *issuer;	       /* common names, or the whole where there is none; escaped */
	int64_t not_before, not_after; /* seconds since 1970, UTC */
	uint8_t *ocsp;		       /* DER; NULL: none */
	size_t ocsp_size;
};

/* The files that a certificate may stand in: `path` first, then those beside it that may hold its key and its OCSP
 * answer. Returns how many; names that are too long are left out. */
enum { CERT_FILES = 4 };
unsigned cert_files(const char *path, char names[CERT_FILES][PATH_MAX]);

/* NULL: `why` says what is wrong, in words to stand behind the path. */
struct cert *cert_read(const char *path, char why[CERT_WHY_MAX]);
struct cert *cert_use(struct cert *c);
void cert_drop(struct cert *c); /* NULL is allowed */

#endif

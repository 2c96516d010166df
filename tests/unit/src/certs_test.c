#include "certs.h"

#include <criterion/criterion.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- a folder with certificates of our own making --- */

static char folder[64];
static char said[512]; /* the last that was told */
static bool kept;

static void set_up(void)
{
	snprintf(folder, sizeof(folder), "/tmp/aegislb-certs.XXXXXX");
	cr_assert(mkdtemp(folder));
	said[0] = '\0';
}

static void tear_down(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	cr_assert_eq(system(command), 0);
}

TestSuite(certs, .init = set_up, .fini = tear_down);

static const char *in_folder(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

/* `names` as in "DNS:a.example,DNS:*.b.example"; NULL: none, and the common name alone. */
static X509 *make_cert(EVP_PKEY *key, const char *common, const char *names, long days)
{
	X509 *x = X509_new();
	X509_NAME *subject = X509_get_subject_name(x);

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -86400);
	X509_gmtime_adj(X509_getm_notAfter(x), days * 86400);
	X509_NAME_add_entry_by_txt(
		subject, "CN", MBSTRING_ASC, (const unsigned char *)common, -1, -1, 0);
	X509_set_issuer_name(x, subject);
	X509_set_pubkey(x, key);
	if (names) {
		X509_EXTENSION *e = X509V3_EXT_conf_nid(
			NULL, NULL, NID_subject_alt_name, (char *)(uintptr_t)names);

		X509_add_ext(x, e, -1);
		X509_EXTENSION_free(e);
	}
	cr_assert(X509_sign(x, key, EVP_sha256()) > 0);
	return x;
}

static void write_pem(const char *file, X509 *x, EVP_PKEY *key)
{
	FILE *out = fopen(in_folder(file), "w");

	cr_assert(out);
	if (x)
		PEM_write_X509(out, x);
	if (key)
		PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL);
	fclose(out);
}

static void put(const char *file, EVP_PKEY *key, const char *names)
{
	X509 *x = make_cert(key, file, names, 30);

	write_pem(file, x, key);
	X509_free(x);
}

static EVP_PKEY *ecdsa(void)
{
	return EVP_EC_gen("P-256");
}

static void say(void *arg, const char *path, const char *why, bool is_kept)
{
	(void)arg;
	snprintf(said, sizeof(said), "%s: %s", path, why);
	kept = is_kept;
}

static const char *paths[1];
static const struct config_tls conf = {.certificates = paths, .n_certificates = 1};

static struct certs *load(const struct certs *previous)
{
	char why[CERT_WHY_MAX];

	paths[0] = folder;
	return certs_load(&conf, previous, say, NULL, why);
}

/* --- handshakes in memory --- */

/* The file whose certificate a client gets who asks for `name`. */
static const char *served(struct certs *c, const char *name, const char *sigalgs)
{
	static char common[64];
	struct certs_now now = {c, NULL};
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *server = certs_ssl(c, &now), *client = SSL_new(ctx);
	BIO *ours, *theirs;
	X509 *x;

	cr_assert_eq(BIO_new_bio_pair(&ours, 0, &theirs, 0), 1);
	SSL_set_bio(server, ours, ours);
	SSL_set_bio(client, theirs, theirs);
	if (name)
		SSL_set_tlsext_host_name(client, name);
	if (sigalgs)
		cr_assert_eq(SSL_set1_sigalgs_list(client, sigalgs), 1);
	SSL_set_connect_state(client);
	for (int i = 0; i < 10 && !SSL_is_init_finished(server); i++) {
		SSL_do_handshake(client);
		SSL_do_handshake(server);
	}
	cr_assert(SSL_is_init_finished(server));
	x = SSL_get1_peer_certificate(client);
	X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, common, sizeof(common));
	X509_free(x);
	SSL_free(server);
	SSL_free(client);
	SSL_CTX_free(ctx);
	return common;
}

Test(certs, exact_name_beats_wildcard_and_others_get_the_first)
{
	EVP_PKEY *key = ecdsa();
	struct certs *c;

	put("a.pem", key, "DNS:first.example");
	put("b.pem", key, "DNS:*.site.example");
	put("c.pem", key, "DNS:www.site.example");
	c = load(NULL);
	cr_assert(c);
	cr_expect_str_eq(served(c, "www.site.example", NULL), "c.pem");
	cr_expect_str_eq(served(c, "WWW.Site.Example", NULL), "c.pem");
	cr_expect_str_eq(served(c, "api.site.example", NULL), "b.pem");
	cr_expect_str_eq(
		served(c, "a.b.site.example", NULL), "a.pem"); /* a wildcard is one label */
	cr_expect_str_eq(served(c, "site.example", NULL), "a.pem");
	cr_expect_str_eq(served(c, NULL, NULL), "a.pem");
	certs_drop(c);
	EVP_PKEY_free(key);
}

Test(certs, rsa_and_ecdsa_of_one_name_stand_side_by_side)
{
	EVP_PKEY *ec = ecdsa(), *rsa = EVP_RSA_gen(2048);
	struct certs *c;

	put("ec.pem", ec, "DNS:one.example");
	put("rsa.pem", rsa, "DNS:one.example");
	c = load(NULL);
	cr_assert(c);
	cr_expect_str_eq(served(c, "one.example", "rsa_pss_rsae_sha256"), "rsa.pem");
	cr_expect_str_eq(served(c, "one.example", "ecdsa_secp256r1_sha256"), "ec.pem");
	certs_drop(c);
	EVP_PKEY_free(ec);
	EVP_PKEY_free(rsa);
}

Test(certs, of_two_alike_the_one_that_lasts_longer_is_served)
{
	EVP_PKEY *key = ecdsa();
	X509 *x = make_cert(key, "long.pem", "DNS:one.example", 90);
	struct certs *c;

	put("a.pem", key, "DNS:one.example");
	write_pem("long.pem", x, key);
	X509_free(x);
	c = load(NULL);
	cr_assert(c);
	cr_expect_str_eq(served(c, "one.example", NULL), "long.pem");
	certs_drop(c);
	EVP_PKEY_free(key);
}

Test(certs, key_may_stand_beside_its_certificate)
{
	EVP_PKEY *key = ecdsa();
	X509 *x = make_cert(key, "a.pem", NULL, 30);
	struct certs *c;

	write_pem("a.pem", x, NULL);
	write_pem("a.key", NULL, key);
	X509_free(x);
	c = load(NULL);
	cr_assert(c, "%s", said);
	cr_expect(certs_cover(c, span_str("a.pem"))); /* the common name, for want of others */
	certs_drop(c);
	EVP_PKEY_free(key);
}

Test(certs, foreign_key_is_refused_with_the_reason)
{
	EVP_PKEY *key = ecdsa(), *other = ecdsa();
	X509 *x = make_cert(key, "a", "DNS:a.example", 30);

	write_pem("a.pem", x, other);
	X509_free(x);
	cr_expect_null(load(NULL));
	cr_expect(strstr(said, "a.pem: its key does not belong to its certificate"), "%s", said);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
}

Test(certs, files_without_certificate_or_key_are_refused_with_the_reason)
{
	EVP_PKEY *key = ecdsa();
	X509 *x = make_cert(key, "a", "DNS:a.example", 30);

	write_pem("a.pem", NULL, key);
	cr_expect_null(load(NULL));
	cr_expect(strstr(said, "it holds no certificate in PEM"), "%s", said);
	write_pem("a.pem", x, NULL);
	cr_expect_null(load(NULL));
	cr_expect(strstr(said, "it holds no key"), "%s", said);
	X509_free(x);
	EVP_PKEY_free(key);
}

Test(certs, broken_pair_is_served_as_it_was_and_told)
{
	EVP_PKEY *key = ecdsa(), *other = ecdsa();
	X509 *x = make_cert(key, "new", "DNS:a.example", 30);
	struct certs *before, *after;

	put("a.pem", key, "DNS:a.example");
	put("b.pem", key, "DNS:b.example");
	before = load(NULL);
	cr_assert(before);
	cr_expect_not(certs_are_stale(before));
	write_pem("a.pem", x, other);
	cr_expect(certs_are_stale(before));
	after = load(before);
	cr_assert(after);
	cr_expect(strstr(said, "a.pem") && kept, "%s", said);
	cr_expect_not(certs_are_stale(after)); /* told once, not every time */
	certs_drop(before);
	cr_expect_str_eq(served(after, "a.example", NULL), "a.pem");
	cr_expect_str_eq(served(after, "b.example", NULL), "b.pem");
	certs_drop(after);
	X509_free(x);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
}

Test(certs, files_that_come_and_go_are_noticed)
{
	EVP_PKEY *key = ecdsa();
	struct certs *before, *after;

	put("a.pem", key, "DNS:a.example");
	before = load(NULL);
	put("b.pem", key, "DNS:b.example");
	cr_expect(certs_are_stale(before));
	after = load(before);
	cr_expect_eq(certs_count(after), 2);
	cr_expect(certs_cover(after, span_str("b.example")));
	cr_assert_eq(unlink(in_folder("b.pem")), 0);
	cr_expect(certs_are_stale(after));
	certs_drop(before);
	certs_drop(after);
	EVP_PKEY_free(key);
}

#include "cert.h"

#include "base/hostname.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- files --- */

/* The order of cert_files(). */
enum { FILE_PEM, FILE_KEY_FIRST, FILE_KEY_LAST, FILE_OCSP };

unsigned cert_files(const char *path, char names[CERT_FILES][PATH_MAX])
{
	const char *dot = strrchr(path, '.');
	int n = (int)strlen(path), stem = dot && !strchr(dot, '/') ? (int)(dot - path) : n;

	snprintf(names[FILE_PEM], PATH_MAX, "%s", path);
	if (n + 6 > PATH_MAX)
		return 1;
	snprintf(names[FILE_KEY_FIRST], PATH_MAX, "%.*s.key", stem, path);
	snprintf(names[FILE_KEY_LAST], PATH_MAX, "%s.key", path);
	snprintf(names[FILE_OCSP], PATH_MAX, "%s.ocsp", path);
	return CERT_FILES;
}

/* The whole of a file, at most CERT_FILE_MAX; NULL: errno says why. What held a key is wiped by who frees it. */
static char *read_whole(const char *path, size_t *ret_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), error;
	struct stat st;
	char *text = NULL;
	size_t n = 0;
	ssize_t got = -1;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) < 0)
		goto out;
	errno = S_ISREG(st.st_mode) ? EFBIG : EINVAL;
	if (!S_ISREG(st.st_mode) || st.st_size > CERT_FILE_MAX)
		goto out;
	text = malloc(CERT_FILE_MAX + 1);
	if (!text)
		goto out;
	while ((got = read(fd, text + n, CERT_FILE_MAX + 1 - n)) > 0)
		n += (size_t)got;
out:
	error = errno;
	close(fd);
	if (got < 0) {
		free(text);
		errno = error;
		return NULL;
	}
	*ret_size = n;
	return text;
}

static void forget(char *text, size_t size)
{
	if (text)
		OPENSSL_cleanse(text, size);
	free(text);
}

static bool refuse(char why[CERT_WHY_MAX], const char *text)
{
	snprintf(why, CERT_WHY_MAX, "%s", text);
	return false;
}

static bool refuse_openssl(char why[CERT_WHY_MAX], const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	snprintf(
		why, CERT_WHY_MAX, "%s: %s", what, reason ? reason : "OpenSSL makes nothing of it");
	return false;
}

/* --- PEM --- */

static bool read_chain(struct cert *c, BIO *in, char why[CERT_WHY_MAX])
{
	X509 *x;

	c->leaf = PEM_read_bio_X509_AUX(in, NULL, NULL, NULL);
	if (!c->leaf)
		return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE
			       ? refuse(why, "it holds no certificate in PEM")
			       : refuse_openssl(why, "its certificate cannot be read");
	c->chain = sk_X509_new_null();
	if (!c->chain)
		return refuse(why, "out of memory");
	while ((x = PEM_read_bio_X509(in, NULL, NULL, NULL))) {
		if (sk_X509_push(c->chain, x) == 0) {
			X509_free(x);
			return refuse(why, "out of memory");
		}
	}
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return refuse_openssl(why, "its chain cannot be read");
	ERR_clear_error();
	return true;
}

/* Nobody is there to type a passphrase. */
static int no_passphrase(char *buf, int size, int writing, void *asked)
{
	(void)buf;
	(void)size;
	(void)writing;
	*(bool *)asked = true;
	return -1;
}

static EVP_PKEY *key_of(const char *text, size_t size, bool *ret_locked)
{
	BIO *in = BIO_new_mem_buf(text, (int)size);
	EVP_PKEY *key = in ? PEM_read_bio_PrivateKey(in, NULL, no_passphrase, ret_locked) : NULL;

	BIO_free(in);
	ERR_clear_error();
	return key;
}

static EVP_PKEY *key_in(const char *path, bool *ret_locked)
{
	size_t size;
	char *text = read_whole(path, &size);
	EVP_PKEY *key = text ? key_of(text, size, ret_locked) : NULL;

	forget(text, text ? size : 0);
	return key;
}

/* X.pem has its key in X.key or in X.pem.key. */
static EVP_PKEY *key_beside(const char *path, bool *ret_locked)
{
	char names[CERT_FILES][PATH_MAX];
	unsigned n = cert_files(path, names);
	EVP_PKEY *key = NULL;

	for (unsigned i = FILE_KEY_FIRST; i < n && i <= FILE_KEY_LAST && !key; i++)
		key = key_in(names[i], ret_locked);
	return key;
}

static bool read_key(struct cert *c, const char *text, size_t size, char why[CERT_WHY_MAX])
{
	bool locked = false;

	c->key = key_of(text, size, &locked);
	if (!c->key && !locked)
		c->key = key_beside(c->path, &locked);
	if (locked)
		return refuse(
			why, "its key is locked by a passphrase; take that off: openssl pkey");
	if (!c->key)
		return refuse(why, "it holds no key, and no file of the same name with the ending "
				   ".key does");
	if (X509_check_private_key(c->leaf, c->key) != 1) {
		ERR_clear_error();
		return refuse(why, "its key does not belong to its certificate");
	}
	return true;
}

/* --- names --- */

/* One DNS name as a certificate has it: a "*" stands for the whole first label or for nothing that we take. */
static char *normal_name(const unsigned char *text, int n)
{
	bool wild = n > 2 && text[0] == '*' && text[1] == '.';
	char normal[HOSTNAME_SIZE + 2] = "*.";

	if (wild) {
		text += 2;
		n -= 2;
	}
	if (n <= 0 || memchr(text, ':', (size_t)n) ||
		hostname_normalize(span_of(text, (size_t)n), normal + 2) < 0)
		return NULL;
	return strdup(wild ? normal : normal + 2);
}

static void add_name(struct cert *c, const ASN1_STRING *s)
{
	char *name = normal_name(ASN1_STRING_get0_data(s), ASN1_STRING_length(s));

	if (name)
		c->names[c->n_names++] = name;
}

static const ASN1_STRING *common_name(const X509_NAME *name)
{
	int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);

	return at >= 0 ? X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)) : NULL;
}

/* The alternative names; a certificate without any has its common name (RFC 6125 6.4.4). */
static bool read_names(struct cert *c, char why[CERT_WHY_MAX])
{
	GENERAL_NAMES *all = X509_get_ext_d2i(c->leaf, NID_subject_alt_name, NULL, NULL);
	int n = all ? sk_GENERAL_NAME_num(all) : 0;
	const ASN1_STRING *common = common_name(X509_get_subject_name(c->leaf));

	if (n > CERT_NAMES_MAX)
		n = CERT_NAMES_MAX;
	c->names = calloc((size_t)n + 1, sizeof(*c->names));
	for (int i = 0; c->names && i < n; i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(all, i);

		if (name->type == GEN_DNS)
			add_name(c, name->d.dNSName);
	}
	if (c->names && !all && common)
		add_name(c, common);
	GENERAL_NAMES_free(all);
	return c->names || refuse(why, "out of memory");
}

/* --- what operators ask --- */

static char *name_text(const X509_NAME *name)
{
	const ASN1_STRING *common = common_name(name);
	unsigned long flags = ASN1_STRFLGS_ESC_CTRL | ASN1_STRFLGS_UTF8_CONVERT;
	BIO *out = BIO_new(BIO_s_mem());
	char *bytes, *text = NULL;
	long n;

	if (!out)
		return NULL;
	if (common)
		ASN1_STRING_print_ex(out, common, flags);
	else
		X509_NAME_print_ex(out, name, 0, (XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB) | flags);
	n = BIO_get_mem_data(out, &bytes);
	if (n >= 0)
		text = strndup(bytes ? bytes : "", (size_t)n);
	BIO_free(out);
	return text;
}

static int64_t seconds_of(const ASN1_TIME *t)
{
	struct tm tm;

	return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static void describe_key(struct cert *c)
{
	char group[16] = "";
	const char *curve = group;

	switch (EVP_PKEY_get_base_id(c->key)) {
	case EVP_PKEY_RSA:
	case EVP_PKEY_RSA_PSS:
		c->kind = CERT_RSA;
		snprintf(c->key_type, sizeof(c->key_type), "RSA %d", EVP_PKEY_get_bits(c->key));
		return;
	case EVP_PKEY_EC:
		EVP_PKEY_get_group_name(c->key, group, sizeof(group), NULL);
		if (strcmp(group, "prime256v1") == 0)
			curve = "P-256";
		else if (strcmp(group, "secp384r1") == 0)
			curve = "P-384";
		snprintf(c->key_type, sizeof(c->key_type), "ECDSA %s", curve);
		break;
	default:
		snprintf(c->key_type, sizeof(c->key_type), "%s",
			OBJ_nid2sn(EVP_PKEY_get_base_id(c->key)));
	}
	c->kind = CERT_ECDSA;
}

static bool describe(struct cert *c, char why[CERT_WHY_MAX])
{
	c->subject = name_text(X509_get_subject_name(c->leaf));
	c->issuer = name_text(X509_get_issuer_name(c->leaf));
	c->not_before = seconds_of(X509_get0_notBefore(c->leaf));
	c->not_after = seconds_of(X509_get0_notAfter(c->leaf));
	describe_key(c);
	ERR_clear_error();
	return (c->subject && c->issuer) || refuse(why, "out of memory");
}

/* Without the file, or with one that cannot be read, nothing is stapled. */
static void read_ocsp(struct cert *c)
{
	char names[CERT_FILES][PATH_MAX];

	if (cert_files(c->path, names) > FILE_OCSP)
		c->ocsp = (uint8_t *)read_whole(names[FILE_OCSP], &c->ocsp_size);
	if (c->ocsp && (c->ocsp_size == 0 || c->ocsp_size > UINT16_MAX)) {
		free(c->ocsp);
		c->ocsp = NULL;
	}
}

/* --- life --- */

static bool parse(struct cert *c, const char *text, size_t size, char why[CERT_WHY_MAX])
{
	BIO *in = BIO_new_mem_buf(text, (int)size);
	bool ok = in ? read_chain(c, in, why) : refuse(why, "out of memory");

	BIO_free(in);
	ok = ok && read_key(c, text, size, why) && read_names(c, why) && describe(c, why);
	ERR_clear_error();
	return ok;
}

struct cert *cert_read(const char *path, char why[CERT_WHY_MAX])
{
	struct cert *c = calloc(1, sizeof(*c));
	char *text;
	size_t size;

	refuse(why, "out of memory");
	if (!c)
		return NULL;
	c->users = 1;
	c->path = strdup(path);
	text = c->path ? read_whole(path, &size) : NULL;
	if (!text && c->path)
		refuse(why, errno == EINVAL ? "it is no regular file" : strerror(errno));
	if (!text || !parse(c, text, size, why)) {
		if (text)
			forget(text, size);
		cert_drop(c);
		return NULL;
	}
	forget(text, size);
	read_ocsp(c);
	return c;
}

struct cert *cert_use(struct cert *c)
{
	c->users++;
	return c;
}

void cert_drop(struct cert *c)
{
	if (!c || --c->users > 0)
		return;
	for (size_t i = 0; i < c->n_names; i++)
		free(c->names[i]);
	free(c->names);
	free(c->subject);
	free(c->issuer);
	free(c->ocsp);
	X509_free(c->leaf);
	sk_X509_pop_free(c->chain, X509_free);
	EVP_PKEY_free(c->key);
	free(c->path);
	free(c);
}

#include "config/tls.h"

#include "certs.h"
#include "config/value.h"

#include <openssl/err.h>
#include <string.h>

enum { CERTIFICATES_MAX = 10000, PATH_TEXT_MAX = 4095, CIPHERS_MAX = 4096, ALPN_MAX = 16 };

/* What browsers of the last ten years speak, with forward secrecy and authenticated encryption (RFC 9325 4.2). */
static const char modern_ciphers[] =
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
	"ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const uint8_t default_alpn[] = "\x02h2\x08http/1.1";

static const struct config_word version_words[] = {
	{"1.2", TLS_1_2},
	{"1.3", TLS_1_3},
	{0},
};

static const struct config_word ticket_words[] = {
	{"off", TICKETS_OFF},
	{"local", TICKETS_LOCAL},
	{"cluster", TICKETS_CLUSTER},
	{0},
};

/* --- single keys --- */

#define CERTIFICATE_EXPECTED                                                                       \
	"the path of a PEM file or of a folder of them such as \"/etc/aegislb/certs\""

static void read_certificate(struct config_reader *r, const config_setting_t *s, void *to)
{
	const char *path = config_read_text(r, s, PATH_TEXT_MAX, CERTIFICATE_EXPECTED);

	if (path && path[0] != '/')
		config_error_found(r, s, CERTIFICATE_EXPECTED);
	else if (path)
		memcpy(to, &path, sizeof(path));
}

static bool are_ciphers(const char *text)
{
	SSL_CTX *ssl = SSL_CTX_new(TLS_server_method());
	bool ok = !ssl || SSL_CTX_set_cipher_list(ssl, text) == 1;

	SSL_CTX_free(ssl);
	ERR_clear_error();
	return ok;
}

static void read_ciphers(struct config_reader *r, const config_setting_t *s, void *to)
{
	static const char expected[] =
		"names of TLS 1.2 ciphers in OpenSSL's spelling with \":\" between them; "
		"\"openssl ciphers -v\" lists them";
	const char *text = config_read_text(r, s, CIPHERS_MAX, expected);

	if (text && are_ciphers(text))
		memcpy(to, &text, sizeof(text));
	else if (text)
		config_error_found(r, s, expected);
}

/* To one element of an array of texts. */
static void read_protocol(struct config_reader *r, const config_setting_t *s, void *to)
{
	const char *text = config_setting_get_string(s);

	if (text && (strcmp(text, "http/1.1") == 0 || strcmp(text, "h2") == 0))
		memcpy(to, &text, sizeof(text));
	else
		config_error_found(r, s, "\"h2\" or \"http/1.1\"");
}

/* What the file says: the protocols are put into one text when all are known. */
struct tls_text {
	struct config_tls tls;
	const char **protocols;
	size_t n_protocols;
};

static const struct config_key tls_keys[] = {
	{.name = "certificates",
		.type = CONFIG_LIST,
		.read = read_certificate,
		.required = true,
		.min = 1,
		.max = CERTIFICATES_MAX,
		.expected = "a list of PEM files and folders such as [\"/etc/aegislb/certs\"]",
		CONFIG_ELEMENTS(tls_text, tls.certificates, tls.n_certificates)},
	CONFIG_KEY_CHOICE("min_version", tls_text, tls.min_version, version_words),
	CONFIG_KEY_OWN("ciphers", tls_text, tls.ciphers, read_ciphers),
	{.name = "alpn",
		.type = CONFIG_LIST,
		.read = read_protocol,
		.max = ALPN_MAX,
		.expected = "a list of protocols such as [\"h2\", \"http/1.1\"]",
		CONFIG_ELEMENTS(tls_text, protocols, n_protocols)},
	CONFIG_KEY_DURATION("hsts", tls_text, tls.hsts_ms, 0, CONFIG_DURATION_MAX_MS),
	CONFIG_KEY_CHOICE("session_tickets", tls_text, tls.session_tickets, ticket_words),
	{0},
};

/* One byte of length before each name (RFC 7301 3.1). */
static void join_protocols(struct config_reader *r, struct tls_text *text)
{
	uint8_t *wire = arena_alloc(r->config->arena, ALPN_MAX * 256);
	size_t n = 0;

	for (size_t i = 0; i < text->n_protocols; i++) {
		size_t length = strlen(text->protocols[i]);

		wire[n++] = (uint8_t)length;
		memcpy(wire + n, text->protocols[i], length);
		n += length;
	}
	text->tls.alpn = wire;
	text->tls.alpn_size = n;
}

/* --- the certificates --- */

struct place {
	struct config_reader *reader;
	const config_setting_t *setting;
};

static void say(void *arg, const char *path, const char *why, bool kept)
{
	const struct place *at = arg;
	char quoted[CONFIG_QUOTED_MAX];

	(void)kept;
	config_error(at->reader, at->setting,
		"%s: %s; expected a certificate, its chain and its key in PEM",
		config_quoted(path, quoted), why);
}

static void load(struct config_reader *r, const config_setting_t *s, struct config_tls *tls)
{
	struct place at = {r, config_setting_get_member(s, "certificates")};
	char why[CERT_WHY_MAX];

	tls->certs = certs_load(tls, NULL, say, &at, why);
	if (!tls->certs && why[0])
		config_error(r, at.setting, "%s", why);
}

void config_read_tls(struct config_reader *r, const config_setting_t *s, void *to)
{
	struct config_tls *tls = arena_alloc(r->config->arena, sizeof(*tls));
	struct tls_text text = {
		.tls = {.min_version = TLS_1_2,
			.ciphers = modern_ciphers,
			.session_tickets = TICKETS_LOCAL},
	};
	size_t errors = r->errors->n_errors;
	const struct config_tls *made = tls;

	config_read_group(r, s, tls_keys, &text);
	if (r->errors->n_errors > errors)
		return; /* a list may have holes where an element was refused */
	if (config_setting_get_member(s, "alpn")) {
		join_protocols(r, &text);
	} else {
		text.tls.alpn = default_alpn;
		text.tls.alpn_size = sizeof(default_alpn) - 1;
	}
	*tls = text.tls;
	memcpy(to, &made, sizeof(made));
	load(r, s, tls);
}

#include "config-build.h"

#include "control/probe_plan.h"

#include "http/get.h"
#include "proxyproto/proxyproto.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>

static bool has_tls(const struct config_health *h)
{
	return h->type == HEALTH_TLS || h->type == HEALTH_HTTPS;
}

static bool has_http(const struct config_health *h)
{
	return h->type == HEALTH_HTTP || h->type == HEALTH_HTTPS;
}

/* --- TLS --- */

static bool set_tls_options(SSL_CTX *tls, const struct config_health *h)
{
	static const unsigned char http1[] = "\x08http/1.1";

	/* every check is a whole handshake, and a close without close_notify is no error of the server's */
	SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(tls, SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (has_http(h) && SSL_CTX_set_alpn_protos(tls, http1, sizeof(http1) - 1) != 0)
		return false;
	if (!h->ca)
		return true;
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
	return SSL_CTX_load_verify_file(tls, h->ca) == 1;
}

static bool open_tls(struct probe_plan *plan)
{
	plan->tls = SSL_CTX_new(TLS_client_method());
	if (plan->tls && set_tls_options(plan->tls, plan->health))
		return true;
	probe_plan_close(plan);
	return false;
}

static bool is_ip(const char *text)
{
	struct addr ip;

	return addr_parse_ip(text, &ip);
}

static bool set_expected_name(SSL *ssl, const struct probe_plan *plan, const struct addr *addr)
{
	const char *host = plan->health->host;
	char text[ADDR_TEXT_MAX];

	if (!plan->health->ca)
		return true;
	if (plan->name)
		return SSL_set1_host(ssl, plan->name) == 1;
	return X509_VERIFY_PARAM_set1_ip_asc(
		       SSL_get0_param(ssl), host ? host : addr_format_ip(addr, text)) == 1;
}

SSL *probe_plan_ssl(const struct probe_plan *plan, const struct addr *addr)
{
	SSL *ssl = SSL_new(plan->tls);

	if (ssl && (!plan->name || SSL_set_tlsext_host_name(ssl, plan->name) == 1) &&
		set_expected_name(ssl, plan, addr)) {
		SSL_set_connect_state(ssl);
		return ssl;
	}
	SSL_free(ssl);
	return NULL;
}

/* --- what is sent --- */

size_t probe_plan_proxy_header(const struct probe_plan *plan, char buf[PROBE_REQUEST_MAX])
{
	switch (plan->proxy) {
	case PROXY_V1:
		return proxyproto_write_v1_unknown(buf, PROBE_REQUEST_MAX);
	case PROXY_V2:
		return proxyproto_write_v2_local(buf, PROBE_REQUEST_MAX);
	case PROXY_OFF:
		break;
	}
	return 0;
}

size_t probe_plan_request(
	const struct probe_plan *plan, const struct addr *addr, char buf[PROBE_REQUEST_MAX])
{
	char text[ADDR_TEXT_MAX];
	struct http_get get = {
		.path = span_str(plan->health->path),
		.host = span_str(plan->health->host ? plan->health->host : addr_format(addr, text)),
		.agent = span_str("aegislb/" PACKAGE_VERSION),
	};

	return has_http(plan->health) ? http_get_write(&get, buf, PROBE_REQUEST_MAX) : 0;
}

bool probe_plan_expects(const struct probe_plan *plan, unsigned status)
{
	const struct config_health *h = plan->health;

	for (size_t i = 0; i < h->n_expect; i++)
		if (status >= h->expect[i].from && status <= h->expect[i].to)
			return true;
	return false;
}

struct addr probe_plan_addr(
	const struct probe_plan *plan, const struct addr *server, uint16_t health_port)
{
	struct addr addr = *server;

	if (health_port)
		addr.port = health_port;
	else if (plan->health->port)
		addr.port = plan->health->port;
	return addr;
}

/* --- life --- */

bool probe_plan_open(
	struct probe_plan *plan, const struct config_backend *b, char *why, size_t why_size)
{
	static const struct addr example = {.family = AF_INET, .port = 65535};
	const struct config_health *h = &b->health;
	char request[PROBE_REQUEST_MAX];

	*plan = (struct probe_plan){.health = h, .proxy = b->proxy_protocol};
	plan->h2c = h->type == HEALTH_HTTP && b->protocol == PROTOCOL_H2C;
	if (h->host && !is_ip(h->host))
		plan->name = h->host;
	if (has_http(h) && probe_plan_request(plan, &example, request) == 0) {
		snprintf(why, why_size, "backend %s: health.path %s cannot be asked for", b->name,
			h->path);
		return false;
	}
	if (has_tls(h) && !open_tls(plan)) {
		const char *reason = ERR_reason_error_string(ERR_peek_last_error());

		snprintf(why, why_size, "backend %s: health.ca %s: %s", b->name, h->ca ? h->ca : "",
			reason ? reason : "out of memory");
		ERR_clear_error();
		return false;
	}
	return true;
}

static bool text_eq(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool expect_eq(const struct config_health *a, const struct config_health *b)
{
	return a->n_expect == b->n_expect &&
	       (a->n_expect == 0 ||
		       memcmp(a->expect, b->expect, a->n_expect * sizeof(a->expect[0])) == 0);
}

bool probe_plan_eq(const struct probe_plan *a, const struct probe_plan *b)
{
	const struct config_health *x = a->health, *y = b->health;

	return a->proxy == b->proxy && x->type == y->type && text_eq(x->path, y->path) &&
	       text_eq(x->host, y->host) && text_eq(x->ca, y->ca) && expect_eq(x, y) &&
	       x->interval_ms == y->interval_ms && x->timeout_ms == y->timeout_ms &&
	       x->port == y->port;
}

void probe_plan_close(struct probe_plan *plan)
{
	SSL_CTX_free(plan->tls);
	plan->tls = NULL;
}

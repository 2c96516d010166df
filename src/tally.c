#include "tally.h"

#include <stdlib.h>

const struct end_reason_text end_reasons[END_REASONS] = {
	[END_CLIENT_CLOSED] = {"CD", "client_closed", "client closed"},
	[END_SERVER_CLOSED] = {"SD", "server_closed", "server closed"},
	[END_CLIENT_RESET] = {"CR", "client_reset", "client reset the connection"},
	[END_SERVER_RESET] = {"SR", "server_reset", "server reset the connection"},
	[END_IDLE_TIMEOUT] = {"TI", "idle_timeout", "idle for too long"},
	[END_HALF_CLOSE_TIMEOUT] = {"TF", "half_close_timeout", "half closed for too long"},
	[END_HELLO_TIMEOUT] = {"TH", "hello_timeout", "no whole ClientHello in time"},
	[END_HELLO_CLOSED] = {"CH", "hello_closed", "client left before its ClientHello was whole"},
	[END_HELLO_NOT_TLS] = {"HN", "not_tls", "not TLS"},
	[END_HELLO_MALFORMED] = {"HM", "hello_malformed", "malformed ClientHello"},
	[END_HELLO_TOO_LARGE] = {"HL", "hello_too_large", "ClientHello too large"},
	[END_NO_NAME] = {"RN", "no_name", "no server name in the ClientHello"},
	[END_NO_ROUTE] = {"RR", "no_route", "no route for the name"},
	[END_PROXY_MISSING] = {"PN", "proxy_missing", "PROXY header required from this source"},
	[END_PROXY_MALFORMED] = {"PM", "proxy_malformed", "malformed PROXY header"},
	[END_PROXY_REFUSED] = {"PR", "proxy_refused", "PROXY header not accepted from this source"},
	[END_LIMIT_PER_SOURCE] = {"LS", "limit_per_source",
		"too many connections from this source"},
	[END_LIMIT_RATE] = {"LR", "limit_rate", "too many new connections from this source"},
	[END_BANNED] = {"LB", "banned", "banned source"},
	[END_NO_SERVER] = {"SN", "no_server", "no server available"},
	[END_SERVERS_FULL] = {"SQ", "servers_full", "all servers full"},
	[END_QUEUE_FULL] = {"SF", "queue_full", "all servers full, and their queue too"},
	[END_CONNECT_FAILED] = {"SC", "connect_failed", "no server could be connected"},
	[END_CONNECT_TIMEOUT] = {"ST", "connect_timeout",
		"connecting to the servers took too long"},
	[END_SERVER_SHUTDOWN] = {"KS", "server_shutdown", "closed for its server"},
	[END_STOPPING] = {"KT", "stopping", "closed by the stop"},
	[END_NO_MEMORY] = {"RM", "no_memory", "out of memory"},
	[END_NO_DESCRIPTORS] = {"RD", "no_descriptors", "out of descriptors"},
	[END_ANSWERED] = {"--", "answered", "answered"},
	[END_REQUEST_TIMEOUT] = {"TQ", "request_timeout", "no whole request in time"},
	[END_REQUEST_CLOSED] = {"CQ", "request_closed", "client left before its request was whole"},
	[END_REQUEST_MALFORMED] = {"QM", "request_malformed", "malformed request"},
	[END_REQUEST_TOO_LARGE] = {"QL", "request_too_large", "request too large"},
	[END_REQUEST_UNSUPPORTED] = {"QU", "request_unsupported",
		"request for something not supported"},
	[END_CLIENT_FLOOD] = {"QF", "client_flood", "too many frames that ask for nothing"},
	[END_LIMIT_REQUESTS] = {"LQ", "limit_requests", "too many requests"},
	[END_ANSWER_TIMEOUT] = {"TS", "answer_timeout", "no answer of the server in time"},
	[END_ANSWER_MALFORMED] = {"SM", "answer_malformed", "malformed answer of the server"},
	[END_UNAUTHORIZED] = {"RU", "unauthorized", "no user of the route, or a wrong password"},
	[END_LIMIT_PASSWORDS] = {"LP", "limit_passwords", "too many passwords to verify"},
	[END_SOURCE_REFUSED] = {"RS", "source_refused", "source not allowed on the route"},
	[END_MISDIRECTED] = {"RX", "misdirected",
		"the request is for a name that the connection's certificate has not"},
	[END_TLS_TIMEOUT] = {"TS", "tls_timeout", "no whole TLS handshake in time"},
	[END_TLS_CLOSED] = {"XC", "tls_closed", "client left during the TLS handshake"},
	[END_TLS_RESET] = {"XR", "tls_reset",
		"client reset the connection during the TLS handshake"},
	[END_TLS_VERSION] = {"XV", "tls_version", "client speaks no TLS version allowed here"},
	[END_TLS_NOTHING_SHARED] = {"XS", "tls_nothing_shared",
		"no cipher, group or signature in common with the client"},
	[END_TLS_CLIENT_ALERT] = {"XA", "tls_client_alert",
		"client refused the TLS handshake, perhaps the certificate"},
	[END_TLS_FAILED] = {"XF", "tls_failed", "TLS handshake failed"},
};

uint64_t tally_bucket_limit_us(unsigned i)
{
	return 64ull << i;
}

void tally_observe(struct tally_histogram *h, uint64_t us)
{
	unsigned i = us < 64 ? 0 : 64 - (unsigned)__builtin_clzll(us >> 6);

	tally_add(&h->bucket[i < TALLY_BUCKETS ? i : TALLY_BUCKETS - 1], 1);
	tally_add(&h->count, 1);
	tally_add(&h->sum_us, us);
}

struct tally *tally_new(uint32_t n_listeners, uint32_t n_backends, uint32_t max_servers)
{
	struct tally *t = aligned_alloc(alignof(struct tally), sizeof(*t));

	if (!t)
		return NULL;
	*t = (struct tally){
		.n_listeners = n_listeners, .n_backends = n_backends, .max_servers = max_servers};
	t->listeners = calloc(n_listeners + 1, sizeof(*t->listeners));
	t->backends = calloc(n_backends + 1, sizeof(*t->backends));
	t->servers = calloc(max_servers + 1, sizeof(*t->servers));
	if (!t->listeners || !t->backends || !t->servers) {
		tally_free(t);
		return NULL;
	}
	return t;
}

void tally_free(struct tally *t)
{
	if (!t)
		return;
	free(t->listeners);
	free(t->backends);
	free(t->servers);
	free(t);
}

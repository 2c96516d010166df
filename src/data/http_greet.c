#include "data/http2.h"
#include "data/http_conn_inside.h"
#include "data/proxy_header.h"
#include "data/tls.h"

/* The first of what the client itself says. */
enum http_step http_greet_first(const struct http_conn *c)
{
	return http_conn_listener(c)->tls ? HTTP_STEP_TLS : HTTP_STEP_HEAD;
}

/* --- the PROXY header --- */

/* The client is who the header says, and meets its limits as such. */
static enum http_step believe(struct http_conn *c, const struct proxyproto *header)
{
	enum end_reason refused;
	bool counted;

	if (proxy_header_names(header)) {
		c->client = proxy_header_addr(&header->source);
		c->local = proxy_header_addr(&header->destination);
	}
	http_buffer_take(http_conn_pool(c), &c->in, header->consumed);
	refused = listener_admit(c->worker, c->listener, &c->client, &counted);
	c->counts_source = counted;
	return refused == END_REASONS ? http_greet_first(c) : http_conn_finish(c, refused);
}

enum http_step http_greet_proxy(struct http_conn *c)
{
	for (;;) {
		struct proxyproto header;

		switch (http_conn_read(c)) {
		case HTTP_GOT_NOTHING:
			return http_conn_wait(c, false);
		case HTTP_GOT_END:
		case HTTP_GOT_RESET:
			return http_conn_finish(c, END_HELLO_CLOSED);
		case HTTP_GOT_NO_MEMORY:
			return http_conn_finish(c, END_NO_MEMORY);
		case HTTP_GOT_BYTES:
			break;
		}
		switch (proxyproto_parse(http_buffer_held(c->in), &header)) {
		case PROXYPROTO_DONE:
			return believe(c, &header);
		case PROXYPROTO_MORE:
			break;
		case PROXYPROTO_NONE:
			return http_conn_finish(c, END_PROXY_MISSING);
		case PROXYPROTO_MALFORMED:
			return http_conn_finish(c, END_PROXY_MALFORMED);
		}
	}
}

/* --- TLS, where the listener terminates it --- */

/* For a person with a browser or curl; what else is no TLS cannot read an alert either. */
static const char plain_answer[] = "HTTP/1.1 400 Bad Request\r\n"
				   "Content-Type: text/plain; charset=utf-8\r\n"
				   "Content-Length: 45\r\n"
				   "Connection: close\r\n\r\n"
				   "This port speaks TLS: ask again with https://";

/* Lingers, so that the client reads the alert before it is reset. */
static enum http_step refuse_tls(struct http_conn *c, enum end_reason reason)
{
	if (reason == END_TLS_CLOSED || reason == END_TLS_RESET || reason == END_NO_MEMORY)
		return http_conn_finish(c, reason);
	link_unsecure(&c->link);
	if (reason == END_HELLO_NOT_TLS)
		link_send(&c->link, span_str(plain_answer));
	link_end(&c->link);
	c->reason = (uint8_t)reason;
	http_conn_set_deadline(c, HTTP_LINGER_MS);
	return HTTP_STEP_LINGER;
}

static enum http_step begin_protocol(struct http_conn *c)
{
	if (!span_eq(link_alpn(&c->link), span_str("h2")))
		return HTTP_STEP_HEAD;
	return http2_begin(c) ? HTTP_STEP_HTTP2 : http_conn_finish(c, END_NO_MEMORY);
}

enum http_step http_greet_tls(struct http_conn *c)
{
	enum end_reason reason;

	if (!c->link.tls) {
		struct span first = http_buffer_held(c->in);

		const struct tls_place at = {c->listener, c->pin};

		if (!link_secure(&c->link, c->worker, &at, first))
			return http_conn_finish(c, END_NO_MEMORY);
		http_buffer_drop(http_conn_pool(c), &c->in);
	}
	switch (link_handshake(&c->link, &reason)) {
	case LINK_READY:
		return begin_protocol(c);
	case LINK_WAITS:
		return http_conn_wait(c, c->link.blocked);
	case LINK_FAILED:
		break;
	}
	return refuse_tls(c, reason);
}

#include "http/field.h"

#include "http/bytes.h"

enum { NAME_MAX_LEN = 25 };

static const struct known {
	const char *name;
	size_t n;
} known[HTTP_FIELD_IDS] = {
#define NAME(text)                                                                                 \
	{                                                                                          \
		(text), sizeof(text) - 1                                                           \
	}
	[HTTP_ACCEPT_ENCODING] = NAME("accept-encoding"),
	[HTTP_AUTHORIZATION] = NAME("authorization"),
	[HTTP_CONNECTION] = NAME("connection"),
	[HTTP_CONTENT_ENCODING] = NAME("content-encoding"),
	[HTTP_CONTENT_LENGTH] = NAME("content-length"),
	[HTTP_CONTENT_TYPE] = NAME("content-type"),
	[HTTP_COOKIE] = NAME("cookie"),
	[HTTP_DATE] = NAME("date"),
	[HTTP_EXPECT] = NAME("expect"),
	[HTTP_FORWARDED] = NAME("forwarded"),
	[HTTP_HOST] = NAME("host"),
	[HTTP_HTTP2_SETTINGS] = NAME("http2-settings"),
	[HTTP_KEEP_ALIVE] = NAME("keep-alive"),
	[HTTP_PROXY_CONNECTION] = NAME("proxy-connection"),
	[HTTP_STRICT_TRANSPORT_SECURITY] = NAME("strict-transport-security"),
	[HTTP_TE] = NAME("te"),
	[HTTP_TRAILER] = NAME("trailer"),
	[HTTP_TRANSFER_ENCODING] = NAME("transfer-encoding"),
	[HTTP_UPGRADE] = NAME("upgrade"),
	[HTTP_USER_AGENT] = NAME("user-agent"),
	[HTTP_X_FORWARDED_FOR] = NAME("x-forwarded-for"),
	[HTTP_X_FORWARDED_HOST] = NAME("x-forwarded-host"),
	[HTTP_X_FORWARDED_PORT] = NAME("x-forwarded-port"),
	[HTTP_X_FORWARDED_PROTO] = NAME("x-forwarded-proto"),
	[HTTP_X_REAL_IP] = NAME("x-real-ip"),
	[HTTP_X_REQUEST_ID] = NAME("x-request-id"),
#undef NAME
};

/* The first byte with its case dropped, and the length, tell nearly all apart. */
enum http_field_id http_field_id(struct span name)
{
	uint8_t first;

	if (name.n < 2 || name.n > NAME_MAX_LEN)
		return HTTP_OTHER;
	first = http_lower(name.p[0]);
	for (unsigned id = HTTP_OTHER + 1; id < HTTP_FIELD_IDS; id++)
		if (known[id].n == name.n && (uint8_t)known[id].name[0] == first &&
			http_same(name, span_of(known[id].name, known[id].n)))
			return (enum http_field_id)id;
	return HTTP_OTHER;
}

bool http_field_is_disguised(struct span name)
{
	uint8_t plain[NAME_MAX_LEN];

	if (name.n > NAME_MAX_LEN || !memchr(name.p, '_', name.n))
		return false;
	for (size_t i = 0; i < name.n; i++)
		plain[i] = name.p[i] == '_' ? '-' : name.p[i];
	return http_field_id(span_of(plain, name.n)) != HTTP_OTHER;
}

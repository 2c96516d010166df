/* Header fields that a proxy acts on, known by a number once and compared as such afterwards.
 * Pure; any thread. */
#ifndef HTTP_FIELD_H
#define HTTP_FIELD_H

#include "base/span.h"

enum http_field_id {
	HTTP_OTHER, /* passed on as it is */
	HTTP_ACCEPT_ENCODING,
	HTTP_AUTHORIZATION,
	HTTP_CONNECTION,
	HTTP_CONTENT_ENCODING,
	HTTP_CONTENT_LENGTH,
	HTTP_CONTENT_TYPE,
	HTTP_COOKIE,
	HTTP_DATE,
	HTTP_EXPECT,
	HTTP_FORWARDED,
	HTTP_HOST,
	HTTP_HTTP2_SETTINGS,
	HTTP_KEEP_ALIVE,
	HTTP_PROXY_CONNECTION,
	HTTP_STRICT_TRANSPORT_SECURITY,
	HTTP_TE,
	HTTP_TRAILER,
	HTTP_TRANSFER_ENCODING,
	HTTP_UPGRADE,
	HTTP_USER_AGENT,
	HTTP_X_FORWARDED_FOR,
	HTTP_X_FORWARDED_HOST,
	HTTP_X_FORWARDED_PORT,
	HTTP_X_FORWARDED_PROTO,
	HTTP_X_REAL_IP,
	HTTP_X_REQUEST_ID,
	HTTP_FIELD_IDS
};

enum http_field_id http_field_id(struct span name);

/* One that is known, but with a '_' where it has a '-': servers that speak CGI take both for the same,
 * so that it would get past whatever is done with the real one. */
bool http_field_is_disguised(struct span name);

#endif

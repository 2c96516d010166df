/* Writes the GET request of a health check (RFC 9112 3 and 5): one request, one answer, then the
 * connection closes. Pure, no allocation; any thread. */
#ifndef HTTP_GET_H
#define HTTP_GET_H

#include "base/span.h"

/* Bytes of a request; a buffer of this size takes any that is not refused. */
enum { HTTP_GET_MAX = 4096 };

enum http_get_status {
	HTTP_GET_OK = 0,
	HTTP_GET_BAD_PATH = -1,	 /* does not begin with '/', or holds what ends or forges a line */
	HTTP_GET_BAD_HOST = -2,	 /* empty, or holds what no host or port does */
	HTTP_GET_BAD_AGENT = -3, /* empty, or holds a control byte */
	HTTP_GET_TOO_LONG = -4,	 /* above HTTP_GET_MAX */
};

struct http_get {
	struct span path;  /* with its query, if any: "/health?full=1" */
	struct span host;  /* "example.com", "10.0.0.1:8080", "[2001:db8::1]" */
	struct span agent; /* the User-Agent: "product/1.0" */
};

/* Whether the request can be written; for configurations, long before it is. */
enum http_get_status http_get_check(const struct http_get *get);

/* What is wrong with a refused request. */
const char *http_get_strerror(enum http_get_status status);

/* Writes a request that http_get_check() takes; returns its length, 0 if it is refused or does not
 * fit. */
size_t http_get_write(const struct http_get *get, void *buf, size_t size);

#endif

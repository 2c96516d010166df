/* Judges the head of a request: what is asked of whom, and where the message ends. Everything that two
 * servers in a row could understand differently is refused (RFC 9112 3.2, 6 and 11). Pure, no
 * allocation; any thread.
 *
 * Refused among others: Content-Length beside Transfer-Encoding, more than one of either, a length that
 * is not plain digits, a coding other than one "chunked", any coding in HTTP/1.0, no Host or more than
 * one in HTTP/1.1, a Host that differs from an absolute target's, CONNECT. */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include "http/authority.h"
#include "http/body.h"
#include "http/head.h"

enum http_method {
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_PUT,
	HTTP_DELETE,
	HTTP_OPTIONS,
	HTTP_TRACE,
	HTTP_CONNECT,
	HTTP_OTHER_METHOD,
};

/* Spans point into the head. */
struct http_request {
	enum http_method method;
	struct span method_text;
	struct span authority;	    /* as sent, with its port; empty: HTTP/1.0 without Host */
	struct http_authority host; /* the same, taken apart */
	struct span path;	    /* begins with '/', without the query; "*" of OPTIONS */
	struct span query;	    /* with its '?'; empty: none */
	struct http_body body;
	bool has_length;       /* a Content-Length was sent, perhaps of 0 */
	struct span upgrade;   /* protocols asked for, where that can be granted; else empty */
	bool wants_trailers;   /* TE: trailers */
	bool expects_continue; /* waits for "100 Continue" before the body */
	bool keeps_alive;      /* may ask again on this connection */
	uint8_t minor;
};

/* 0, or the status that refuses it; *ret_error then says why. */
unsigned http_request_judge(const struct http_head *h, struct span bytes, struct http_request *ret,
	const char **ret_error);

/* The same twice does no more than once (RFC 9110 9.2.2). */
bool http_method_is_idempotent(enum http_method method);

#endif

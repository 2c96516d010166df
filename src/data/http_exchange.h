/* One request and its answer. Finds the route, and has it answered: by ourselves (http_answer.h) or, in
 * time, by a server. Knows neither how the client's connection is secured nor how its messages are
 * framed. Lives in a pooled buffer. owner: worker. */
#ifndef DATA_HTTP_EXCHANGE_H
#define DATA_HTTP_EXCHANGE_H

#include "access.h"
#include "data/http_conn.h"
#include "http/request.h"

/* What the access log tells of a request, kept beyond its head. */
struct http_log_text {
	uint8_t host_len, method_len;
	uint16_t path_len, agent_len;
	uint8_t bytes[ACCESS_NAME_MAX + ACCESS_METHOD_MAX + ACCESS_PATH_MAX + ACCESS_AGENT_MAX];
};

struct http_exchange {
	struct http_conn *conn;
	struct mono started;	     /* the first byte of the request was here */
	struct http_request request; /* its spans are good until the head is taken off conn->in */
	struct http_buffer *out;     /* for the client */
	struct span rest;	     /* for the client behind that: of the configuration */
	uint64_t bytes_in, bytes_out;
	uint32_t first_byte_us; /* since `started` */
	uint32_t server_id;	/* UINT32_MAX: none */
	uint16_t backend;	/* UINT16_MAX: none */
	int16_t route;
	uint16_t status; /* of the answer; 0: none yet */
	uint8_t reason;	 /* enum end_reason, as far as it is known */
	bool is_request; /* the head was read and taken */
	struct http_log_text log;
	struct http_head head;
};

/* NULL: out of memory. */
struct http_exchange *http_exchange_new(struct http_conn *c);
void http_exchange_free(struct http_exchange *x);

/* The head is read: judges it and begins to answer. Takes it off conn->in. */
void http_exchange_begin(struct http_exchange *x);

/* Answers with an error of this status; `why`, a static text, is told to the client. */
void http_exchange_refuse(
	struct http_exchange *x, unsigned status, enum end_reason reason, const char *why);

#endif

/* Access records: one for each finished connection, written by a worker into its ring as plain bytes, turned into
 * text by control (log formatting never costs a worker more than a copy). */
#ifndef ACCESS_H
#define ACCESS_H

#include "config/config.h"
#include "net/addr.h"
#include "tally.h"

#include <stdint.h>

enum {
	ACCESS_NAME_MAX = 255,
	ACCESS_ALPN_MAX = 32,
	ACCESS_METHOD_MAX = 32,
	ACCESS_PATH_MAX = 1024,
	ACCESS_AGENT_MAX = 256,
};

/* What was spoken with the client. */
enum access_version {
	ACCESS_PASSTHROUGH,
	ACCESS_HTTP_NONE, /* no request was read */
	ACCESS_HTTP_1_0,
	ACCESS_HTTP_1_1,
	ACCESS_HTTP_2,
};

/* Followed in the ring by its texts: the server name (HTTP: the Host), the first ALPN protocol, then of HTTP the
 * method, the target and the user agent; each cut where longer than the above. */
struct access_record {
	uint64_t end_wall_us; /* wall clock at the end */
	uint64_t bytes_in, bytes_out;
	uint32_t hello_us, connect_us, first_byte_us; /* since accept; 0: not reached */
	uint64_t total_us;
	struct addr client, local, server;
	uint32_t server_id;	    /* UINT32_MAX: none */
	uint32_t generation;	    /* its number */
	uint16_t listener, backend; /* slots; backend UINT16_MAX: none */
	int16_t route;	/* index in the listener's routes; -1: default_backend or none */
	uint8_t reason; /* enum end_reason */
	uint8_t retries;
	uint8_t name_len, alpn_len;
	uint8_t version; /* enum access_version */
	uint8_t method_len;
	uint16_t path_len, agent_len;
	uint16_t status; /* of the HTTP answer; 0: none */
};

#endif

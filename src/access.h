/* Access records: one for each finished connection, written by a worker into its ring as plain bytes, turned into
 * text by control (log formatting never costs a worker more than a copy). */
#ifndef ACCESS_H
#define ACCESS_H

#include "config.h"
#include "net/addr.h"
#include "tally.h"

#include <stdint.h>

enum { ACCESS_NAME_MAX = 255, ACCESS_ALPN_MAX = 32 };

/* Followed in the ring by name_len bytes of server name and alpn_len bytes of the first ALPN protocol. */
struct access_record {
	uint64_t end_wall_us; /* wall clock at the end */
	uint64_t bytes_in, bytes_out;
	uint32_t hello_us, connect_us, first_byte_us; /* since accept; 0: not reached */
	uint64_t total_us;
	struct addr client, local, server;
	uint32_t server_id;	    /* UINT32_MAX: none */
	uint16_t listener, backend; /* backend UINT16_MAX: none */
	int16_t route;	/* index in the listener's routes; -1: default_backend or none */
	uint8_t reason; /* enum end_reason */
	uint8_t retries;
	uint8_t name_len, alpn_len;
};

#endif

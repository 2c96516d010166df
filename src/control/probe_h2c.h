/* The HTTP/2 of a health check: one GET by prior knowledge (h2c, RFC 9113 3.3), of whose answer the status is wanted. Bytes in,
 * bytes out, by libnghttp2; the socket is the probe's. owner: its probe; thread: control. */
#ifndef CONTROL_PROBE_H2C_H
#define CONTROL_PROBE_H2C_H

#include "control/probe_plan.h"

struct probe_h2c;

enum probe_h2c_status {
	PROBE_H2C_MORE,
	PROBE_H2C_DONE,
	PROBE_H2C_BAD, /* *ret_why, a static text */
};

/* NULL: out of memory. */
struct probe_h2c *probe_h2c_new(const struct probe_plan *plan, const struct addr *addr);
void probe_h2c_free(struct probe_h2c *h); /* NULL is allowed */

/* What is to be sent now, at most `size` bytes. */
size_t probe_h2c_write(struct probe_h2c *h, char *buf, size_t size);

/* Bytes of the server. PROBE_H2C_DONE: *ret_status. */
enum probe_h2c_status probe_h2c_read(
	struct probe_h2c *h, struct span bytes, unsigned *ret_status, const char **ret_why);

/* Says good-bye: one more probe_h2c_write. */
void probe_h2c_end(struct probe_h2c *h);

#endif

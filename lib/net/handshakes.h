/* TCP connections that have begun at a listening socket and cannot be accepted yet: their handshake
 * is not whole, or the kernel waits for their first byte (TCP_DEFER_ACCEPT). Only the kernel knows of
 * them, and closing the listening socket would reset them.
 *
 * Asks by sock_diag(7), which walks the kernel's table of connections: meant for a stop, not for every
 * turn of a loop. Any thread, no privilege. */
#ifndef NET_HANDSHAKES_H
#define NET_HANDSHAKES_H

#include <stddef.h>
#include <stdint.h>

/* How many there are at these local ports, in this network namespace; a negative errno where the
 * kernel does not tell. */
int handshakes_count(const uint16_t *ports, size_t n);

#endif

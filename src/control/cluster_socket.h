/* The cluster's UDP socket: datagrams in batches, a bounded number each time the loop wakes, so that a flood of forged
 * ones leaves the rest of control its turns. What the kernel has no room for is counted by it, and asked for.
 * owner: cluster.c; thread: control. */
#ifndef CONTROL_CLUSTER_SOCKET_H
#define CONTROL_CLUSTER_SOCKET_H

#include "base/span.h"
#include "net/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cluster_socket;

/* Both sockets of the cluster, non-blocking and bound to `at`; -1 and errno with *ret_what naming the call. */
int cluster_socket_udp(const struct addr *at, const char **ret_what);
int cluster_socket_tcp(const struct addr *at, const char **ret_what);

/* Takes `fd` when it succeeds. NULL: out of memory. */
struct cluster_socket *cluster_socket_new(int fd);
void cluster_socket_free(struct cluster_socket *s); /* NULL is allowed */

int cluster_socket_fd(const struct cluster_socket *s);

/* Gives each datagram that waits to `cb`, a few hundred at most. */
typedef void cluster_socket_cb(void *arg, const struct addr *from, struct span datagram);
void cluster_socket_receive(struct cluster_socket *s, cluster_socket_cb *cb, void *arg);

/* False: not sent. To the cluster that is a datagram lost on its way, whatever the reason. `reached`: what was sent there
 * lately has arrived, which spares the kernel to ask for the hardware address again, and to lose what it sends meanwhile
 * if answers get lost. */
bool cluster_socket_send(
	struct cluster_socket *s, const struct addr *to, struct span datagram, bool reached);

/* Datagrams that the kernel dropped since the socket was opened, its buffer being full. */
uint64_t cluster_socket_dropped(const struct cluster_socket *s);

#endif

/* TCP connections that never block: the system calls of the data path, one function each, with the
 * flags that are always wanted. Where nothing else is said they return 0 or more, or a negative
 * errno; -EAGAIN: would block. Thread: any; a descriptor belongs to its caller. */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include "net/addr.h"

#include <sys/types.h>

/* The next connection of a listening socket, close-on-exec. Options set on the listener hold. */
int stream_accept(int listener, struct addr *ret_peer);

/* A new socket on its way to `to`; it may send as soon as the connection stands (-EAGAIN until
 * then), and a failure that comes later is the result of that send. -EMFILE, too, where its number
 * would be `fd_end` or more.
 *
 * The connection's start is not acknowledged until something is sent, which carries it: to be
 * followed by stream_settle once the first bytes are out. */
int stream_connect(const struct addr *to, unsigned fd_end);

/* From now on what comes is acknowledged as on any socket. */
void stream_settle(int fd);

/* True: both sides have ended, ours first, and all we sent has arrived (the connection rests in
 * TIME-WAIT), so that its socket may be connected again. The peer's end has been read. */
bool stream_is_spare(int fd);

/* As stream_connect, with a spare socket of the same family: a third cheaper than a close and a new
 * one. Takes the descriptor: a failure has closed it. */
int stream_reconnect(int fd, const struct addr *to);

/* The number that the next new descriptor will have, found by the copy of another; UINT_MAX: there
 * is none. */
unsigned stream_next_number(int fd);

/* 0: the peer has ended its side. */
ssize_t stream_recv(int fd, void *buf, size_t n);
ssize_t stream_send(int fd, const void *buf, size_t n);

/* As stream_send, of what is only the beginning: the kernel sends what fills packets, and keeps the rest for what the next
 * send brings, 0.2 s at most. */
ssize_t stream_send_first(int fd, const void *buf, size_t n);

/* The peer has ended or reset, and there is nothing left to read. */
bool stream_is_over(int fd);

/* There is something to read now. */
bool stream_has_unread(int fd);

/* The connection's own addresses; the peer's is forgotten once it has reset. */
int stream_local(int fd, struct addr *ret);
int stream_peer(int fd, struct addr *ret);

/* Sends small messages at once (TCP_NODELAY); asks a silent peer whether it lives (SO_KEEPALIVE). */
void stream_set_nodelay(int fd);
void stream_set_keepalive(int fd);

/* Ends our side, the peer may go on. */
void stream_end(int fd);

/* Both give the descriptor back. Bytes sent are still delivered after a close, unless bytes that we
 * never read are waiting: then the kernel resets the connection, as stream_reset always does. */
void stream_close(int fd);
void stream_reset(int fd);

#endif

/* Messages with descriptors between two processes of this machine: one SOCK_SEQPACKET socket each, SCM_RIGHTS. A message
 * is whole or not at all.
 *
 * What arrives is close-on-exec. Return values: 0 or a negative errno value. Any thread. */
#ifndef NET_FDPASS_H
#define NET_FDPASS_H

#include <stddef.h>
#include <sys/types.h>

enum {
	FDPASS_FDS_MAX = 250, /* the kernel takes 253 */
	FDPASS_BYTES_MAX = 32768,
};

struct fdpass_message {
	size_t n_bytes, n_fds;
	int fds[FDPASS_FDS_MAX];	  /* the receiver's to close */
	char bytes[FDPASS_BYTES_MAX + 1]; /* ends with NUL */
};

/* Both ends, close-on-exec. */
int fdpass_pair(int ret[2]);

/* The descriptors stay the sender's. */
int fdpass_send(int fd, const void *bytes, size_t n_bytes, const int *fds, size_t n_fds);

/* Waits for at most timeout_ms (0: not at all), then -EAGAIN. The other end is gone: -EPIPE. Longer than fits, or with
 * more descriptors: -EMSGSIZE, and what came is closed. */
int fdpass_receive(int fd, struct fdpass_message *ret, int timeout_ms);
void fdpass_close(struct fdpass_message *m); /* the descriptors that are not -1 */

#endif

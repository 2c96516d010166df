#include "net/fdpass.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int ends[2];
static struct fdpass_message message;

static void begin(void)
{
	cr_assert_eq(fdpass_pair(ends), 0);
}

TestSuite(fdpass, .init = begin);

Test(fdpass, bytes_and_descriptors_arrive_together)
{
	int pipes[2];

	cr_assert_eq(pipe(pipes), 0);
	cr_assert_eq(fdpass_send(ends[0], "hello", 5, pipes, 2), 0);
	cr_assert_eq(fdpass_receive(ends[1], &message, 1000), 0);
	cr_assert_str_eq(message.bytes, "hello");
	cr_assert_eq(message.n_fds, 2);
	cr_assert(fcntl(message.fds[0], F_GETFD) & FD_CLOEXEC);
	cr_assert_eq(write(message.fds[1], "x", 1), 1);
	cr_assert_eq(read(pipes[0], message.bytes, 2), 1);
	fdpass_close(&message);
	cr_assert_eq(message.n_fds, 0);
}

Test(fdpass, messages_stay_apart)
{
	fdpass_send(ends[0], "one", 3, NULL, 0);
	fdpass_send(ends[0], "two", 3, NULL, 0);
	cr_assert_eq(fdpass_receive(ends[1], &message, 1000), 0);
	cr_assert_str_eq(message.bytes, "one");
	cr_assert_eq(fdpass_receive(ends[1], &message, 1000), 0);
	cr_assert_str_eq(message.bytes, "two");
}

Test(fdpass, nothing_there_is_no_end)
{
	cr_assert_eq(fdpass_receive(ends[1], &message, 0), -EAGAIN);
	close(ends[0]);
	cr_assert_eq(fdpass_receive(ends[1], &message, 1000), -EPIPE);
	cr_assert_eq(fdpass_send(ends[1], "x", 1, NULL, 0), -EPIPE);
}

Test(fdpass, too_much_is_refused)
{
	static char much[FDPASS_BYTES_MAX + 1];
	int many[FDPASS_FDS_MAX + 1];

	memset(many, 0, sizeof(many));
	cr_assert_eq(fdpass_send(ends[0], much, sizeof(much), NULL, 0), -EMSGSIZE);
	cr_assert_eq(fdpass_send(ends[0], "x", 1, many, FDPASS_FDS_MAX + 1), -EMSGSIZE);
	cr_assert_eq(fdpass_send(ends[0], "x", 1, many, FDPASS_FDS_MAX), 0);
	cr_assert_eq(fdpass_receive(ends[1], &message, 1000), 0);
	cr_assert_eq(message.n_fds, FDPASS_FDS_MAX);
	fdpass_close(&message);
}

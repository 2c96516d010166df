#include "net/handshakes.h"

#include "net/listener_fd.h"
#include "net/stream.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* A listening socket on loopback, as the program opens them. */
static int listener;
static struct addr at;

static void set_up(void)
{
	struct listener_fd_error error;

	cr_assert(addr_parse_ip("127.0.0.1", &at));
	cr_assert(listener_fd_open(&at, &listener, 1, &error), "%s", error.what);
	cr_assert_eq(stream_local(listener, &at), 0);
	if (handshakes_count(&at.port, 1) < 0)
		cr_skip_test("this kernel has no sock_diag for TCP");
}

static void tear_down(void)
{
	close(listener);
}

static int knock(void)
{
	int fd = stream_connect(&at, UINT_MAX);

	cr_assert_geq(fd, 0);
	return fd;
}

static bool can_accept(void)
{
	struct pollfd p = {.fd = listener, .events = POLLIN};

	return poll(&p, 1, 30000) == 1;
}

static bool is_connected(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	return poll(&p, 1, 100) == 1;
}

TestSuite(handshakes, .init = set_up, .fini = tear_down);

Test(handshakes, who_has_not_sent_a_byte_is_counted_until_he_does)
{
	const uint16_t ports[] = {1, at.port};
	int fd = knock();

	cr_expect(is_connected(fd));
	cr_expect_eq(handshakes_count(ports, 2), 1);
	cr_expect_eq(handshakes_count(ports, 1), 0, "that is another port");
	cr_assert_eq(write(fd, "a", 1), 1);
	cr_expect(can_accept());
	cr_expect_eq(handshakes_count(ports, 2), 0);
	close(fd);
}

Test(handshakes, retired_listener_takes_in_who_has_begun_and_nobody_else)
{
	int before = knock(), after;

	cr_expect(is_connected(before));
	listener_fd_retire(listener);
	after = knock();
	cr_expect_not(is_connected(after), "his SYN is not answered");
	cr_expect(can_accept(), "without a byte: the kernel asks him again");
	cr_expect_eq(handshakes_count(&at.port, 1), 0);
	close(before);
	close(after);
}

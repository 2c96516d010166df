#include "inherit.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static struct inherit in;

static void start(void)
{
	inherit_init(&in);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void add(const char *name, int fds[2])
{
	cr_assert_eq(pipe(fds), 0);
	cr_assert(inherit_add(&in, name, fds, 2));
}

TestSuite(inherit, .init = start);

Test(inherit, what_is_taken_is_the_takers_and_the_rest_is_closed)
{
	int a[2], b[2], got[2];

	add("listener 192.0.2.1:443", a);
	add("listener 192.0.2.1:80", b);
	cr_assert(inherit_take(&in, "listener 192.0.2.1:443", got, 2));
	cr_expect_arr_eq(got, a, sizeof(got));
	inherit_release(&in);
	cr_expect(is_open(a[0]) && is_open(a[1]));
	cr_expect(!is_open(b[0]) && !is_open(b[1]));
}

Test(inherit, is_given_once_by_its_name_and_its_number)
{
	int a[2], got[3];

	add("status-socket /run/a.sock", a);
	cr_expect_not(inherit_take(&in, "status-socket /run/b.sock", got, 2));
	cr_expect_not(inherit_take(&in, "status-socket /run/a.sock", got, 1));
	cr_expect_not(inherit_take(&in, "status-socket /run/a.sock", got, 3));
	cr_expect(inherit_take(&in, "status-socket /run/a.sock", got, 2));
	cr_expect_not(inherit_take(&in, "status-socket /run/a.sock", got, 2));
	cr_expect_not(inherit_take(NULL, "status-socket /run/a.sock", got, 2));
	inherit_release(&in);
}

Test(inherit, a_name_that_is_too_long_is_refused_and_closed)
{
	char name[INHERIT_NAME_MAX + 1];
	int fds[2];

	memset(name, 'x', sizeof(name));
	name[INHERIT_NAME_MAX] = '\0';
	cr_assert_eq(pipe(fds), 0);
	cr_expect_not(inherit_add(&in, name, fds, 2));
	cr_expect(!is_open(fds[0]) && !is_open(fds[1]));
	inherit_release(&in);
}

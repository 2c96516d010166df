#include "control/cluster_lifeline.h"

#include "base/mono.h"
#include "control/cluster_socket.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* Two nodes in this process; events as they came. */
struct node {
	struct lifelines *lines;
	struct addr addr;
	bool strict; /* nobody is a member */
	unsigned opened, ended;
	uint64_t last;
};

static struct event_base *base;
static struct node a, b;

static void on_changed(void *arg, uint64_t id, bool open)
{
	struct node *n = arg;

	n->last = id;
	if (open)
		n->opened++;
	else
		n->ended++;
}

static bool is_member(void *arg, const struct addr *from)
{
	const struct node *n = arg;

	return !n->strict && from->family == AF_INET;
}

static void open_node(struct node *n)
{
	struct lifelines_hooks hooks = {on_changed, is_member, n};
	const char *what = "";
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	int fd;

	if (n->addr.family == AF_UNSPEC) {
		*n = (struct node){0};
		n->addr = (struct addr){.family = AF_INET, .ip = {127, 0, 0, 1}};
	}
	fd = cluster_socket_tcp(&n->addr, &what);
	cr_assert_geq(fd, 0, "%s", what);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	n->addr = addr_from_sockaddr((struct sockaddr *)&sa);
	n->lines = lifelines_new(base, fd, &n->addr, &hooks);
	cr_assert(n->lines);
}

static void begin(void)
{
	base = event_base_new();
	open_node(&a);
	open_node(&b);
}

static void end(void)
{
	lifelines_free(a.lines);
	lifelines_free(b.lines);
	event_base_free(base);
}

TestSuite(cluster_lifeline, .init = begin, .fini = end);

static void turn(void)
{
	struct timeval short_wait = {0, 5000};

	event_base_loopexit(base, &short_wait);
	event_base_dispatch(base);
}

#define RUN_UNTIL(cond)                                                                            \
	for (struct mono limit = mono_add_ms(mono_now(), 10000); !(cond); turn())                  \
	cr_assert(!mono_reached(mono_now(), limit), "in vain for ten seconds: " #cond)

Test(cluster_lifeline, one_that_is_wanted_opens_and_is_held_there)
{
	lifelines_want(a.lines, 7, &b.addr);
	RUN_UNTIL(a.opened == 1 && lifelines_held(b.lines) == 1);
	cr_expect_eq(a.last, 7);
	cr_expect(lifelines_is_open(a.lines, 7));
	cr_expect_not(lifelines_is_open(a.lines, 8));
}

Test(cluster_lifeline, the_end_of_the_other_process_is_news_and_it_is_tried_again)
{
	lifelines_want(a.lines, 7, &b.addr);
	RUN_UNTIL(a.opened == 1 && lifelines_held(b.lines) == 1);
	lifelines_free(b.lines);
	b.lines = NULL;
	RUN_UNTIL(a.ended == 1);
	cr_expect_not(lifelines_is_open(a.lines, 7));
	open_node(&b);
	RUN_UNTIL(a.opened == 2);
}

Test(cluster_lifeline, one_that_is_not_wanted_any_more_ends_without_news)
{
	lifelines_want(a.lines, 7, &b.addr);
	RUN_UNTIL(a.opened == 1 && lifelines_held(b.lines) == 1);
	lifelines_unwant(a.lines, 7);
	RUN_UNTIL(lifelines_held(b.lines) == 0);
	cr_expect_eq(a.ended, 0);
	lifelines_unwant(a.lines, 7);
}

Test(cluster_lifeline, a_stranger_is_not_held)
{
	b.strict = true;
	lifelines_want(a.lines, 7, &b.addr);
	RUN_UNTIL(a.ended >= 1);
	cr_expect_eq(lifelines_held(b.lines), 0);
}

Test(cluster_lifeline, who_says_something_is_no_lifeline)
{
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(&b.addr, &sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	cr_assert_eq(connect(fd, (struct sockaddr *)&sa, len), 0);
	RUN_UNTIL(lifelines_held(b.lines) == 1);
	cr_assert_eq(send(fd, "x", 1, 0), 1);
	RUN_UNTIL(lifelines_held(b.lines) == 0);
	close(fd);
}

Test(cluster_lifeline, beyond_the_bound_the_oldest_gives_way)
{
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(&b.addr, &sa);
	int fds[LIFELINES_HELD_MAX + 5];
	char byte;

	for (size_t i = 0; i < LIFELINES_HELD_MAX + 5; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(fds[i], (struct sockaddr *)&sa, len); /* under way */
		if (i % 16 == 15)
			turn();
	}
	RUN_UNTIL(recv(fds[4], &byte, 1, 0) == 0);
	cr_expect_eq(lifelines_held(b.lines), LIFELINES_HELD_MAX);
	cr_expect_eq(recv(fds[5], &byte, 1, 0), -1, "the sixth is held");
	for (size_t i = 0; i < LIFELINES_HELD_MAX + 5; i++)
		close(fds[i]);
}

#include "sockets.h"

#include "net/stream.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WORKERS = 2 };

/* One listener on up to three addresses of loopback. */
static struct config_bind binds[3];
static char texts[3][ADDR_TEXT_MAX];
static struct config_listener listener = {.name = "web", .binds = binds};
static struct config config = {.listeners = &listener, .n_listeners = 1};
static struct generations generations;
static struct sockets all;
static char why[256];

static void bind_at(size_t i, const struct addr *addr)
{
	binds[i].addr = *addr;
	binds[i].text = addr_format(addr, texts[i]);
}

/* Ports that nobody has: those of sockets that were bound and closed again, on addresses of this process alone. */
static void begin(void)
{
	cr_assert(generations_init(&generations, &(struct generations_limits){4, 4, 4}, NULL));
	sockets_init(&all, WORKERS);
	for (size_t i = 0; i < 3; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		uint32_t host = UINT32_C(127) << 24 | ((uint32_t)getpid() & 0x3fffff) << 2 |
				((uint32_t)i + 1);
		struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(host)};
		struct addr addr;

		cr_assert_eq(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
		cr_assert_eq(stream_local(fd, &addr), 0);
		bind_at(i, &addr);
		close(fd);
	}
}

static void end(void)
{
	sockets_release(&all);
	generations_release(&generations);
}

TestSuite(sockets, .init = begin, .fini = end);

/* The first `n` addresses from `from` on are listened on. NULL: refused. */
static struct generation *prepare(size_t from, size_t n)
{
	struct generation *g;

	listener.binds = &binds[from];
	listener.n_binds = n;
	g = generation_new(&generations, &config, why, sizeof(why));
	cr_assert_not_null(g, "%s", why);
	if (sockets_prepare(&all, g, why, sizeof(why)))
		return g;
	generation_free(g);
	return NULL;
}

static struct generation *take_up(size_t from, size_t n)
{
	struct generation *g = prepare(from, n);

	cr_assert_not_null(g, "%s", why);
	sockets_commit(&all, g, 60000);
	return g;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* 0, or the errno of a connect, that does not wait. */
static int connects(size_t i)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), error;
	struct sockaddr_storage to;
	socklen_t size = addr_to_sockaddr(&binds[i].addr, &to);

	error = connect(fd, (struct sockaddr *)&to, size) == 0 ? 0 : errno;
	close(fd);
	return error;
}

Test(sockets, an_address_has_a_socket_for_each_worker)
{
	struct generation *g = take_up(0, 2);

	cr_assert(eq(sz, g->n_sockets, 2));
	for (size_t i = 0; i < 2; i++)
		for (size_t w = 0; w < WORKERS; w++)
			cr_expect(is_open(g->sockets[i].fds[w]));
	cr_expect(ne(u32, g->sockets[0].number, g->sockets[1].number));
	cr_expect(eq(int, connects(0), 0));
	cr_expect(eq(int, connects(1), 0));
}

Test(sockets, an_address_that_stays_keeps_its_sockets)
{
	struct generation *first = take_up(0, 2), *second = take_up(1, 2);

	cr_expect(eq(u32, second->sockets[0].number, first->sockets[1].number));
	cr_expect_eq(second->sockets[0].fds, first->sockets[1].fds);
	cr_expect(eq(int, connects(1), 0));
	cr_expect(eq(int, connects(2), 0));
}

Test(sockets, an_address_that_goes_is_closed_when_every_worker_has_given_it_up)
{
	struct generation *first = take_up(0, 1);
	int fd = first->sockets[0].fds[0];
	struct socket_set *gone;

	take_up(1, 1);
	cr_expect(sockets_has(&all, SOCKET_SET_RETIRED));
	gone = sockets_next_to_leave(&all, mono_now());
	cr_assert_not_null(gone);
	cr_assert(eq(u32, gone->number, first->sockets[0].number));
	cr_expect_null(sockets_next_to_leave(&all, mono_now()));
	cr_expect(sockets_has(&all, SOCKET_SET_LEFT));
	cr_expect(not(sockets_gave_up(&all, gone->number)));
	cr_expect(is_open(fd));
	cr_expect(sockets_gave_up(&all, first->sockets[0].number));
	cr_expect(not(is_open(fd)));
	cr_expect(eq(int, connects(0), ECONNREFUSED));
	cr_expect(eq(int, connects(1), 0));
	cr_expect(not(sockets_gave_up(&all, first->sockets[0].number)), "nobody's");
}

Test(sockets, an_address_that_comes_back_before_it_was_given_up_is_served_on)
{
	struct generation *first = take_up(0, 1), *again;

	take_up(1, 1);
	again = take_up(0, 1);
	cr_expect(eq(u32, again->sockets[0].number, first->sockets[0].number));
	cr_expect(eq(int, connects(0), 0));
	for (struct socket_set *set; (set = sockets_next_to_leave(&all, mono_now())) != NULL;)
		cr_expect(ne(u32, set->number, first->sockets[0].number));
}

Test(sockets, a_generation_that_does_not_come_closes_only_what_it_opened)
{
	struct generation *first = take_up(0, 1), *second = prepare(0, 3);
	int opened;

	cr_assert_not_null(second, "%s", why);
	opened = second->sockets[2].fds[0];
	cr_expect(is_open(opened));
	sockets_roll_back(&all);
	cr_expect(not(is_open(opened)));
	cr_expect(is_open(first->sockets[0].fds[0]));
	cr_expect(eq(int, connects(0), 0));
	cr_expect(eq(int, connects(1), ECONNREFUSED));
}

Test(sockets, an_address_in_use_is_named_and_nothing_stays_open)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_storage to;
	socklen_t size = addr_to_sockaddr(&binds[2].addr, &to);
	char wanted[128];

	take_up(0, 1);
	cr_assert_eq(bind(fd, (struct sockaddr *)&to, size), 0);
	cr_assert_eq(listen(fd, 1), 0);
	cr_assert_null(prepare(0, 3));
	snprintf(wanted, sizeof(wanted), "listener web cannot listen on %s: ", binds[2].text);
	cr_expect(strncmp(why, wanted, strlen(wanted)) == 0, "%s", why);
	cr_expect(eq(int, connects(0), 0));
	cr_expect(eq(int, connects(1), ECONNREFUSED));
	close(fd);
}

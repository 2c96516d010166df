#include "poller/poller.h"

#include "base/list.h"

#include "../../fault.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* A socket that is watched, and the far end of it. */
struct end {
	struct watch watch;
	unsigned edges, calls;
	int far;
	struct poller *poller;
	struct end *victim; /* forgotten and closed by the callback */
	struct end *heir;
};

static void forget(struct end *e)
{
	poller_forget(e->poller, &e->watch);
	close(e->watch.fd);
	e->watch.fd = -1;
}

static void on_edge_count(struct end *e, unsigned edges)
{
	e->edges |= edges;
	e->calls++;
}

static void on_edge(struct watch *w, unsigned edges)
{
	struct end *e = container_of(w, struct end, watch);

	on_edge_count(e, edges);
	if (e->victim)
		forget(e->victim);
}

static struct end end_of(struct poller *p, int near, int far)
{
	return (struct end){.watch = {.cb = on_edge, .fd = near}, .far = far, .poller = p};
}

static struct end pair(struct poller *p)
{
	int fds[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	return end_of(p, fds[0], fds[1]);
}

/* Of TCP, which alone has resets. */
static struct end tcp_pair(struct poller *p)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0), far = socket(AF_INET, SOCK_STREAM, 0);
	int near;

	cr_assert_eq(bind(listener, (struct sockaddr *)&at, len), 0);
	cr_assert_eq(listen(listener, 1), 0);
	cr_assert_eq(getsockname(listener, (struct sockaddr *)&at, &len), 0);
	cr_assert_eq(connect(far, (struct sockaddr *)&at, len), 0);
	near = accept(listener, NULL, NULL);
	close(listener);
	return end_of(p, near, far);
}

static void drop(struct end *e)
{
	if (e->watch.fd >= 0)
		forget(e);
	close(e->far);
}

static struct event_base *base;
static struct poller *poller;

static void set_up(void)
{
	base = event_base_new();
	poller = poller_new(base);
	cr_assert_not_null(poller);
}

static void tear_down(void)
{
	poller_free(poller);
	event_base_free(base);
}

static void turn(void)
{
	event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static unsigned edges_of(struct end *e)
{
	e->edges = 0;
	turn();
	return e->edges;
}

TestSuite(poller, .init = set_up, .fini = tear_down);

Test(poller, bytes_come_as_one_edge_whether_read_or_not)
{
	struct end e = pair(poller);

	cr_assert(poller_watch(poller, &e.watch, false));
	cr_expect_eq(edges_of(&e), 0);
	cr_assert_eq(write(e.far, "a", 1), 1);
	cr_expect_eq(edges_of(&e), POLLER_READ);
	cr_expect_eq(edges_of(&e), 0);
	cr_assert_eq(write(e.far, "b", 1), 1);
	cr_expect_eq(edges_of(&e), POLLER_READ);
	drop(&e);
}

Test(poller, what_is_there_before_the_watch_is_told)
{
	struct end e = pair(poller);

	cr_assert_eq(write(e.far, "a", 1), 1);
	cr_assert(poller_watch(poller, &e.watch, false));
	cr_expect_eq(edges_of(&e), POLLER_READ);
	drop(&e);
}

Test(poller, room_is_told_to_who_asks_for_it_now_or_later)
{
	struct end now = pair(poller), later = pair(poller);

	cr_assert(poller_watch(poller, &now.watch, true));
	cr_assert(poller_watch(poller, &later.watch, false));
	turn();
	cr_expect_eq(now.edges, POLLER_WRITE);
	cr_expect_eq(later.edges, 0);
	cr_assert(poller_watch(poller, &later.watch, true));
	cr_expect_eq(edges_of(&later), POLLER_WRITE);
	drop(&now);
	drop(&later);
}

Test(poller, an_end_behind_bytes_is_told_with_them)
{
	struct end e = tcp_pair(poller);

	cr_assert(poller_watch(poller, &e.watch, false));
	cr_assert_eq(write(e.far, "a", 1), 1);
	shutdown(e.far, SHUT_WR);
	cr_expect_eq(edges_of(&e), POLLER_READ | POLLER_END);
	drop(&e);
}

Test(poller, a_reset_behind_bytes_is_told_from_an_end)
{
	const struct linger now = {.l_onoff = 1};
	struct end e = tcp_pair(poller);

	cr_assert(poller_watch(poller, &e.watch, false));
	cr_assert_eq(write(e.far, "a", 1), 1);
	setsockopt(e.far, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(e.far);
	cr_expect(edges_of(&e) & POLLER_ERROR);
	forget(&e);
}

Test(poller, nothing_is_told_of_a_watch_that_was_forgotten_in_the_same_batch)
{
	struct end a = pair(poller), b = pair(poller);

	cr_assert(poller_watch(poller, &a.watch, false));
	cr_assert(poller_watch(poller, &b.watch, false));
	a.victim = &b;
	b.victim = &a;
	cr_assert_eq(write(a.far, "a", 1), 1);
	cr_assert_eq(write(b.far, "b", 1), 1);
	turn();
	turn();
	cr_expect_eq(a.calls + b.calls, 1, "whichever came first ended the other");
	drop(&a);
	drop(&b);
}

Test(poller, a_number_used_again_is_another_watch)
{
	struct end old = pair(poller), new;
	int copy = dup(old.watch.fd), number = old.watch.fd;

	cr_assert(poller_watch(poller, &old.watch, false));
	forget(&old);
	new = pair(poller);
	cr_assert_eq(new.watch.fd, number, "the lowest free number is taken");
	cr_assert(poller_watch(poller, &new.watch, false));
	cr_assert_eq(write(old.far, "a", 1), 1);
	cr_expect_eq(edges_of(&new), 0, "the kernel still knows the old one by its copy");
	cr_expect_eq(old.calls, 0);
	cr_assert_eq(write(new.far, "a", 1), 1);
	cr_expect_eq(edges_of(&new), POLLER_READ);
	close(copy);
	close(old.far);
	drop(&new);
}

Test(poller, a_kept_descriptor_is_watched_again)
{
	struct end e = pair(poller), next;

	cr_assert(poller_watch(poller, &e.watch, false));
	poller_keep(poller, &e.watch);
	cr_assert_eq(write(e.far, "a", 1), 1);
	cr_expect_eq(edges_of(&e), 0, "nobody watches it");
	next = end_of(poller, e.watch.fd, e.far);
	cr_assert(poller_watch(poller, &next.watch, false));
	cr_assert_eq(write(e.far, "b", 1), 1);
	cr_expect_eq(edges_of(&next), POLLER_READ);
	poller_keep(poller, &next.watch);
	cr_assert(poller_watch(poller, &e.watch, true));
	cr_expect_eq(edges_of(&e), POLLER_READ | POLLER_WRITE, "room was not asked for before");
	drop(&e);
}

Test(poller, a_kept_descriptor_may_be_closed)
{
	struct end e = pair(poller), next;

	cr_assert(poller_watch(poller, &e.watch, false));
	poller_keep(poller, &e.watch);
	poller_drop(poller, e.watch.fd);
	close(e.watch.fd);
	close(e.far);
	next = pair(poller);
	cr_assert_eq(next.watch.fd, e.watch.fd, "the lowest free number is taken");
	cr_assert(poller_watch(poller, &next.watch, false));
	cr_assert_eq(write(next.far, "a", 1), 1);
	cr_expect_eq(edges_of(&next), POLLER_READ);
	drop(&next);
}

Test(poller, a_kept_descriptor_is_closed_before_it_was_watched_again)
{
	struct end e = pair(poller), heir, next;

	cr_assert(poller_watch(poller, &e.watch, false));
	poller_keep(poller, &e.watch);
	heir = end_of(poller, e.watch.fd, e.far);
	drop(&heir);
	next = pair(poller);
	cr_assert_eq(next.watch.fd, e.watch.fd, "the lowest free number is taken");
	cr_assert(poller_watch(poller, &next.watch, false));
	cr_assert_eq(write(next.far, "a", 1), 1);
	cr_expect_eq(edges_of(&next), POLLER_READ);
	drop(&next);
}

/* Passes its victim's descriptor, read empty, to another watch. */
static void on_edge_hand_over(struct watch *w, unsigned edges)
{
	struct end *e = container_of(w, struct end, watch), *from = e->victim;
	char byte;

	on_edge_count(e, edges);
	if (!from || !poller_is_watched(&from->watch))
		return;
	cr_assert_eq(read(from->watch.fd, &byte, 1), 1);
	poller_keep(e->poller, &from->watch);
	from->heir->watch.fd = from->watch.fd;
	cr_assert(poller_watch(e->poller, &from->heir->watch, false));
}

Test(poller, an_heir_gets_nothing_of_the_batch_that_it_was_made_in)
{
	struct end a = pair(poller), b = pair(poller), c = end_of(poller, -1, -1);

	a.watch.cb = b.watch.cb = on_edge_hand_over;
	a.victim = &b;
	b.victim = &a;
	a.heir = b.heir = &c;
	cr_assert(poller_watch(poller, &a.watch, false));
	cr_assert(poller_watch(poller, &b.watch, false));
	cr_assert_eq(write(a.far, "a", 1), 1);
	cr_assert_eq(write(b.far, "b", 1), 1);
	turn();
	turn();
	cr_expect_eq(c.calls, 0);
	poller_forget(poller, &c.watch);
	drop(&a);
	drop(&b);
}

Test(poller, more_than_one_batch_is_told_turn_by_turn)
{
	enum { MANY = 400 };
	static struct end ends[MANY];
	unsigned told = 0;

	for (unsigned i = 0; i < MANY; i++) {
		ends[i] = pair(poller);
		cr_assert(poller_watch(poller, &ends[i].watch, false));
		cr_assert_eq(write(ends[i].far, "a", 1), 1);
	}
	turn();
	turn();
	for (unsigned i = 0; i < MANY; i++) {
		told += ends[i].calls;
		drop(&ends[i]);
	}
	cr_expect_eq(told, MANY);
}

Test(poller, what_cannot_be_watched_is_refused)
{
	struct end e = {.watch = {.cb = on_edge, .fd = 1000}};

	cr_expect_not(poller_watch(poller, &e.watch, false), "no such descriptor");
	cr_expect_not(poller_is_watched(&e.watch));
	poller_forget(poller, &e.watch);
}

Test(poller, out_of_memory_is_reported)
{
	struct end e = pair(poller);

	for (unsigned n = 1; fault_next(n); n++) {
		struct poller *p = poller_new(base);
		bool made = p != NULL, watched = made && poller_watch(p, &e.watch, false);

		cr_expect_eq(fault_struck(), !made || !watched, "allocation %u", n);
		cr_expect_eq(poller_is_watched(&e.watch), watched);
		poller_free(p);
		cr_expect_not(poller_is_watched(&e.watch));
	}
	drop(&e);
}

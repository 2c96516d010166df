#include "control/checks.h"

#include "control/probe_plan.h"
#include "view.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <event2/listener.h>
#include <signal.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

/* --- when, by arithmetic --- */

Test(checks, few_servers_are_first_checked_practically_at_once)
{
	cr_expect(eq(u64, checks_first_delay_us(0, 2, 5000), 0));
	cr_expect(eq(u64, checks_first_delay_us(1, 2, 5000), 2000));
}

Test(checks, many_first_checks_are_spread_over_a_second)
{
	cr_expect(eq(u64, checks_first_delay_us(499, 500, 5000), 998000));
	cr_expect(eq(u64, checks_first_delay_us(9999, 10000, 5000), 999900));
}

Test(checks, first_checks_never_take_longer_than_the_interval)
{
	cr_expect(eq(u64, checks_first_delay_us(499, 500, 100), 99800));
}

Test(checks, next_is_an_interval_after_the_last_start)
{
	struct mono last = {1000000};

	cr_expect(eq(u64, checks_next(last, 5000, (struct mono){1000100}).us, 6000000));
	cr_expect(eq(u64, checks_next(last, 5000, (struct mono){5999999}).us, 6000000));
}

Test(checks, late_loop_keeps_the_phase)
{
	cr_expect(eq(u64, checks_next((struct mono){1000000}, 5000, (struct mono){12345678}).us,
		16000000));
}

/* --- what, by the plan --- */

static struct config_status_range ranges[] = {{200, 299}, {401, 401}};
static struct config_backend asked = {
	.name = "aegis",
	.health = {.type = HEALTH_HTTP, .path = "/health", .expect = ranges, .n_expect = 2},
};

static struct probe_plan open_plan(void)
{
	struct probe_plan plan;
	char why[256];

	cr_assert(probe_plan_open(&plan, &asked, why, sizeof(why)), "%s", why);
	return plan;
}

Test(checks, expected_statuses_are_ranges)
{
	struct probe_plan plan = open_plan();

	cr_expect(probe_plan_expects(&plan, 200));
	cr_expect(probe_plan_expects(&plan, 299));
	cr_expect(probe_plan_expects(&plan, 401));
	cr_expect(not(probe_plan_expects(&plan, 300)));
	cr_expect(not(probe_plan_expects(&plan, 400)));
}

Test(checks, port_is_the_servers_health_port_then_the_backends_then_its_own)
{
	struct addr server = {.family = AF_INET, .ip = {10, 0, 0, 1}, .port = 443};
	struct probe_plan plan = open_plan();

	cr_expect(eq(u16, probe_plan_addr(&plan, &server, 0).port, 443));
	asked.health.port = 8080;
	cr_expect(eq(u16, probe_plan_addr(&plan, &server, 0).port, 8080));
	cr_expect(eq(u16, probe_plan_addr(&plan, &server, 9090).port, 9090));
}

Test(checks, without_a_host_the_address_is_asked_for)
{
	struct addr server = {.family = AF_INET, .ip = {10, 0, 0, 1}, .port = 8080};
	struct probe_plan plan = open_plan();
	char buf[PROBE_REQUEST_MAX];
	size_t n = probe_plan_request(&plan, &server, buf);

	cr_assert(gt(sz, n, 0));
	buf[n] = '\0';
	cr_expect(strstr(buf, "\r\nHost: 10.0.0.1:8080\r\n") != NULL);
}

Test(checks, path_that_cannot_be_sent_is_refused)
{
	struct probe_plan plan;
	char why[256];

	asked.health.path = "/a#b";
	cr_expect(not(probe_plan_open(&plan, &asked, why, sizeof(why))));
	cr_expect_str_eq(why, "backend aegis: health.path /a#b cannot be asked for");
}

Test(checks, ca_that_cannot_be_read_is_refused)
{
	struct probe_plan plan;
	char why[256];

	asked.health.type = HEALTH_HTTPS;
	asked.health.ca = "/does/not/exist.pem";
	cr_expect(not(probe_plan_open(&plan, &asked, why, sizeof(why))));
	cr_expect(strstr(why, "health.ca /does/not/exist.pem") != NULL);
}

/* --- checks under way: a listener on the same loop notes when each came --- */

enum { INTERVAL_MS = 100, SEEN_MAX = 64, GUARD_MS = 30000 };

static struct config_server member = {.name = "a", .weight = 1};
static struct config_backend backend = {
	.name = "aegis",
	.servers = &member,
	.n_servers = 1,
	.health = {.type = HEALTH_TCP,
		.interval_ms = INTERVAL_MS,
		.timeout_ms = 1000,
		.fall = 3,
		.rise = 2},
};
static struct config config = {.backends = &backend, .n_backends = 1, .limits.connections = 10};
static struct control c;
static struct evconnlistener *listener;
static struct mono seen[SEEN_MAX];
static size_t n_seen, wanted;
static struct server *a;

static void on_accept(
	struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa, int size, void *arg)
{
	(void)l;
	(void)sa;
	(void)size;
	(void)arg;
	close(fd);
	if (n_seen < SEEN_MAX)
		seen[n_seen++] = mono_now();
	if (n_seen == wanted)
		event_base_loopbreak(c.base);
}

static void listen_for_checks(void)
{
	struct addr loopback = {.family = AF_INET, .ip = {127, 0, 0, 1}};
	struct sockaddr_storage ss;
	socklen_t size = addr_to_sockaddr(&loopback, &ss);

	listener = evconnlistener_new_bind(c.base, on_accept, NULL, LEV_OPT_CLOSE_ON_FREE, 64,
		(struct sockaddr *)&ss, (int)size);
	cr_assert(listener != NULL);
	size = sizeof(ss);
	cr_assert(getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&ss, &size) == 0);
	member.addr = addr_from_sockaddr((struct sockaddr *)&ss);
}

static struct generations generations;

static void on_check_anew(void *arg, struct server *s)
{
	(void)arg;
	checks_server_changed(c.checks, s);
}

static void begin(void)
{
	struct servers_hooks hooks = {.check_anew = on_check_anew};
	char why[256];

	cr_assert(sodium_init() >= 0);
	signal(SIGPIPE, SIG_IGN);
	c.base = event_base_new();
	c.config = &config;
	c.views = qsbr_new(1, view_free);
	cr_assert(generations_init(&generations, &(struct generations_limits){4, 4, 4}, NULL));
	c.generations = &generations;
	c.generation = generation_new(&generations, &config, why, sizeof(why));
	cr_assert(c.generation != NULL);
	c.load = load_new(&(struct load_size){4, 4, 4, 4});
	c.events = events_new(16);
	listen_for_checks();
	c.servers = servers_new(c.generation, c.views, c.load, c.events);
	c.checks = checks_new(&c, why, sizeof(why));
	cr_assert(c.checks != NULL, "%s", why);
	servers_set_hooks(c.servers, &hooks);
	a = servers_find(servers_find_backend(c.servers, "aegis"), "a");
}

static void end(void)
{
	checks_free(c.checks);
	servers_free(c.servers);
	events_free(c.events);
	load_free(c.load);
	qsbr_free(c.views);
	generations_release(&generations);
	evconnlistener_free(listener);
	event_base_free(c.base);
}

TestSuite(checking, .init = begin, .fini = end);

static void run_ms(uint64_t ms)
{
	struct timeval t = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};

	event_base_loopexit(c.base, &t);
	event_base_dispatch(c.base);
}

/* Until so many checks were seen in all. */
static void run_until_seen(size_t n)
{
	wanted = n;
	run_ms(GUARD_MS);
	cr_assert(eq(sz, n_seen, n));
}

#define RUN_UNTIL(cond)                                                                            \
	do {                                                                                       \
		bool come_ = false;                                                                \
		for (int i_ = 0; i_ < GUARD_MS / 10 && !(come_ = (cond)); i_++)                    \
			run_ms(10);                                                                \
		cr_assert(come_);                                                                  \
	} while (0)

/* What comes from now on comes because it was asked for: the next check in turn is a minute away. */
static void check_rarely_from_now(void)
{
	backend.health.interval_ms = 60000;
}

/* Whether the last n checks stand in the interval's steps. */
static bool in_step(size_t n)
{
	const struct mono *first = &seen[n_seen - n];

	for (size_t i = 1; i < n; i++) {
		uint64_t since_first = mono_diff_us(first[0], first[i]) / 1000;

		if (since_first + 30 < i * INTERVAL_MS ||
			since_first >= i * INTERVAL_MS + INTERVAL_MS / 2)
			return false;
	}
	return true;
}

/* A machine that stalls moves one out of step, and so all of its six; not ten times in a row. */
Test(checking, interval_is_from_start_to_start)
{
	run_until_seen(6);
	while (!in_step(6) && n_seen + 6 <= SEEN_MAX)
		run_until_seen(n_seen + 6);
	cr_expect(in_step(6));
	cr_expect(server_is_up(a));
}

Test(checking, maintenance_stops_and_ready_checks_at_once)
{
	run_until_seen(1);
	servers_set_admin(c.servers, a, SERVER_MAINT, "by the test");
	run_ms(3 * INTERVAL_MS);
	cr_expect(eq(sz, n_seen, 1));
	check_rarely_from_now();
	servers_set_admin(c.servers, a, SERVER_READY, "by the test");
	run_until_seen(2);
}

Test(checking, drain_goes_on)
{
	run_until_seen(1);
	servers_set_admin(c.servers, a, SERVER_DRAIN, "by the test");
	run_until_seen(3);
}

Test(checking, new_address_is_checked_at_once)
{
	struct addr nobody = member.addr;

	check_rarely_from_now();
	run_until_seen(1);
	nobody.port = 1;
	servers_set_addr(c.servers, a, &nobody, "by the test");
	RUN_UNTIL(a->last_check.status == CHECK_L4REFUSED);
}

Test(checking, added_server_is_checked_when_it_leaves_maintenance)
{
	struct config_server conf = {.name = "b", .weight = 1, .addr = member.addr};
	struct server *b;

	cr_assert(servers_add(c.servers, a->backend, &conf, "by the test", &b) == SERVERS_OK);
	checks_server_added(c.checks, b);
	run_ms(INTERVAL_MS);
	cr_expect(eq(u64, b->checks_passed, 0));
	check_rarely_from_now();
	servers_set_admin(c.servers, b, SERVER_READY, "by the test");
	RUN_UNTIL(b->checks_passed > 0);
	checks_server_removed(c.checks, b);
	cr_expect(b->check == NULL);
}

/* --- bursts --- */

Test(checks, check_of_a_burst_has_little_time_but_twice_what_a_good_one_took)
{
	cr_expect(eq(u64, checks_burst_timeout_ms(0), 190));
	cr_expect(eq(u64, checks_burst_timeout_ms(50000), 190));
	cr_expect(eq(u64, checks_burst_timeout_ms(200000), 400));
}

static void check_rarely(void)
{
	check_rarely_from_now();
	run_until_seen(1);
	RUN_UNTIL(a->checks_passed == 1);
}

Test(checking, burst_ends_with_the_first_good_check)
{
	check_rarely();
	checks_burst(c.checks, a);
	checks_burst(c.checks, a); /* is under way already */
	run_until_seen(2);
	run_ms(700);
	cr_expect(eq(sz, n_seen, 2));
	cr_expect(server_is_up(a));
}

Test(checking, burst_takes_a_dead_server_down)
{
	check_rarely();
	evconnlistener_free(listener);
	checks_burst(c.checks, a);
	RUN_UNTIL(a->checks_failed > 0);
	cr_expect(server_is_up(a) || a->checks_failed == 3, "one failure of three");
	RUN_UNTIL(!server_is_up(a));
	cr_expect(eq(u64, a->checks_failed, 3));
	listen_for_checks(); /* for the end */
}

Test(checking, burst_finds_who_is_back_and_goes_on_until_it_is_up)
{
	check_rarely();
	servers_force_health(c.servers, a, false, "by the test");
	checks_burst(c.checks, a);
	RUN_UNTIL(server_is_up(a));
	cr_expect(eq(sz, n_seen, 3), "rise is two");
}

Test(checking, nothing_is_looked_at_in_maintenance)
{
	check_rarely();
	servers_set_admin(c.servers, a, SERVER_MAINT, "by the test");
	checks_burst(c.checks, a);
	run_ms(300);
	cr_expect(eq(sz, n_seen, 1));
}

#include "control/servers.h"

#include "view.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* One backend "aegis" with three servers, the last a backup; one reader of views. */
static struct config_server members[] = {
	{.name = "a", .weight = 1},
	{.name = "b", .weight = 1},
	{.name = "spare", .weight = 1, .backup = true},
};
static struct config_backend backends[] = {{
	.name = "aegis",
	.servers = members,
	.n_servers = 3,
	.health =
		{.type = HEALTH_TCP, .interval_ms = 5000, .timeout_ms = 2000, .fall = 3, .rise = 2},
}};
static struct config config = {.backends = backends, .n_backends = 1, .limits.connections = 10};

static struct generations generations;
static struct qsbr *views;
static struct load *load;
static struct events *events;
static struct servers *all;
static struct backend *aegis;
static struct server *a, *b, *spare;
static int closed, published;

static void on_went_down(void *arg, struct server *s)
{
	(void)arg;
	(void)s;
	closed++;
}

static void on_published(void *arg)
{
	(void)arg;
	published++;
}

static void begin(void)
{
	struct servers_hooks hooks = {.went_down = on_went_down, .published = on_published};
	char why[256];

	cr_assert(sodium_init() >= 0);
	views = qsbr_new(1, view_free);
	cr_assert(generations_init(&generations, &(struct generations_limits){4, 4, 4}, NULL));
	load = load_new(&(struct load_size){4, 4, 4, 5});
	events = events_new(64);
	all = servers_new(
		generation_new(&generations, &config, why, sizeof(why)), views, load, events);
	cr_assert(all != NULL);
	servers_set_hooks(all, &hooks);
	aegis = servers_find_backend(all, "aegis");
	a = servers_find(aegis, "a");
	b = servers_find(aegis, "b");
	spare = servers_find(aegis, "spare");
}

static void end(void)
{
	servers_free(all);
	events_free(events);
	load_free(load);
	qsbr_free(views);
	generations_release(&generations);
}

TestSuite(servers, .init = begin, .fini = end);

static struct mono now = {1000000};

static void check(struct server *s, enum check_status status, int times)
{
	struct check_result r = {.status = status};

	while (times-- > 0)
		servers_check(all, s, &r, now);
}

static void pass(struct server *s)
{
	check(s, CHECK_L4OK, 1);
}

static const char *last_event(void)
{
	return events_at(events, events_count(events) - 1)->text;
}

static bool happened(const char *text)
{
	for (size_t i = 0; i < events_count(events); i++)
		if (strstr(events_at(events, i)->text, text))
			return true;
	return false;
}

static const struct view_backend *seen(void)
{
	return &((const struct view *)qsbr_read(views))->backends[0];
}

/* "a b": what the workers may choose from. */
static const char *chosen(void)
{
	static char text[256];

	text[0] = '\0';
	for (size_t i = 0; i < seen()->n_servers; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " " : "",
			seen()->servers[i].name);
	return text;
}

static const char *status_of(const struct server *s)
{
	static char buf[32];

	return server_status(s, buf);
}

/* --- health --- */

Test(servers, first_failed_check_takes_a_server_down_at_once)
{
	cr_expect(server_is_up(a));
	check(a, CHECK_L4REFUSED, 1);
	cr_expect(not(server_is_up(a)));
	cr_expect_str_eq(chosen(), "b");
}

Test(servers, down_on_the_third_failure_in_a_row)
{
	pass(a);
	check(a, CHECK_L4REFUSED, 2);
	cr_expect(server_is_up(a));
	cr_expect_str_eq(status_of(a), "UP 1/3");
	check(a, CHECK_L4REFUSED, 1);
	cr_expect(not(server_is_up(a)));
	cr_expect_str_eq(last_event(), "aegis/a is DOWN: connect refused (3/3), 1 server left");
}

Test(servers, up_on_the_second_success_in_a_row)
{
	struct check_result ok = {.status = CHECK_L7OK, .code = 200};

	check(a, CHECK_L4REFUSED, 1);
	servers_check(all, a, &ok, now);
	cr_expect_str_eq(status_of(a), "DOWN 1/2");
	check(a, CHECK_L7STATUS, 1);
	servers_check(all, a, &ok, now);
	cr_expect(not(server_is_up(a)), "the failure started the count again");
	servers_check(all, a, &ok, now);
	cr_expect(server_is_up(a));
	cr_expect_str_eq(last_event(), "aegis/a is UP: HTTP status 200 (2/2), 2 servers left");
}

Test(servers, success_starts_the_count_of_failures_again)
{
	pass(a);
	check(a, CHECK_L4TIMEOUT, 2);
	pass(a);
	check(a, CHECK_L4TIMEOUT, 2);
	cr_expect(server_is_up(a));
}

Test(servers, failure_of_our_own_side_counts_for_nothing)
{
	check(a, CHECK_SOCKET, 10);
	servers_connect_failed(all, a->id, EMFILE, now);
	cr_expect(server_is_up(a));
	cr_expect(eq(u64, a->checks_failed, 0));
	cr_expect(eq(u64, a->checks_by_status[CHECK_SOCKET], 10));
}

Test(servers, clients_failed_connects_count_as_failed_checks)
{
	pass(a);
	for (int i = 0; i < 3; i++)
		servers_connect_failed(all, a->id, ECONNREFUSED, now);
	cr_expect_str_eq(last_event(),
		"aegis/a is DOWN: connect refused (3/3), 1 server left; found by a client's "
		"connect");
}

Test(servers, report_about_an_unknown_server_is_ignored)
{
	servers_connect_failed(all, 4, ECONNREFUSED, now);
	servers_connect_failed(all, UINT32_MAX, ECONNREFUSED, now);
}

Test(servers, cause_is_told_with_its_detail)
{
	struct check_result r = {.status = CHECK_L6RESPONSE, .detail = "wrong version number"};

	servers_check(all, a, &r, now);
	cr_expect(happened("aegis/a is DOWN: TLS failure: wrong version number (3/3)"));
}

Test(servers, counters_are_haproxys)
{
	pass(a);
	check(a, CHECK_L4REFUSED, 5);
	cr_expect(eq(u64, a->checks_failed, 3), "not counted while fully down");
	cr_expect(eq(u64, a->times_down, 1));
	cr_expect(eq(u64, a->checks_by_status[CHECK_L4REFUSED], 5));
	cr_expect(eq(u64, a->down_since.us, now.us));
	now.us += 7000000;
	check(a, CHECK_L4OK, 2);
	cr_expect(eq(u64, a->down_total_us, 7000000));
	cr_expect(eq(u64, a->down_since.us, 0));
}

Test(servers, on_down_close_closes)
{
	backends[0].on_down = ON_GONE_CLOSE;
	check(a, CHECK_L4REFUSED, 1);
	cr_expect(eq(int, closed, 1));
	servers_set_admin(all, b, SERVER_MAINT, "by the test");
	cr_expect(eq(int, closed, 2));
}

Test(servers, on_down_keep_keeps)
{
	check(a, CHECK_L4REFUSED, 1);
	cr_expect(eq(int, closed, 0));
}

/* --- who is chosen --- */

Test(servers, backups_wait_until_no_other_is_left)
{
	cr_expect_str_eq(chosen(), "a b");
	check(a, CHECK_L4REFUSED, 1);
	check(b, CHECK_L4REFUSED, 1);
	cr_expect_str_eq(chosen(), "spare");
	cr_expect_str_eq(last_event(),
		"aegis/b is DOWN: connect refused (3/3), 0 servers left, 1 backup server takes "
		"over");
	check(a, CHECK_L4OK, 2);
	cr_expect_str_eq(chosen(), "a");
}

Test(servers, none_left_fails_open_with_one_warning)
{
	servers_set_admin(all, spare, SERVER_MAINT, "by the test");
	check(a, CHECK_L4REFUSED, 1);
	check(b, CHECK_L4REFUSED, 3);
	cr_expect_str_eq(chosen(), "a b");
	cr_expect(seen()->failing_open);
	cr_expect(aegis->failing_open);
	cr_expect(happened("aegis has no server left: those not in maintenance"));
	cr_expect(eq(u64, aegis->times_down, 1));
	check(b, CHECK_L4OK, 2);
	cr_expect_str_eq(chosen(), "b");
	cr_expect(not(aegis->failing_open));
	cr_expect_str_eq(last_event(), "aegis has a server again");
}

Test(servers, none_ready_refuses)
{
	servers_set_admin(all, a, SERVER_MAINT, "by the test");
	servers_set_admin(all, b, SERVER_DRAIN, "by the test");
	servers_set_weight(all, spare, 0, "by the test");
	cr_expect(eq(sz, seen()->n_servers, 0));
	cr_expect(not(aegis->failing_open));
	cr_expect(happened("aegis has no server left: its clients are refused"));
}

Test(servers, weights_share_the_load)
{
	unsigned counts[2] = {0};

	servers_set_weight(all, a, 3, "by the test");
	for (uint64_t ticket = 0; ticket < 400; ticket++)
		counts[balance_pick(seen()->plan, &(struct balance_draw){.ticket = ticket})]++;
	cr_expect(eq(uint, counts[0], 300));
	cr_expect(eq(uint, counts[1], 100));
}

/* --- slow start --- */

static unsigned share_of_a(void)
{
	unsigned n = 0;

	for (uint64_t ticket = 0; ticket < 1600; ticket++) {
		struct balance_draw draw = {.ticket = ticket};

		n += seen()->servers[balance_pick(seen()->plan, &draw)].id == a->id;
	}
	return n;
}

Test(servers, slow_start_grows_once_a_second)
{
	unsigned before, after;

	a->slow_start_ms = 20000;
	check(a, CHECK_L4REFUSED, 1);
	check(a, CHECK_L4OK, 2);
	before = share_of_a();
	cr_expect(lt(uint, before, 160));
	now.us += 10000000;
	servers_tick(all, now);
	after = share_of_a();
	cr_expect(gt(uint, after, 400));
	cr_expect(lt(uint, after, 700));
	now.us += 10000000;
	servers_tick(all, now);
	cr_expect(eq(uint, share_of_a(), 800));
	cr_expect(eq(u64, a->up_since.us, 0));
}

Test(servers, no_slow_start_without_a_fall)
{
	cr_expect(eq(u64, a->up_since.us, 0));
}

/* --- admin --- */

Test(servers, status_words_are_haproxys)
{
	pass(a);
	cr_expect_str_eq(status_of(a), "UP");
	servers_set_admin(all, a, SERVER_DRAIN, "by the test");
	cr_expect_str_eq(status_of(a), "DRAIN");
	servers_set_admin(all, a, SERVER_MAINT, "by the test");
	cr_expect_str_eq(status_of(a), "MAINT");
	servers_set_admin(all, a, SERVER_READY, "by the test");
	cr_expect_str_eq(status_of(a), "UP 1/3");
	check(a, CHECK_L4REFUSED, 1);
	cr_expect_str_eq(status_of(a), "DOWN");
	b->checks_enabled = false;
	cr_expect_str_eq(status_of(b), "no check");
	servers_set_weight(all, b, 0, "by the test");
	cr_expect_str_eq(status_of(b), "DRAIN");
}

Test(servers, checks_count_for_nothing_in_maintenance)
{
	servers_set_admin(all, a, SERVER_MAINT, "by the test");
	check(a, CHECK_L4REFUSED, 3);
	servers_connect_failed(all, a->id, ECONNREFUSED, now);
	cr_expect(server_is_up(a));
}

Test(servers, leaving_maintenance_begins_anew)
{
	check(a, CHECK_L4REFUSED, 1);
	servers_set_admin(all, a, SERVER_MAINT, "by the test");
	servers_set_admin(all, a, SERVER_READY, "by the test");
	cr_expect_str_eq(chosen(), "a b");
	check(a, CHECK_L4REFUSED, 1);
	cr_expect_str_eq(chosen(), "b");
}

Test(servers, what_changes_nothing_is_not_told)
{
	int before = published;

	servers_set_admin(all, a, SERVER_READY, "by the test");
	servers_set_weight(all, a, 1, "by the test");
	cr_expect(eq(int, published, before));
	servers_set_weight(all, a, 2, "by the test");
	cr_expect(eq(int, published, before + 1));
	cr_expect_str_eq(last_event(), "aegis/a has weight 2: set by the test, was 1");
}

Test(servers, forced_health_holds_until_checks_say_otherwise)
{
	servers_force_health(all, a, false, "by uid 0 pid 7");
	cr_expect_str_eq(last_event(), "aegis/a is DOWN: set by uid 0 pid 7, 1 server left");
	check(a, CHECK_L4OK, 2);
	cr_expect(server_is_up(a));
}

/* --- membership --- */

static struct server *add(const char *name)
{
	struct config_server conf = {.name = name, .weight = 1};
	struct server *s = NULL;

	cr_assert(servers_add(all, aegis, &conf, "by the test", &s) == SERVERS_OK);
	return s;
}

Test(servers, added_server_begins_in_maintenance)
{
	struct server *c = add("c");

	cr_expect_str_eq(status_of(c), "MAINT");
	cr_expect(eq(uint, c->number, 4));
	cr_expect_str_eq(chosen(), "a b");
	servers_set_admin(all, c, SERVER_READY, "by the test");
	cr_expect_str_eq(chosen(), "a b c");
}

Test(servers, name_is_taken_once)
{
	struct config_server conf = {.name = "a"};
	struct server *s;

	cr_expect(servers_add(all, aegis, &conf, "by the test", &s) == SERVERS_EXISTS);
}

Test(servers, deleting_wants_maintenance_and_no_sessions)
{
	cr_expect(servers_del(all, a, "by the test") == SERVERS_NOT_IN_MAINT);
	servers_set_admin(all, a, SERVER_MAINT, "by the test");
	load_enter_server(load, a->id, 0);
	cr_expect(servers_del(all, a, "by the test") == SERVERS_HAS_SESSIONS);
	load_leave_server(load, a->id);
	cr_expect(servers_del(all, a, "by the test") == SERVERS_OK);
	cr_expect(servers_find(aegis, "a") == NULL);
	cr_expect(servers_by_id(all, 0) == NULL);
}

Test(servers, every_new_view_is_told_so_that_sleeping_workers_pass)
{
	servers_set_weight(all, a, 7, "by the test");
	cr_expect(eq(int, published, 1));
	servers_set_weight(all, a, 7, "by the test");
	cr_expect(eq(int, published, 1), "nothing changed, nobody is woken");
	servers_set_admin(all, a, SERVER_MAINT, "by the test");
	cr_expect(eq(int, published, 2));
}

Test(servers, id_rests_while_a_worker_may_hold_it)
{
	struct config_server conf = {.name = "d", .weight = 1};
	struct server *c, *d = NULL;
	uint32_t id;

	qsbr_online(views, 0);
	c = add("c");
	add("e"); /* the fifth of five */
	id = c->id;
	servers_set_admin(all, c, SERVER_READY, "by the test");
	servers_set_admin(all, c, SERVER_MAINT, "by the test");
	cr_assert(servers_del(all, c, "by the test") == SERVERS_OK);
	servers_tick(all, now);
	cr_expect(servers_add(all, aegis, &conf, "by the test", &d) == SERVERS_TOO_MANY);
	qsbr_quiescent(views, 0);
	servers_tick(all, now);
	load_enter_server(load, id, 0);
	cr_expect(servers_add(all, aegis, &conf, "by the test", &d) == SERVERS_TOO_MANY);
	load_leave_server(load, id);
	cr_expect(servers_add(all, aegis, &conf, "by the test", &d) == SERVERS_OK);
	cr_expect(eq(u32, d->id, id));
	cr_expect(eq(uint, d->number, 6), "numbers are never used twice");
}

/* --- what other nodes see --- */

Test(servers, peers_verdict_holds_until_the_first_check_here)
{
	servers_adopt(all, a, false, "as lb-02 sees it");
	cr_expect_str_eq(chosen(), "b");
	cr_expect_str_eq(last_event(),
		"aegis/a is DOWN: as lb-02 sees it, until it is checked here, 1 server left");
	pass(a);
	cr_expect_str_eq(chosen(), "a b");
	servers_adopt(all, a, false, "as lb-02 sees it");
	cr_expect_str_eq(chosen(), "a b", "it was checked here");
}

Test(servers, after_maintenance_peers_are_heard_again)
{
	pass(a);
	servers_set_admin(all, a, SERVER_MAINT, "by the test");
	servers_adopt(all, a, false, "as lb-02 sees it");
	cr_expect(server_is_up(a), "nothing counts in maintenance");
	servers_set_admin(all, a, SERVER_READY, "by the test");
	servers_adopt(all, a, false, "as lb-02 sees it");
	cr_expect(not(server_is_up(a)));
}

Test(servers, connect_that_failed_elsewhere_counts_but_the_last_must_be_ours)
{
	pass(a);
	for (int i = 0; i < 5; i++)
		servers_peer_failed(all, a);
	cr_expect(server_is_up(a));
	cr_expect_str_eq(status_of(a), "UP 1/3");
	check(a, CHECK_L4REFUSED, 1);
	cr_expect(not(server_is_up(a)));
}

Test(servers, where_nothing_is_up_those_that_peers_reach_come_before_all)
{
	check(a, CHECK_L4REFUSED, 1);
	check(b, CHECK_L4REFUSED, 1);
	check(spare, CHECK_L4REFUSED, 1);
	cr_expect_str_eq(chosen(), "a b spare");
	servers_set_peers_up(all, b, true);
	cr_expect_str_eq(chosen(), "b");
	cr_expect(seen()->failing_open);
	servers_set_peers_up(all, b, false);
	cr_expect_str_eq(chosen(), "a b spare");
}

Test(servers, peers_word_changes_nothing_while_something_is_up)
{
	check(a, CHECK_L4REFUSED, 1);
	servers_set_peers_up(all, a, true);
	cr_expect_str_eq(chosen(), "b");
}

/* --- sticky --- */

Test(servers, sticky_clients_still_reach_servers_in_drain_and_backups_but_none_in_maintenance)
{
	servers_set_admin(all, a, SERVER_DRAIN, "by the test");
	cr_expect_str_eq(chosen(), "b");
	backends[0].sticky.cookie = "sid";
	servers_set_weight(all, spare, 2, "by the test"); /* a view is made */
	cr_expect_str_eq(chosen(), "b a spare", "found %s", chosen());
	cr_expect_eq(balance_pick(seen()->plan, &(struct balance_draw){.ticket = 0}), 0);
	cr_expect_eq(balance_pick(seen()->plan, &(struct balance_draw){.ticket = 1}), 0);
	servers_set_admin(all, a, SERVER_MAINT, "by the test");
	cr_expect_str_eq(chosen(), "b spare");
	check(spare, CHECK_L4REFUSED, 3);
	cr_expect_str_eq(chosen(), "b");
	backends[0].sticky.cookie = NULL;
}

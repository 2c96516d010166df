#include "control/server_reload.h"

#include "../../fault.h"

#include "view.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* What a file says: two backends at most. */
struct file {
	struct config config;
	struct config_backend backends[2];
	struct config_server servers[2][4];
	char names[2][4][8];
};

enum { MAX_SERVERS = 5 };

static struct generations generations;
static struct generation *current;
static struct qsbr *views;
static struct load *load;
static struct events *events;
static struct servers *all;
static struct file file; /* all are static: generations are freed after the test */
static char why[256], heard[256];

static void hear(const char *what, const struct server *s)
{
	snprintf(heard + strlen(heard), sizeof(heard) - strlen(heard), "%s%s %s",
		heard[0] ? ", " : "", what, s->name);
}

static void on_added(void *arg, struct server *s)
{
	(void)arg;
	hear("added", s);
}

static void on_removed(void *arg, struct server *s)
{
	(void)arg;
	hear("removed", s);
}

static void on_gone(void *arg, struct server *s)
{
	(void)arg;
	hear("gone", s);
}

static void on_check_anew(void *arg, struct server *s)
{
	(void)arg;
	hear("check", s);
}

/* A backend of servers such as "a b:2" (the number is the last of the address). */
static void say(struct file *f, const char *name, const char *servers)
{
	size_t n = f->config.n_backends++;
	struct config_backend *b = &f->backends[n];
	char text[64], *save = NULL;

	f->config.backends = f->backends;
	f->config.limits.connections = 10;
	*b = (struct config_backend){.name = name,
		.servers = f->servers[n],
		.health = {.type = HEALTH_TCP,
			.interval_ms = 5000,
			.timeout_ms = 2000,
			.fall = 3,
			.rise = 2}};
	snprintf(text, sizeof(text), "%s", servers);
	for (char *p = strtok_r(text, " ", &save); p; p = strtok_r(NULL, " ", &save)) {
		struct config_server *s = &f->servers[n][b->n_servers];
		char *host = strchr(p, ':'), addr[32];

		snprintf(addr, sizeof(addr), "192.0.2.%s:443", host ? host + 1 : "1");
		cr_assert(addr_parse(addr, false, &s->addr));
		if (host)
			*host = '\0';
		snprintf(f->names[n][b->n_servers], sizeof(f->names[n][0]), "%s", p);
		s->name = f->names[n][b->n_servers++];
		s->weight = 1;
	}
}

static struct generation *generation_of(struct file *f)
{
	struct generation *g = generation_new(&generations, &f->config, why, sizeof(why));

	cr_assert_not_null(g, "%s", why);
	return g;
}

static void begin(void)
{
	struct servers_hooks hooks = {.added = on_added,
		.removed = on_removed,
		.gone = on_gone,
		.check_anew = on_check_anew};

	cr_assert(sodium_init() >= 0);
	views = qsbr_new(1, view_free);
	cr_assert(generations_init(&generations, &(struct generations_limits){4, 4, 4}, NULL));
	load = load_new(&(struct load_size){4, 4, 4, MAX_SERVERS});
	events = events_new(64);
	file = (struct file){0};
	say(&file, "aegis", "a:1 b:2");
	current = generation_of(&file);
	all = servers_new(current, views, load, events);
	cr_assert_not_null(all);
	servers_set_hooks(all, &hooks);
	heard[0] = '\0';
}

static void end(void)
{
	servers_free(all);
	events_free(events);
	load_free(load);
	qsbr_free(views);
	generations_release(&generations);
}

TestSuite(server_reload, .init = begin, .fini = end);

static void take_up(struct file *f)
{
	struct generation *g = generation_of(f);
	struct servers_next *next = servers_prepare(all, g, why, sizeof(why));

	cr_assert_not_null(next, "%s", why);
	servers_hold(all);
	servers_commit(all, g, next);
	servers_release(all);
	current = g;
}

static struct server *find(const char *backend, const char *name)
{
	struct backend *b = servers_find_backend(all, backend);

	return b ? servers_find(b, name) : NULL;
}

/* "a b": what the workers may choose from in a backend. */
static const char *chosen(const char *backend)
{
	static char text[128];
	const struct view *v = qsbr_read(views);
	const struct view_backend *b = &v->backends[servers_find_backend(all, backend)->slot];

	text[0] = '\0';
	for (size_t i = 0; i < b->n_servers; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " " : "",
			b->servers[i].name);
	return text;
}

static bool has_addr(const struct server *s, const char *wanted)
{
	char text[ADDR_TEXT_MAX];

	return strcmp(addr_format(&s->addr, text), wanted) == 0;
}

static void fail(struct server *s)
{
	struct check_result r = {.status = CHECK_L4REFUSED};

	servers_check(all, s, &r, mono_now());
}

/* --- what carries over --- */

Test(server_reload, a_server_stays_who_it_is)
{
	static struct file same;
	struct server *a = find("aegis", "a"), *b = find("aegis", "b");
	uint32_t id = a->id;

	fail(a);
	servers_set_admin(all, b, SERVER_DRAIN, "by a test");
	servers_set_weight(all, b, 7, "by a test");
	servers_set_max_connections(all, b, 9, "by a test");
	say(&same, "aegis", "b:2 a:1");
	heard[0] = '\0';
	take_up(&same);
	cr_expect_eq(find("aegis", "a"), a);
	cr_expect(eq(u32, a->id, id));
	cr_expect(not(server_is_up(a)));
	cr_expect(eq(u64, a->checks_failed, 1));
	cr_expect(eq(int, b->admin, SERVER_DRAIN));
	cr_expect(eq(u32, b->weight, 7));
	cr_expect(eq(u32, b->max_connections, 9));
	cr_expect_str_eq(heard, "", "nothing began or ended");
	cr_expect_eq(((const struct view *)qsbr_read(views))->generation, current);
}

Test(server_reload, a_server_that_is_down_is_not_chosen_in_the_first_view_of_the_reload)
{
	static struct file more;

	fail(find("aegis", "a"));
	say(&more, "aegis", "a:1 b:2 c:3");
	take_up(&more);
	cr_expect_str_eq(chosen("aegis"), "b c");
}

Test(server_reload, an_address_that_the_file_says_anew_beats_what_was_set)
{
	static struct file same, other;
	struct server *a = find("aegis", "a");
	struct addr set;

	cr_assert(addr_parse("192.0.2.77:443", false, &set));
	servers_set_addr(all, a, &set, "by a test");
	say(&same, "aegis", "a:1 b:2");
	take_up(&same);
	cr_expect(has_addr(a, "192.0.2.77:443"), "the file says the same as before");
	heard[0] = '\0';
	say(&other, "aegis", "a:9 b:2");
	take_up(&other);
	cr_expect(has_addr(a, "192.0.2.9:443"));
	cr_expect_str_eq(heard, "check a", "what was found of the other address is void");
}

Test(server_reload, a_weight_that_the_file_says_anew_beats_what_was_set_and_nothing_else)
{
	static struct file other;
	struct server *a = find("aegis", "a");

	servers_set_weight(all, a, 7, "by a test");
	servers_set_max_connections(all, a, 9, "by a test");
	say(&other, "aegis", "a:1 b:2");
	other.servers[0][0].weight = 3;
	take_up(&other);
	cr_expect(eq(u32, a->weight, 3));
	cr_expect(eq(u32, a->max_connections, 9));
}

Test(server_reload, a_server_that_came_at_run_time_stays_and_becomes_the_files_where_that_names_it)
{
	static struct file same, with, without;
	struct server *c;
	struct config_server said = {.name = "c", .weight = 1};

	cr_assert(addr_parse("192.0.2.3:443", false, &said.addr));
	cr_assert_eq(servers_add(all, servers_find_backend(all, "aegis"), &said, "by a test", &c),
		SERVERS_OK);
	say(&same, "aegis", "a:1 b:2");
	take_up(&same);
	cr_expect_eq(find("aegis", "c"), c);
	cr_expect(c->runtime);
	say(&with, "aegis", "a:1 b:2 c:4");
	take_up(&with);
	cr_expect(not(c->runtime));
	cr_expect(has_addr(c, "192.0.2.4:443"));
	say(&without, "aegis", "a:1 b:2");
	take_up(&without);
	cr_expect_null(find("aegis", "c"));
}

/* --- who goes, who comes --- */

Test(server_reload, a_server_with_another_name_is_another_one)
{
	static struct file other;
	uint32_t id = find("aegis", "a")->id;

	fail(find("aegis", "a"));
	say(&other, "aegis", "new:1 b:2");
	take_up(&other);
	cr_expect_null(find("aegis", "a"));
	cr_expect(ne(u32, find("aegis", "new")->id, id));
	cr_expect(server_is_up(find("aegis", "new")));
	cr_expect_str_eq(heard, "removed a, added new", "its connections go on");
	cr_expect_str_eq(chosen("aegis"), "b new");
}

Test(server_reload, who_goes_takes_his_connections_where_the_file_before_said_so)
{
	static struct file closing, keeping;

	say(&closing, "aegis", "a:1 b:2");
	closing.backends[0].on_removed = ON_GONE_CLOSE;
	take_up(&closing);
	say(&keeping, "aegis", "b:2");
	heard[0] = '\0';
	take_up(&keeping);
	cr_expect_str_eq(heard, "removed a, gone a");
}

Test(server_reload, a_name_that_comes_back_has_its_old_number)
{
	static struct file without;
	uint32_t id = find("aegis", "a")->id;

	say(&without, "aegis", "b:2");
	take_up(&without);
	cr_expect_null(servers_by_id(all, id));
	take_up(&file);
	cr_expect(eq(u32, find("aegis", "a")->id, id));
}

Test(server_reload, a_backend_that_goes_takes_its_servers_with_it)
{
	static struct file other;

	say(&other, "next", "a:1");
	take_up(&other);
	cr_expect_null(servers_find_backend(all, "aegis"));
	cr_expect(eq(sz, servers_backends(all), 1));
	cr_expect_str_eq(heard, "removed b, removed a, added a");
	cr_expect_str_eq(chosen("next"), "a");
}

Test(server_reload, without_checks_nobody_would_say_that_a_server_is_back)
{
	static struct file unchecked;

	fail(find("aegis", "a"));
	say(&unchecked, "aegis", "a:1 b:2");
	unchecked.backends[0].health.type = HEALTH_NONE;
	take_up(&unchecked);
	cr_expect(server_is_up(find("aegis", "a")));
	cr_expect_str_eq(heard, "removed b, removed a");
	heard[0] = '\0';
	take_up(&file);
	cr_expect_str_eq(heard, "added b, added a");
}

/* --- refused --- */

static void expect_unchanged(void)
{
	cr_expect_str_eq(heard, "");
	cr_expect(eq(sz, servers_backends(all), 1));
	cr_expect(eq(sz, servers_find_backend(all, "aegis")->n_servers, 2));
	cr_expect_str_eq(chosen("aegis"), "a b");
}

Test(server_reload, too_many_servers_are_refused_by_name_and_take_no_numbers)
{
	static struct file many, enough;
	struct generation *g;

	say(&many, "aegis", "a:1 b:2 c:3 d:4");
	say(&many, "next", "e:5 f:6");
	g = generation_of(&many);
	cr_assert_null(servers_prepare(all, g, why, sizeof(why)));
	cr_expect_not_null(strstr(why, "no room for server next/f"), "%s", why);
	generation_free(g);
	expect_unchanged();
	say(&enough, "aegis", "a:1 b:2 g:7 h:8");
	say(&enough, "next", "i:9");
	take_up(&enough);
	cr_expect_str_eq(chosen("aegis"), "a b g h");
}

Test(server_reload, one_that_is_rolled_back_changes_nothing)
{
	static struct file other;
	struct generation *g;

	say(&other, "aegis", "c:3");
	say(&other, "next", "d:4");
	g = generation_of(&other);
	servers_roll_back(all, servers_prepare(all, g, why, sizeof(why)));
	servers_roll_back(all, NULL);
	generation_free(g);
	expect_unchanged();
}

Test(server_reload, without_memory_it_is_refused_at_every_step)
{
	static struct file other;
	struct generation *g;

	say(&other, "aegis", "a:1 c:3");
	say(&other, "next", "d:4");
	g = generation_of(&other);
	for (unsigned n = 1; fault_next(n); n++) {
		struct servers_next *next = servers_prepare(all, g, why, sizeof(why));

		if (fault_struck()) {
			cr_expect_null(next);
			cr_expect_str_eq(why, "out of memory");
		}
		servers_roll_back(all, next);
	}
	generation_free(g);
	expect_unchanged();
}

#include "generation.h"

#include "../fault.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

static struct generations all;
static char why[256];
static unsigned released;

static void on_release(struct config *c)
{
	(void)c;
	released++;
}

static void begin(void)
{
	released = 0;
	cr_assert(generations_init(&all, &(struct generations_limits){3, 3, 2}, on_release));
}

static void end(void)
{
	generations_release(&all);
}

TestSuite(generation, .init = begin, .fini = end);

/* Static wherever it stands: generations are freed after the test has returned.
 * A configuration of these names: listeners "web:h" (mode = "http") or "web:p", and backends. */
struct made {
	struct config config;
	struct config_listener listeners[4];
	struct config_backend backends[4];
	char names[4][8];
};

static const struct config *make(struct made *m, const char *listeners, const char *backends)
{
	static char texts[8][64];
	static unsigned n;
	char *text = texts[n++ % 8], *save = NULL, *other = texts[n++ % 8];

	*m = (struct made){.config = {.listeners = m->listeners, .backends = m->backends}};
	snprintf(text, sizeof(texts[0]), "%s", listeners);
	for (char *p = strtok_r(text, " ", &save); p; p = strtok_r(NULL, " ", &save)) {
		char *mode = strchr(p, ':');

		*mode = '\0';
		m->listeners[m->config.n_listeners++] = (struct config_listener){
			.name = p, .mode = mode[1] == 'h' ? MODE_HTTP : MODE_PASSTHROUGH};
	}
	snprintf(other, sizeof(texts[0]), "%s", backends);
	for (char *p = strtok_r(other, " ", &save); p; p = strtok_r(NULL, " ", &save))
		m->backends[m->config.n_backends++].name = p;
	return &m->config;
}

static struct generation *next(struct made *m, const char *listeners, const char *backends)
{
	return generation_new(&all, make(m, listeners, backends), why, sizeof(why));
}

Test(generation, names_keep_their_slots_wherever_they_stand)
{
	static struct made m1, m2;
	struct generation *first = next(&m1, "a:p b:p", "x y"), *second = next(&m2, "b:p", "y z x");

	cr_assert_not_null(first, "%s", why);
	cr_assert_not_null(second, "%s", why);
	cr_expect(eq(u16, second->listener_slots[0], first->listener_slots[1]));
	cr_expect(eq(u16, second->backend_slots[2], first->backend_slots[0]));
	cr_expect(eq(u16, generation_backend_slot(second, 0), first->backend_slots[1]));
	cr_expect(eq(u16, generation_backend_slot(second, -1), GENERATION_NO_BACKEND));
	cr_expect_null(generation_listener(second, first->listener_slots[0]), "it is gone");
	cr_expect_eq(generation_listener(second, second->listener_slots[0]), &m2.listeners[0]);
	cr_expect_eq(generation_backend(second, second->backend_slots[1]), &m2.backends[1]);
	cr_expect_null(generation_backend(first, second->backend_slots[1]), "it came later");
	cr_expect_str_eq(generations_listener_name(&all, first->listener_slots[0]), "a");
	cr_expect(eq(u32, second->number, first->number + 1));
}

Test(generation, a_listener_that_changes_its_mode_is_another_one)
{
	static struct made m1, m2;
	struct generation *first = next(&m1, "a:p", "x"), *second = next(&m2, "a:h", "x");

	cr_expect(ne(u16, second->listener_slots[0], first->listener_slots[0]));
	cr_expect_str_eq(generations_listener_name(&all, second->listener_slots[0]), "a");
}

Test(generation, a_limit_is_known_by_its_place_and_not_by_its_numbers)
{
	static const char *names[] = {"one.example"};
	struct config_route routes[] = {{.path = "/a", .limit = {.count = 1, .table = 0}},
		{.path = "/b", .names = names, .n_names = 1, .limit = {.count = 1, .table = 1}}};
	struct config_route turned[] = {
		{.path = "/b", .names = names, .n_names = 1, .limit = {.count = 7, .table = 0}},
		{.path = "/a", .limit = {.count = 9, .table = 1}}};
	static struct made m1, m2;
	struct generation *first, *second;

	make(&m1, "a:h", "x");
	m1.listeners[0].routes = routes;
	make(&m2, "a:h", "x");
	m2.listeners[0].routes = turned;
	m1.listeners[0].n_routes = m2.listeners[0].n_routes = 2;
	m1.config.n_request_limits = m2.config.n_request_limits = 2;
	first = generation_new(&all, &m1.config, why, sizeof(why));
	second = generation_new(&all, &m2.config, why, sizeof(why));
	cr_assert_not_null(first, "%s", why);
	cr_assert_not_null(second, "%s", why);
	cr_expect(eq(u32, first->limit_slots[0], second->limit_slots[1]));
	cr_expect(eq(u32, first->limit_slots[1], second->limit_slots[0]));
}

Test(generation, one_that_finds_no_room_is_refused_by_name_and_takes_none)
{
	static struct made m1, m2;
	struct generation *first = next(&m1, "a:p", "x y");

	cr_assert_null(next(&m2, "a:p", "v w"));
	cr_expect_not_null(strstr(why, "no room for more backends than 3"), "%s", why);
	cr_expect(eq(u32, all.n_alive, 1));
	cr_expect_not_null(next(&m2, "a:p", "x z"),
		"what was taken for the one before is free again: %s", why);
	generation_free(first);
	cr_expect_not_null(next(&m2, "a:p", "w z"), "and what the first had, now: %s", why);
}

Test(generation, it_is_over_when_neither_views_nor_workers_have_it)
{
	static struct made m;
	struct generation *g = next(&m, "a:p", "x");

	generation_add_view(g);
	atomic_fetch_add(&g->users, 1);
	cr_expect(eq(uint, generations_in_use(&all), 1));
	generation_drop_view(g);
	cr_expect(not(generation_is_over(g)));
	generation_add_view(g);
	atomic_fetch_sub(&g->users, 1);
	cr_expect(not(generation_is_over(g)));
	cr_expect(eq(uint, generations_in_use(&all), 0));
	generation_drop_view(g);
	cr_expect(generation_is_over(g));
	g->owned = &m.config;
	cr_expect_eq(generations_find(&all, g->number), g);
	generation_free(g);
	cr_expect(eq(uint, released, 1));
	cr_expect_null(generations_find(&all, 1));
}

Test(generation, without_memory_it_is_refused_and_leaves_nothing)
{
	static struct made m1, m2;

	next(&m1, "a:p", "x");
	for (unsigned n = 1; fault_next(n); n++) {
		struct generation *g = next(&m2, "a:p b:h", "y x");

		if (fault_struck()) {
			cr_expect_null(g);
			cr_expect_str_eq(why, "out of memory");
			cr_expect(eq(u32, all.n_alive, 1));
		} else {
			generation_free(g);
		}
	}
}

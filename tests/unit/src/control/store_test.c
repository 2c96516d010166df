#include "control/store.h"

#include "base/mono.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/aegislb-store-test.XXXXXX";
static struct event_base *base;
static struct store *store;

static void begin(void)
{
	cr_assert(mkdtemp(dir));
	base = event_base_new();
	store = store_new(base, dir);
	cr_assert(store);
}

static void end(void)
{
	char command[64];

	store_free(store);
	event_base_free(base);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	cr_assert_eq(system(command), 0);
}

TestSuite(store, .init = begin, .fini = end);

/* What the file holds; the caller frees it. NULL: there is none. */
static char *held(const char *name)
{
	char path[128], *text = calloc(1, 4096);
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "r");
	if (!f) {
		free(text);
		return NULL;
	}
	cr_assert_lt(fread(text, 1, 4095, f), 4095);
	fclose(f);
	return text;
}

static void expect(const char *name, const char *expected)
{
	char *text = held(name);

	cr_assert(text, "%s was not written", name);
	cr_expect_str_eq(text, expected);
	free(text);
}

static void on_kept(void *arg)
{
	++*(unsigned *)arg;
}

static void run_until(const unsigned *calls, unsigned n)
{
	struct mono limit = mono_add_ms(mono_now(), 10000);
	struct timeval short_wait = {0, 1000};

	while (*calls < n) {
		cr_assert(!mono_reached(mono_now(), limit), "nothing was kept in ten seconds");
		event_base_loopexit(base, &short_wait);
		event_base_dispatch(base);
	}
}

Test(store, who_waits_is_called_when_the_file_is_there)
{
	unsigned calls = 0;
	struct store_waiter w = {.cb = on_kept, .arg = &calls};

	store_write(store, "a", strdup("one"));
	cr_assert(store_wait(store, &w));
	run_until(&calls, 1);
	expect("a", "one");
	cr_expect_not(store_wait(store, &w), "nothing is under way");
}

Test(store, of_several_changes_the_last_is_what_stays)
{
	unsigned calls = 0;
	struct store_waiter w = {.cb = on_kept, .arg = &calls};
	char text[16];

	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "%d", i);
		store_write(store, i % 2 ? "odd" : "even", strdup(text));
	}
	cr_assert(store_wait(store, &w));
	run_until(&calls, 1);
	expect("odd", "99");
	expect("even", "98");
}

/* What the second waiter had been told when the first was. */
struct order {
	unsigned first, second, second_at_first;
};

static void on_first(void *arg)
{
	struct order *o = arg;

	o->first++;
	o->second_at_first = o->second;
}

Test(store, a_waiter_does_not_wait_for_what_came_after_it)
{
	struct order o = {.second_at_first = 9};
	struct store_waiter w1 = {.cb = on_first, .arg = &o};
	struct store_waiter w2 = {.cb = on_kept, .arg = &o.second};

	store_write(store, "a", strdup("1"));
	cr_assert(store_wait(store, &w1));
	store_write(store, "a", strdup("2"));
	cr_assert(store_wait(store, &w2));
	run_until(&o.second, 1);
	cr_expect_eq(o.first, 1);
	cr_expect_eq(o.second_at_first, 0);
	expect("a", "2");
}

Test(store, who_no_longer_waits_is_not_called)
{
	unsigned calls = 0, others = 0;
	struct store_waiter w = {.cb = on_kept, .arg = &calls};
	struct store_waiter other = {.cb = on_kept, .arg = &others};
	struct store_waiter idle = {0};

	store_write(store, "a", strdup("1"));
	cr_assert(store_wait(store, &w));
	cr_assert(store_wait(store, &other));
	store_cancel(&w);
	store_cancel(&idle);
	run_until(&others, 1);
	cr_expect_eq(calls, 0);
}

Test(store, the_end_keeps_what_was_under_way)
{
	store_write(store, "a", strdup("1"));
	store_write(store, "a", strdup("2"));
	store_write(store, "b", strdup("3"));
	store_free(store);
	store = NULL;
	expect("a", "2");
	expect("b", "3");
}

Test(store, a_file_that_cannot_be_written_keeps_nobody_waiting)
{
	unsigned calls = 0;
	struct store_waiter w = {.cb = on_kept, .arg = &calls};
	char path[128];

	snprintf(path, sizeof(path), "%s/a.new", dir);
	cr_assert_eq(mkdir(path, 0700), 0);
	store_write(store, "a", strdup("1"));
	cr_assert(store_wait(store, &w));
	run_until(&calls, 1);
	cr_expect_null(held("a"));
	cr_assert_eq(rmdir(path), 0);
	store_write(store, "a", strdup("2"));
	cr_assert(store_wait(store, &w));
	run_until(&calls, 2);
	expect("a", "2");
}

Test(store, nothing_but_the_files_is_left_and_only_their_owner_reads_them)
{
	struct stat st;
	char path[128];

	cr_assert_eq(store_write_now(dir, "a", "1"), 0);
	expect("a", "1");
	cr_expect_null(held("a.new"));
	snprintf(path, sizeof(path), "%s/a", dir);
	cr_assert_eq(stat(path, &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0600);
	cr_expect_eq(store_write_now("/nonexistent", "a", "1"), 2 /* ENOENT */);
}

Test(store, what_is_appended_comes_behind_what_was_written)
{
	store_write(store, "f", strdup("one\n"));
	store_append(store, "f", strdup("two\n"));
	store_append(store, "f", strdup("three\n"));
	store_free(store);
	store = store_new(base, dir);
	expect("f", "one\ntwo\nthree\n");
	store_append(store, "f", strdup("four\n"));
	store_write(store, "f", strdup("anew\n"));
	store_append(store, "f", strdup("behind\n"));
	store_free(store);
	store = store_new(base, dir);
	expect("f", "anew\nbehind\n");
}

Test(store, nothing_is_appended_to_a_file_that_is_not_there_until_it_is_written)
{
	unsigned calls = 0;
	struct store_waiter w = {.cb = on_kept, .arg = &calls};

	store_append(store, "g", strdup("lost\n"));
	cr_assert(store_wait(store, &w));
	run_until(&calls, 1);
	cr_assert_eq(store_error(store, "g"), ENOENT);
	cr_assert(!held("g"));
	store_write(store, "g", strdup("whole\n"));
	cr_assert(store_wait(store, &w));
	run_until(&calls, 2);
	cr_assert_eq(store_error(store, "g"), 0);
	expect("g", "whole\n");
}

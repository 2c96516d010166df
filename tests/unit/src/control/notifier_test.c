#include "control/notifier.h"

#include "base/mono.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/aegislb-notifier-test.XXXXXX";
static char program[64], told[64];
static struct event_base *base;
static struct notifier *notifier;

/* A program that writes its environment, then does what `rest` says. */
static void write_program(const char *rest)
{
	FILE *f = fopen(program, "w");

	cr_assert(f);
	fprintf(f,
		"#!/bin/sh\nenv | grep -E '^AEGISLB_(CAUSE|CLUSTER|EVENT|MEMBER|NODE|STATE)=' | "
		"sort >> %s\n"
		"echo . >> %s\n%s\n",
		told, told, rest);
	fclose(f);
	cr_assert_eq(chmod(program, 0755), 0);
}

static void begin(void)
{
	cr_assert(mkdtemp(dir));
	snprintf(program, sizeof(program), "%s/program", dir);
	snprintf(told, sizeof(told), "%s/told", dir);
	write_program("");
	base = event_base_new();
	notifier = notifier_new(base, program, "lb-01", "aegis");
	cr_assert(notifier);
}

static void end(void)
{
	char command[64];

	notifier_free(notifier);
	event_base_free(base);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	cr_assert_eq(system(command), 0);
}

TestSuite(notifier, .init = begin, .fini = end);

/* All that was written so far; the caller frees it. */
static char *all_told(void)
{
	char *text = calloc(1, 65536);
	FILE *f = fopen(told, "r");

	if (f) {
		cr_assert_lt(fread(text, 1, 65535, f), 65535);
		fclose(f);
	}
	return text;
}

static unsigned runs(void)
{
	char *text = all_told();
	unsigned n = 0;

	for (const char *p = text; (p = strstr(p, ".\n")); p++)
		n += p == text || p[-1] == '\n';
	free(text);
	return n;
}

static void run_until(unsigned n)
{
	struct mono limit = mono_add_ms(mono_now(), 10000);
	struct timeval short_wait = {0, 10000};

	while (runs() < n) {
		cr_assert(!mono_reached(mono_now(), limit), "%u runs in ten seconds", runs());
		event_base_loopexit(base, &short_wait);
		event_base_dispatch(base);
	}
}

static void add(const char *state)
{
	notifier_add(notifier, "member",
		(struct notifier_var[]){
			{"MEMBER", "lb-02"}, {"STATE", state}, {"CAUSE", NULL}, {0}});
}

Test(notifier, what_happened_stands_in_the_environment)
{
	char *text;

	add("dead; rm -rf /\n$(x)");
	run_until(1);
	text = all_told();
	cr_expect(strstr(text, "AEGISLB_CLUSTER=aegis\nAEGISLB_EVENT=member\nAEGISLB_MEMBER=lb-02\n"
			       "AEGISLB_NODE=lb-01\nAEGISLB_STATE=dead; rm -rf /\n"),
		"%s", text);
	cr_expect_not(strstr(text, "CAUSE"), "what is not known is left out: %s", text);
	free(text);
}

Test(notifier, changes_are_told_one_after_the_other)
{
	char *text;
	const char *dead, *alive, *left;

	add("dead");
	add("alive");
	add("left");
	run_until(3);
	text = all_told();
	dead = strstr(text, "STATE=dead");
	alive = strstr(text, "STATE=alive");
	left = strstr(text, "STATE=left");
	cr_expect(dead && alive && left && dead < alive && alive < left, "%s", text);
	free(text);
}

/* As a reload does. */
Test(notifier, the_program_may_come_and_go)
{
	add("dead");
	notifier_set_program(notifier, NULL);
	add("suspect");
	run_until(1);
	notifier_set_program(notifier, program);
	add("alive");
	run_until(2);
	cr_expect_eq(runs(), 2);
}

Test(notifier, a_program_that_fails_or_is_gone_stops_nothing)
{
	write_program("exit 3");
	add("dead");
	run_until(1);
	cr_assert_eq(unlink(program), 0);
	add("alive");
	write_program("");
	add("left");
	run_until(2);
}

Test(notifier, who_does_not_keep_up_loses_changes_and_nobody_waits)
{
	struct mono before = mono_now();

	write_program("sleep 60");
	for (int i = 0; i < NOTIFIER_QUEUE_MAX + 10; i++)
		add("dead");
	cr_expect_lt(mono_diff_us(before, mono_now()), 1000000);
	cr_expect_eq(notifier_dropped(notifier), 9); /* one runs */
}

Test(notifier, without_a_program_nothing_is_told)
{
	notifier_add(NULL, "member", (struct notifier_var[]){{0}});
	cr_expect_eq(notifier_dropped(NULL), 0);
}

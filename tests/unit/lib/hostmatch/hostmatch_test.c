#include "hostmatch/hostmatch.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct arena *arena;
static struct hostmatch *m;

static void set_up(void)
{
	arena = arena_new();
	m = hostmatch_new(arena);
}

static void tear_down(void)
{
	arena_free(arena);
}

TestSuite(hostmatch, .init = set_up, .fini = tear_down);

static void add(const char *pattern, int value)
{
	int taken;

	cr_assert_eq(
		hostmatch_add(m, span_str(pattern), value, &taken), HOSTMATCH_ADDED, "%s", pattern);
}

static void expect(const char *name, int value)
{
	cr_assert_eq(hostmatch_find(m, span_str(name)), value, "%s", name);
}

static void expect_refused(const char *pattern, enum hostmatch_status status)
{
	int taken;

	cr_assert_eq(hostmatch_add(m, span_str(pattern), 1, &taken), status, "%s", pattern);
	cr_assert_gt(strlen(hostmatch_strerror(status)), 0);
}

Test(hostmatch, empty_table_has_nothing)
{
	expect("aegisagent.ai", HOSTMATCH_NONE);
	expect("", HOSTMATCH_NONE);
}

Test(hostmatch, wildcard_stands_for_one_label_or_more)
{
	add("*.aegisagent.ai", 1);
	expect("code.aegisagent.ai", 1);
	expect("api.notebooks.aegisagent.ai", 1);
	expect("aegisagent.ai", HOSTMATCH_NONE);
	expect("evilaegisagent.ai", HOSTMATCH_NONE);
	expect("aegisagent.ai.evil.ai", HOSTMATCH_NONE);
	expect("ai", HOSTMATCH_NONE);
}

Test(hostmatch, exact_name_beats_every_wildcard)
{
	add("*.b.example", 1);
	add("a.b.example", 2);
	add("*.a.b.example", 3);
	expect("a.b.example", 2);
	expect("x.b.example", 1);
}

Test(hostmatch, longest_wildcard_wins_whatever_the_order)
{
	add("*.example", 1);
	add("*.b.a.example", 3);
	add("*.a.example", 2);
	expect("x.example", 1);
	expect("x.a.example", 2);
	expect("x.b.a.example", 3);
	expect("b.a.example", 2);
	expect("a.example", 1);
}

Test(hostmatch, name_and_wildcard_over_it_are_two_patterns)
{
	add("aegisagent.ai", 1);
	add("*.aegisagent.ai", 2);
	expect("aegisagent.ai", 1);
	expect("x.aegisagent.ai", 2);
}

Test(hostmatch, entry_for_any_name_comes_last)
{
	int taken;

	add("a.example", 1);
	cr_assert_eq(hostmatch_add_any(m, 7, &taken), HOSTMATCH_ADDED);
	expect("a.example", 1);
	expect("b.example", 7);
	expect("", 7);
}

Test(hostmatch, spelling_of_a_pattern_does_not_count)
{
	add("*.AegisAgent.AI.", 1);
	add("Aegis.Rbnk.UK", 2);
	expect("x.aegisagent.ai", 1);
	expect("aegis.rbnk.uk", 2);
}

Test(hostmatch, second_pattern_of_one_name_reports_the_first)
{
	int taken = 0;

	add("a.example", 4);
	add("*.example", 5);
	cr_assert_eq(hostmatch_add(m, span_str("A.example."), 6, &taken), HOSTMATCH_DUPLICATE);
	cr_assert_eq(taken, 4);
	cr_assert_eq(hostmatch_add(m, span_str("*.EXAMPLE"), 6, &taken), HOSTMATCH_DUPLICATE);
	cr_assert_eq(taken, 5);
	expect("a.example", 4);
	expect("b.example", 5);
}

Test(hostmatch, second_entry_for_any_name_reports_the_first)
{
	int taken = 0;

	cr_assert_eq(hostmatch_add_any(m, 8, &taken), HOSTMATCH_ADDED);
	cr_assert_eq(hostmatch_add_any(m, 9, &taken), HOSTMATCH_DUPLICATE);
	cr_assert_eq(taken, 8);
	expect("x", 8);
}

Test(hostmatch, what_is_wrong_with_a_pattern_is_told_apart)
{
	char label[80];

	expect_refused("", HOSTMATCH_EMPTY);
	expect_refused("*", HOSTMATCH_BAD_WILDCARD);
	expect_refused("*.", HOSTMATCH_BAD_WILDCARD);
	expect_refused("a.*.example", HOSTMATCH_BAD_WILDCARD);
	expect_refused("*.*.example", HOSTMATCH_BAD_WILDCARD);
	expect_refused("a*.example", HOSTMATCH_BAD_WILDCARD);
	expect_refused("*a.example", HOSTMATCH_BAD_WILDCARD);
	expect_refused("a..example", HOSTMATCH_BAD_LABEL);
	expect_refused("*..example", HOSTMATCH_BAD_LABEL);
	expect_refused(".example", HOSTMATCH_BAD_LABEL);
	expect_refused("a.example:443", HOSTMATCH_BAD_BYTE);
	expect_refused("caf\xc3\xa9.example", HOSTMATCH_BAD_BYTE);
	expect_refused("https://a.example/", HOSTMATCH_BAD_BYTE);
	memset(label, 'a', 64);
	memcpy(label + 64, ".example", 9);
	expect_refused(label, HOSTMATCH_BAD_LABEL);
}

Test(hostmatch, pattern_no_name_can_match_for_its_length_is_refused)
{
	char pattern[300] = "*.";

	for (size_t i = 2; i < 255; i++)
		pattern[i] = i % 50 == 0 ? '.' : 'a';
	pattern[253] = '\0';
	add(pattern, 1);
	pattern[253] = 'a';
	pattern[254] = '\0';
	expect_refused(pattern, HOSTMATCH_TOO_LONG);
	expect_refused(pattern + 2, HOSTMATCH_ADDED);
}

Test(hostmatch, refused_patterns_leave_no_trace)
{
	expect_refused("a..example", HOSTMATCH_BAD_LABEL);
	expect_refused("*a.example", HOSTMATCH_BAD_WILDCARD);
	expect("a.example", HOSTMATCH_NONE);
	expect("x.example", HOSTMATCH_NONE);
}

Test(hostmatch, ten_thousand_names_are_all_found)
{
	char pattern[64];

	for (int i = 0; i < 10000; i++) {
		snprintf(pattern, sizeof(pattern), i % 2 ? "*.h%d.example" : "h%d.example", i);
		add(pattern, i);
	}
	for (int i = 0; i < 10000; i++) {
		snprintf(pattern, sizeof(pattern), i % 2 ? "x.h%d.example" : "h%d.example", i);
		expect(pattern, i);
	}
	expect("h1.example", HOSTMATCH_NONE);
	expect("x.h0.example", HOSTMATCH_NONE);
}

Test(hostmatch, names_are_normalized_as_host_names_are)
{
	char name[HOSTNAME_SIZE];

	cr_assert_eq(hostmatch_normalize(span_str("Code.AegisAgent.ai.:443"), name), 18);
	cr_assert_str_eq(name, "code.aegisagent.ai");
	cr_assert_eq(hostmatch_normalize(span_str(""), name), HOSTNAME_EMPTY);
}

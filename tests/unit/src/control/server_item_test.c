#include "control/server_item.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* --- keys and values --- */

Test(server_item, a_key_comes_apart_as_it_was_put_together)
{
	struct server_key k;
	char key[SERVER_KEY_MAX + 1];

	for (unsigned a = 0; a < SERVER_ATTRS; a++) {
		cr_assert(server_key_format(a, "my backend", "s/1", key));
		cr_assert(server_key_parse(span_str(key), &k), "%s", key);
		cr_assert_eq(k.attr, a);
		cr_assert_str_eq(k.backend, "my backend");
		cr_assert_str_eq(k.server, "s/1");
	}
}

Test(server_item, a_key_that_would_be_too_long_is_refused)
{
	char name[300], key[SERVER_KEY_MAX + 1];
	struct server_key k;

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	cr_assert(!server_key_format(ATTR_ADMIN, "aegis", name, key));
	cr_assert(!server_key_parse(span_str(name), &k));
}

Test(server_item, what_is_no_key_of_ours_is_not_taken_for_one)
{
	static const char *const bad[] = {"", "admin", "admin ", "admin aegis", "admin /a",
		"admin aegis/", "colour aegis/a", "admin/a"};
	struct server_key k;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert(!server_key_parse(span_str(bad[i]), &k), "%s", bad[i]);
	cr_assert(!server_key_parse(span_of("admin a\0/b", 10), &k));
}

Test(server_item, a_definition_comes_back_as_it_was_said)
{
	struct config_server s = {.name = "n",
		.weight = 256,
		.max_connections = UINT32_MAX,
		.backup = true,
		.slow_start_ms = 123456789,
		.health_port = 65535};
	char text[SERVER_VALUE_MAX], again[SERVER_VALUE_MAX];
	struct config_server back;

	cr_assert(addr_parse("[2001:db8:1111:2222:3333:4444:5555:6666]:65535", false, &s.addr));
	server_definition_format(&s, text);
	cr_assert(server_definition_parse("n", text, &back), "%s", text);
	cr_assert_str_eq(server_definition_format(&back, again), text);
	cr_assert(!server_definition_parse("n", "nonsense", &back));
	cr_assert(!server_definition_parse("n", "10.0.0.1:443 colour red", &back));
}

/* --- whose word holds --- */

static const struct server_said from_10 = {.stamp = 10, .origin = 1, .file = "5"};

Test(server_item, without_a_word_the_file_holds)
{
	struct server_said nothing = {.file = "5"};

	cr_assert_eq(server_item_decide(NULL, &nothing), WORD_FILE);
}

Test(server_item, an_item_that_is_new_here_holds_whatever_the_file_says)
{
	struct server_here older = {.stamp = 9, .origin = 1, .file = "4"};
	struct server_here other = {.stamp = 10, .origin = 2, .file = "4"};
	struct server_here overruled = {.stamp = 9, .origin = 1, .file = "4", .overruled = true};
	struct server_here local = {.stamp = 9, .origin = 1, .file = "4", .local = "7"};

	cr_assert_eq(server_item_decide(NULL, &from_10), WORD_ITEM);
	cr_assert_eq(server_item_decide(&older, &from_10), WORD_ITEM);
	cr_assert_eq(server_item_decide(&other, &from_10), WORD_ITEM);
	cr_assert_eq(server_item_decide(&overruled, &from_10), WORD_ITEM);
	cr_assert_eq(server_item_decide(&local, &from_10), WORD_ITEM);
}

Test(server_item, a_file_that_changed_since_overrules_the_item_for_good)
{
	struct server_here here = {.stamp = 10, .origin = 1, .file = "4"};

	cr_assert_eq(server_item_decide(&here, &from_10), WORD_CHANGED);
	here.overruled = true;
	cr_assert_eq(server_item_decide(&here, &from_10), WORD_FILE);
	here.file = "5"; /* it says again what it said */
	cr_assert_eq(server_item_decide(&here, &from_10), WORD_FILE);
}

Test(server_item, this_nodes_own_word_holds_until_the_next)
{
	struct server_here here = {.stamp = 10, .origin = 1, .file = "5", .local = "7"};
	struct server_here alone = {.file = "5", .local = "7"};
	struct server_said nothing = {.file = "5"}, newer = {.stamp = 11, .origin = 1, .file = "5"};

	cr_assert_eq(server_item_decide(&here, &from_10), WORD_LOCAL);
	cr_assert_eq(server_item_decide(&here, &newer), WORD_ITEM);
	cr_assert_eq(server_item_decide(&alone, &nothing), WORD_LOCAL);
	nothing.file = "6";
	cr_assert_eq(server_item_decide(&alone, &nothing), WORD_CHANGED);
}

Test(server_item, an_item_that_holds_goes_on_to_hold)
{
	struct server_here here = {.stamp = 10, .origin = 1, .file = "5"};

	cr_assert_eq(server_item_decide(&here, &from_10), WORD_ITEM);
}

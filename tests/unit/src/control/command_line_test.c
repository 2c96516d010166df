#include "control/command_line.h"

#include <criterion/criterion.h>
#include <string.h>

static char text[256];
static const char *words[COMMAND_WORDS_MAX + 1];

static unsigned cut(const char *line, size_t n)
{
	memcpy(text, line, n);
	return command_line_words(text, n, words);
}

static unsigned cut_str(const char *line)
{
	return cut(line, strlen(line));
}

Test(command_line, words_are_separated_by_blanks)
{
	cr_assert_eq(cut_str("  set \t server\ta/b  "), 3);
	cr_assert_str_eq(words[0], "set");
	cr_assert_str_eq(words[1], "server");
	cr_assert_str_eq(words[2], "a/b");
	cr_assert_str_eq(words[3], "");
	cr_assert_str_eq(words[COMMAND_WORDS_MAX], "");
}

Test(command_line, nothing_is_no_word)
{
	cr_assert_eq(cut_str(""), 0);
	cr_assert_eq(cut_str(" \t "), 0);
	cr_assert_str_eq(words[0], "");
}

Test(command_line, a_backslash_takes_the_next_byte_as_it_is)
{
	cr_assert_eq(cut_str("a\\ b \\\\ c\\;d"), 3);
	cr_assert_str_eq(words[0], "a b");
	cr_assert_str_eq(words[1], "\\");
	cr_assert_str_eq(words[2], "c;d");
	cr_assert_eq(cut_str("a\\"), 1);
	cr_assert_str_eq(words[0], "a\\");
}

Test(command_line, a_nul_does_not_shorten_a_word)
{
	cr_assert_eq(cut("a\0b c", 5), 2);
	cr_assert_str_eq(words[0], "a?b");
	cr_assert_str_eq(words[1], "c");
}

Test(command_line, words_beyond_the_limit_are_dropped)
{
	char line[200];

	for (int i = 0; i < 100; i++)
		memcpy(line + 2 * i, "x ", 2);
	cr_assert_eq(cut(line, 200), COMMAND_WORDS_MAX);
	cr_assert_str_eq(words[COMMAND_WORDS_MAX], "");
}

Test(command_line, a_command_ends_at_a_semicolon_that_nothing_protects)
{
	cr_assert_eq(command_line_first(span_str("ab;cd")), 2);
	cr_assert_eq(command_line_first(span_str("a\\;b;c")), 4);
	cr_assert_eq(command_line_first(span_str("a\\\\;b")), 3);
	cr_assert_eq(command_line_first(span_str("abc\\")), 4);
	cr_assert_eq(command_line_first(span_str("")), 0);
}

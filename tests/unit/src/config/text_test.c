#include "case.h"
#include "config/text.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

TestSuite(config_text, .init = case_enter, .fini = case_leave);

#define FINE "listeners = (); backends = ();\n"

Test(config_text, a_missing_file_is_named)
{
	struct config_report report = {0};

	cr_assert_null(config_load("away.conf", &report));
	cr_assert_eq(report.n_errors, 1);
	cr_expect_str_eq(report.errors[0], "away.conf: cannot be read: No such file or directory");
	config_report_release(&report);
}

Test(config_text, what_is_no_regular_file_is_not_read)
{
	struct config_report report = {0};

	cr_assert_eq(mkfifo("pipe", 0600), 0);
	cr_assert_null(config_load("pipe", &report));
	cr_expect_str_eq(report.errors[0], "pipe: cannot be read: it is not a regular file");
	config_report_release(&report);
}

Test(config_text, an_include_is_relative_to_the_file_that_includes)
{
	case_file("d/one.conf", "@include \"two.conf\"\n");
	case_file("d/two.conf", FINE);
	case_errors("# first\n@include \"d/one.conf\"\n", "");
}

Test(config_text, an_error_in_an_included_file_names_that_file_and_its_line)
{
	case_file("d/one.conf", "# a comment\n\nnodee = 1;\n");
	case_errors("worker = 1;\n@include \"d/one.conf\"\nuserr = 1;\n" FINE,
		"t.conf:1: worker: unknown key; did you mean \"workers\"?\n"
		"d/one.conf:3: nodee: unknown key; did you mean \"node\"?\n"
		"t.conf:3: userr: unknown key; did you mean \"user\"?");
}

Test(config_text, an_include_may_stand_inside_a_list)
{
	case_file("one.conf",
		"{ name = \"b\";\n servers = ( { name = \"s\"; address = \"x\"; } ); }\n");
	case_errors("listeners = (); backends = (\n@include \"one.conf\"\n);\n",
		"one.conf:2: backends[0].servers[0].address: found \"x\": it has no port; expected "
		"an address and "
		"a port such as \"10.10.10.103:443\" or \"[2001:db8::1]:443\"");
}

Test(config_text, a_missing_include_is_an_error_of_its_line)
{
	case_errors(FINE "@include \"d/away.conf\"\n",
		"t.conf:2: @include: cannot read \"d/away.conf\": No such file or directory");
}

Test(config_text, a_file_that_includes_itself_is_refused)
{
	case_file("one.conf", "\n@include \"t.conf\"\n");
	case_errors("@include \"one.conf\"\n" FINE,
		"one.conf:2: @include: cannot read \"t.conf\": it includes itself");
}

Test(config_text, a_chain_of_includes_ends)
{
	char name[32], text[64];

	for (int i = 0; i < 12; i++) {
		snprintf(name, sizeof(name), "%d.conf", i);
		snprintf(text, sizeof(text), "@include \"%d.conf\"\n", i + 1);
		case_file(name, text);
	}
	case_errors("@include \"0.conf\"\n", "9.conf:1: @include: cannot read \"10.conf\": more "
					     "than 10 files include one another");
}

Test(config_text, an_include_takes_one_file_in_quotes)
{
	case_errors("@include one.conf\n", "t.conf:1: @include: expected one file in quotes and "
					   "nothing after it, as in @include \"FILE\"");
	case_errors("@include \"one.conf\" x = 1;\n",
		"t.conf:1: @include: expected one file in quotes "
		"and nothing after it, as in @include \"FILE\"");
}

Test(config_text, an_include_in_a_comment_includes_nothing)
{
	case_errors(
		"/*\n@include \"away\"\n*/\n# @include \"away\"\n// @include \"away\"\n" FINE, "");
}

Test(config_text, lines_may_end_with_carriage_returns)
{
	case_errors("# c\r\nlisteners = ();\r\nbackends = ();\r\nnodee = \"x\";\r\n",
		"t.conf:4: nodee: unknown key; did you mean \"node\"?");
}

Test(config_text, the_last_line_needs_no_newline)
{
	case_errors("listeners = (); backends = ()", "");
}

Test(config_text, a_text_ends_on_its_line)
{
	case_errors("node = \"x;\nworkers = 1;\nuser = \"y;\n",
		"t.conf:1: a text without its closing quote (\"); a text ends on the line it "
		"began\n"
		"t.conf:3: a text without its closing quote (\"); a text ends on the line it "
		"began");
}

Test(config_text, a_quote_behind_a_backslash_ends_no_text)
{
	case_errors("node = \"x\\\"y\";\n" FINE,
		"t.conf:1: node: found \"x\"y\"; expected a name of "
		"up to 63 letters, digits, '-', '_', '.' and ':'");
}

Test(config_text, a_comment_has_its_end)
{
	case_errors(
		"\n /* begun\n and not ended\n", "t.conf:2: a comment (/*) without its end (*/)");
}

Test(config_text, a_bracket_that_is_not_closed_is_named_where_it_opens)
{
	case_errors("listeners = (\n{ name = \"x\";\n",
		"t.conf:1: \"(\" is never closed; expected its \")\"\n"
		"t.conf:2: \"{\" is never closed; expected its \"}\"");
}

Test(config_text, a_bracket_of_the_wrong_kind_is_refused)
{
	case_errors("listeners = (\n\n];\n",
		"t.conf:3: found \"]\"; expected \")\" to close the \"(\" of line 1");
	case_errors("listeners = () );\n", "t.conf:1: found \")\" that closes nothing");
}

Test(config_text, brackets_in_texts_and_comments_do_not_count)
{
	case_errors("# ((\n/* [ */ // {\n" FINE "node = \"a)\";\n",
		"t.conf:4: node: found \"a)\"; expected a name of up to 63 letters, digits, '-', "
		"'_', '.' and ':'");
}

Test(config_text, nesting_is_bounded)
{
	char text[128] = "x = ";

	memset(text + 4, '(', 40);
	case_errors(text, "t.conf:1: more than 32 brackets inside one another");
}

Test(config_text, numbers_keep_their_value_beyond_32_bits)
{
	case_errors("workers = 4294967297;\n" FINE,
		"t.conf:1: workers: found integer 4294967297; expected an integer from 0 to 256");
	case_errors("workers = -4294967295;\n" FINE,
		"t.conf:1: workers: found integer -4294967295; expected an integer from 0 to 256");
	case_errors("workers = 0x100000001;\n" FINE,
		"t.conf:1: workers: found integer 4294967297; expected an integer from 0 to 256");
	case_errors("workers = 2147483648L;\n" FINE,
		"t.conf:1: workers: found integer 2147483648; expected an integer from 0 to 256");
	case_errors("workers = 18446744073709551617;\n" FINE,
		"t.conf:1: a number of more than 18 digits; nothing here counts so far");
}

Test(config_text, a_number_with_a_fraction_stays_one)
{
	case_errors("workers = 12345678901.5;\n" FINE,
		"t.conf:1: workers: found number 1.23457e+10; expected an integer from 0 to 256");
}

Test(config_text, a_nul_is_refused_as_byte_and_as_escape)
{
	struct config_report report = {0};
	FILE *f = fopen("nul.conf", "w");

	cr_assert(f);
	fwrite("a = 1;\n\0b = 2;\n", 1, 15, f);
	fclose(f);
	cr_assert_null(config_load("nul.conf", &report));
	cr_expect_str_eq(report.errors[0], "nul.conf:2: a NUL byte; this is not a text file");
	config_report_release(&report);
	case_errors("node = \"a\\x00b\";\n", "t.conf:1: a text with a NUL byte (\\x00)");
}

Test(config_text, the_whole_is_bounded)
{
	struct config_report report = {0};
	size_t n = 3 << 20;
	char *text = malloc(n + 1);

	cr_assert(text);
	memset(text, '\n', n);
	text[n] = '\0';
	case_file("big.conf", text);
	free(text);
	case_file("t.conf", "@include \"big.conf\"\n@include \"big.conf\"\n");
	cr_assert_null(config_load("t.conf", &report));
	cr_expect_str_eq(report.errors[0],
		"big.conf:1048537: the configuration is larger than 4 MiB with what it includes");
	config_report_release(&report);
}

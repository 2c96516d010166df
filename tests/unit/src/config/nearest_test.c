#include "config/nearest.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <string.h>

static const char *const keys[] = {"interval", "timeout", "fall", "rise", "port", "sni"};

static const char *nearest(const char *word)
{
	struct nearest n = nearest_to(word);

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		nearest_try(&n, keys[i]);
	return n.best ? n.best : "nothing";
}

Test(nearest, a_letter_too_many_too_few_or_wrong_is_near)
{
	cr_expect_str_eq(nearest("intervall"), "interval");
	cr_expect_str_eq(nearest("intrval"), "interval");
	cr_expect_str_eq(nearest("intervel"), "interval");
}

Test(nearest, two_swapped_letters_are_one_error)
{
	cr_expect_str_eq(nearest("snI"), "sni");
	cr_expect_str_eq(nearest("sin"), "sni");
	cr_expect_str_eq(nearest("prot"), "port");
}

Test(nearest, a_third_of_the_word_may_be_wrong)
{
	cr_expect_str_eq(nearest("timeoutms"), "timeout");
	cr_expect_str_eq(nearest("colour"), "nothing");
	cr_expect_str_eq(nearest("fail"), "fall");
	cr_expect_str_eq(nearest("faii"), "nothing");
}

Test(nearest, the_nearest_of_several_wins)
{
	struct nearest n = nearest_to("routes");

	nearest_try(&n, "router");
	nearest_try(&n, "routes");
	nearest_try(&n, "route");
	cr_expect_str_eq(n.best, "routes");
}

Test(nearest, words_without_end_are_near_to_nothing)
{
	char word[300];

	memset(word, 'a', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	cr_expect_str_eq(nearest(word), "nothing");
	cr_expect_str_eq(nearest(""), "nothing");
}

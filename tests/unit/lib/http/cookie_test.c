#include "http/cookie.h"

#include <criterion/criterion.h>
#include <stdio.h>

/* "name|value|name|value|" of all cookies. */
static void expect(const char *field, const char *pairs)
{
	struct span list = span_str(field), name, value;
	char text[256] = "";
	size_t n = 0;

	while (http_next_cookie(&list, &name, &value))
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%.*s|%.*s|", (int)name.n,
			(const char *)name.p, (int)value.n, (const char *)value.p);
	cr_expect_str_eq(text, pairs, "%s: %s", field, text);
	cr_expect_eq(list.n, 0);
}

Test(http_cookie, pairs_come_in_their_order)
{
	expect("a=1", "a|1|");
	expect("a=1; b=2; a=3", "a|1|b|2|a|3|");
	expect("a=1;b=2", "a|1|b|2|");
	expect("", "");
}

Test(http_cookie, value_goes_up_to_the_semicolon)
{
	expect("a=b=c; d==", "a|b=c|d|=|");
	expect("a=\"x y\"; b=", "a|\"x y\"|b||");
	expect("a=x,y", "a|x,y|");
}

Test(http_cookie, blanks_around_are_not_theirs)
{
	expect(" \ta = 1 ;\t b=2 ", "a|1|b|2|");
}

Test(http_cookie, what_is_no_pair_is_passed_over)
{
	expect("nothing", "");
	expect("; ;a=1; nothing; =x; a b=1; c=2;", "a|1|c|2|");
}

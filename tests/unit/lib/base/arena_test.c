#include "base/arena.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

static struct arena *a;

static void set_up(void)
{
	a = arena_new();
}

static void tear_down(void)
{
	arena_free(a);
}

TestSuite(arena, .init = set_up, .fini = tear_down);

static bool is_zero(const unsigned char *p, size_t n)
{
	while (n > 0 && p[n - 1] == 0)
		n--;
	return n == 0;
}

Test(arena, memory_is_zeroed_aligned_and_its_own)
{
	unsigned char *last = NULL;

	for (size_t n = 1; n < 300; n++) {
		unsigned char *p = arena_alloc(a, n);

		cr_assert_neq(p, last);
		cr_assert_eq((uintptr_t)p % _Alignof(max_align_t), 0);
		cr_assert(is_zero(p, n));
		memset(p, 0xff, n);
		last = p;
	}
}

Test(arena, nothing_is_somewhere_too)
{
	cr_assert_not_null(arena_alloc(a, 0));
}

Test(arena, more_than_a_block_is_given_at_once)
{
	size_t n = 1000000;
	unsigned char *p = arena_alloc(a, n);

	cr_assert(is_zero(p, n));
	memset(p, 0xff, n);
	cr_assert(is_zero(arena_array(a, 1000, 100), 100000));
}

Test(arena, strings_are_copied)
{
	char text[] = "name";
	char *copy = arena_strdup(a, text);

	text[0] = 'X';
	cr_assert_str_eq(copy, "name");
	cr_assert_str_eq(arena_strdup(a, ""), "");
}

Test(arena, text_is_formatted_whatever_its_length)
{
	char *text = arena_printf(a, "%s:%d %0500d", "file", 31, 7);

	cr_assert_eq(strlen(text), 508);
	cr_assert_eq(strncmp(text, "file:31 000", 11), 0);
}

Test(arena, freeing_nothing_is_allowed)
{
	arena_free(NULL);
}

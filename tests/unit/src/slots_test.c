#include "slots.h"

#include "../fault.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct slots slots;

static void begin(void)
{
	cr_assert(slots_init(&slots, 3));
}

static void end(void)
{
	slots_release(&slots);
}

TestSuite(slots, .init = begin, .fini = end);

Test(slots, a_name_has_the_same_number_for_all_its_users)
{
	int a = slots_take(&slots, "a"), b = slots_take(&slots, "b");

	cr_expect(ne(int, a, b));
	cr_expect(eq(int, slots_take(&slots, "a"), a));
	slots_drop(&slots, (uint32_t)a);
	cr_expect(eq(int, slots_take(&slots, "a"), a));
	cr_expect_str_eq(slots_name(&slots, (uint32_t)b), "b");
	cr_expect_null(slots_name(&slots, 2), "never given out");
}

Test(slots, a_name_that_went_finds_its_number_again)
{
	int a = slots_take(&slots, "a");

	slots_drop(&slots, (uint32_t)a);
	cr_expect(ne(int, slots_take(&slots, "b"), a), "there are free ones yet");
	cr_expect_str_eq(slots_name(&slots, (uint32_t)a), "a");
	cr_expect(eq(int, slots_take(&slots, "a"), a));
}

Test(slots, the_name_that_went_longest_ago_makes_room)
{
	int a = slots_take(&slots, "a"), b = slots_take(&slots, "b");

	slots_take(&slots, "c");
	slots_drop(&slots, (uint32_t)b);
	slots_drop(&slots, (uint32_t)a);
	cr_expect(eq(int, slots_take(&slots, "d"), b));
	cr_expect(eq(int, slots_take(&slots, "b"), a), "it is nobody's any more");
	cr_expect(eq(int, slots_take(&slots, "e"), SLOTS_FULL));
	cr_expect(eq(int, slots_take(&slots, "d"), b), "one that is in use can be used more");
}

Test(slots, without_memory_nothing_changes)
{
	slots_take(&slots, "a");
	for (unsigned n = 1; fault_next(n); n++) {
		int number = slots_take(&slots, "b");

		if (fault_struck())
			cr_expect(eq(int, number, SLOTS_NO_MEMORY));
		else
			slots_drop(&slots, (uint32_t)number);
	}
	cr_expect_str_eq(slots_name(&slots, 0), "a");
	cr_expect(eq(int, slots_take(&slots, "b"), 1));
}

#include "base/list.h"

#include <criterion/criterion.h>

struct item {
	int id;
	struct list node;
};

static struct list head;
static struct item items[3];

static void set_up(void)
{
	list_init(&head);
	for (int i = 0; i < 3; i++) {
		items[i].id = i;
		list_add_tail(&head, &items[i].node);
	}
}

TestSuite(list, .init = set_up);

/* The ids in order, as one number. */
static int order(void)
{
	int n = 0;

	list_for_each (it, &head)
		n = n * 10 + container_of(it, struct item, node)->id + 1;
	return n;
}

Test(list, nodes_stay_in_the_order_they_were_added)
{
	cr_assert_eq(order(), 123);
	cr_assert_not(list_is_empty(&head));
}

Test(list, node_leaves_from_any_place)
{
	list_del(&items[1].node);
	cr_assert_eq(order(), 13);
	list_del(&items[0].node);
	cr_assert_eq(order(), 3);
	list_del(&items[2].node);
	cr_assert(list_is_empty(&head));
}

Test(list, removing_twice_is_harmless)
{
	list_del(&items[1].node);
	list_del(&items[1].node);
	cr_assert_eq(order(), 13);
	cr_assert(list_is_empty(&items[1].node));
}

Test(list, current_node_may_leave_in_a_safe_loop)
{
	list_for_each_safe (it, &head)
		list_del(it);
	cr_assert(list_is_empty(&head));
}

#include "qsbr/qsbr.h"

#include "../../fault.h"

#include <criterion/criterion.h>

static void count_release(void *object)
{
	++*(int *)object;
}

Test(qsbr, an_object_is_released_only_when_every_reader_has_passed)
{
	struct qsbr *q = qsbr_new(2, count_release);
	int a = 0, b = 0;

	qsbr_online(q, 0);
	qsbr_online(q, 1);
	cr_assert(qsbr_publish(q, &a));
	qsbr_quiescent(q, 0);
	qsbr_quiescent(q, 1);
	cr_assert(qsbr_publish(q, &b));
	cr_expect_eq(qsbr_read(q), (void *)&b);
	cr_expect_eq(qsbr_reclaim(q), 1);
	qsbr_quiescent(q, 0);
	cr_expect_eq(qsbr_reclaim(q), 1);
	cr_expect_eq(a, 0);
	qsbr_quiescent(q, 1);
	cr_expect_eq(qsbr_reclaim(q), 0);
	cr_expect_eq(a, 1);
	cr_expect_eq(b, 0);
	qsbr_free(q);
	cr_expect_eq(a, 1);
	cr_expect_eq(b, 1);
}

Test(qsbr, readers_that_are_offline_hold_nothing_up)
{
	struct qsbr *q = qsbr_new(2, count_release);
	int a = 0, b = 0;

	cr_assert(qsbr_publish(q, &a));
	qsbr_online(q, 0);
	cr_assert(qsbr_publish(q, &b));
	cr_expect_eq(qsbr_reclaim(q), 1);
	qsbr_offline(q, 0);
	cr_expect_eq(qsbr_reclaim(q), 0);
	cr_expect_eq(a, 1);
	qsbr_free(q);
}

Test(qsbr, many_may_wait_and_go_in_the_order_of_publishing)
{
	int objects[100] = {0};
	struct qsbr *q = qsbr_new(1, count_release);

	cr_assert(qsbr_publish(q, &objects[0]));
	qsbr_online(q, 0);
	for (int i = 1; i < 50; i++)
		cr_assert(qsbr_publish(q, &objects[i]));
	cr_expect_eq(qsbr_reclaim(q), 49);
	qsbr_quiescent(q, 0);
	for (int i = 50; i < 100; i++)
		cr_assert(qsbr_publish(q, &objects[i]));
	cr_expect_eq(qsbr_reclaim(q), 50);
	for (int i = 0; i < 100; i++)
		cr_expect_eq(objects[i], i < 49);
	qsbr_free(q);
	for (int i = 0; i < 100; i++)
		cr_expect_eq(objects[i], 1);
}

Test(qsbr, the_generation_counts_publishes)
{
	struct qsbr *q = qsbr_new(0, count_release);
	int a = 0;

	cr_expect_null(qsbr_read(q));
	cr_expect_eq(qsbr_generation(q), 0);
	cr_assert(qsbr_publish(q, &a));
	cr_expect_eq(qsbr_generation(q), 1);
	qsbr_free(q);
}

Test(qsbr, running_out_of_memory_gives_nothing_and_leaks_nothing)
{
	for (unsigned n = 1; fault_next(n); n++) {
		struct qsbr *q = qsbr_new(2, count_release);

		cr_assert_eq(q == NULL, fault_struck());
		qsbr_free(q);
	}
}

Test(qsbr, a_publish_without_memory_changes_nothing)
{
	struct qsbr *q = qsbr_new(1, count_release);
	int a = 0, b = 0;

	fault_next(1);
	cr_expect_not(qsbr_publish(q, &a));
	cr_expect(fault_struck());
	cr_expect_null(qsbr_read(q));
	cr_expect_eq(qsbr_generation(q), 0);
	cr_expect(qsbr_publish(q, &b));
	qsbr_free(q);
	cr_expect_eq(a, 0);
	cr_expect_eq(b, 1);
}

#include "mailbox/mailbox.h"

#include "../../fault.h"

#include <criterion/criterion.h>
#include <event2/event.h>

struct received {
	int batches;
	struct mail *first;
};

static void on_mail(struct mail *batch, void *arg)
{
	struct received *r = arg;

	r->batches++;
	r->first = batch;
}

Test(mailbox, mails_come_as_one_batch_in_order)
{
	struct event_base *base = event_base_new();
	struct received r = {0};
	struct mailbox *mb = mailbox_new(base, on_mail, &r);
	struct mail a, b, c;

	mailbox_send(mb, &a);
	mailbox_send(mb, &b);
	mailbox_send(mb, &c);
	cr_assert_eq(event_base_loop(base, EVLOOP_ONCE), 0);
	cr_expect_eq(r.batches, 1);
	cr_expect_eq(r.first, &a);
	cr_expect_eq(a.next, &b);
	cr_expect_eq(b.next, &c);
	cr_expect_null(c.next);
	event_base_loop(base, EVLOOP_NONBLOCK);
	cr_expect_eq(r.batches, 1);
	mailbox_free(mb, on_mail, &r);
	cr_expect_eq(r.batches, 1, "nothing was left to return");
	event_base_free(base);
}

Test(mailbox, a_wake_ends_the_wait_without_a_mail)
{
	struct event_base *base = event_base_new();
	struct received r = {0};
	struct mailbox *mb = mailbox_new(base, on_mail, &r);

	mailbox_wake(mb);
	mailbox_wake(mb);
	cr_expect_eq(event_base_loop(base, EVLOOP_ONCE), 0);
	cr_expect_eq(r.batches, 0);
	mailbox_free(mb, NULL, NULL);
	event_base_free(base);
}

Test(mailbox, unread_mails_come_back_when_the_box_is_freed)
{
	struct event_base *base = event_base_new();
	struct received read = {0}, unread = {0};
	struct mailbox *mb = mailbox_new(base, on_mail, &read);
	struct mail a, b;

	mailbox_send(mb, &a);
	mailbox_send(mb, &b);
	mailbox_free(mb, on_mail, &unread);
	cr_expect_eq(read.batches, 0);
	cr_expect_eq(unread.batches, 1);
	cr_expect_eq(unread.first, &a);
	cr_expect_eq(a.next, &b);
	event_base_free(base);
}

Test(mailbox, running_out_of_memory_gives_no_mailbox)
{
	struct event_base *base = event_base_new();
	struct received r = {0};

	for (unsigned n = 1; fault_next(n); n++) {
		struct mailbox *mb = mailbox_new(base, on_mail, &r);

		cr_assert_eq(mb == NULL, fault_struck());
		mailbox_free(mb, NULL, NULL);
	}
	event_base_free(base);
}

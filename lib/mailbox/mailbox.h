/* Letters from any thread to the one that runs a libevent base. The receiver takes the whole batch
 * under the lock and works on it without; a sender wakes it only when the box was empty. The base
 * may be one without libevent's locking: across threads goes nothing but an eventfd.
 *
 *	struct order { struct mail mail; … };
 *	static void on_orders(struct mail *batch, void *arg)
 *	{
 *		for (struct mail *m = batch, *next; m; m = next) {
 *			next = m->next;
 *			… container_of(m, struct order, mail) is ours now …
 *		}
 *	}
 */
#ifndef MAILBOX_MAILBOX_H
#define MAILBOX_MAILBOX_H

struct event_base;
struct mailbox;

struct mail {
	struct mail *next;
};

/* Called on the base's thread with mails in the order they were sent, ended by NULL; never with
 * none. */
typedef void mailbox_cb(struct mail *batch, void *arg);

/* To be called by the base's thread or before that runs. Returns owned; NULL: out of memory or
 * descriptors. */
struct mailbox *mailbox_new(struct event_base *base, mailbox_cb *cb, void *arg);

/* Hands the mails nobody read to `unread`, if there are any. No thread sends any more; the base is
 * not running or runs this very thread; free the mailbox before the base. NULL is allowed. */
void mailbox_free(struct mailbox *mb, mailbox_cb *unread, void *arg);

/* Any thread. Takes the mail. */
void mailbox_send(struct mailbox *mb, struct mail *m);

/* Any thread. Makes the base pass through its loop once, without a mail. */
void mailbox_wake(struct mailbox *mb);

#endif

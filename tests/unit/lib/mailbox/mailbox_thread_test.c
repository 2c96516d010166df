/* Senders on three threads, one receiver whose event base has no locks: every mail arrives once,
 * those of one sender in their order, and no wake-up is lost (the receiver would sleep until it
 * gives up). A plain program that speaks TAP, as ThreadSanitizer needs it. */
#include "mailbox/mailbox.h"

#include "base/list.h"

#include <event2/event.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { SENDERS = 3, MAILS = 30000, GIVE_UP_S = 120 };

struct letter {
	struct mail mail;
	int sender, number;
};

struct office {
	struct event_base *base;
	struct mailbox *mb;
	_Atomic int next_sender;

	/* owner: the receiver */
	int expected[SENDERS];
	int read, batches;
	bool in_order;
};

static void on_mail(struct mail *batch, void *arg)
{
	struct office *o = arg;

	o->batches++;
	for (struct mail *m = batch, *next; m; m = next) {
		struct letter *l = container_of(m, struct letter, mail);

		next = m->next;
		o->in_order = o->in_order && l->number == o->expected[l->sender]++;
		o->read++;
		free(l);
	}
	if (o->read == SENDERS * MAILS)
		event_base_loopbreak(o->base);
}

static void *send_all(void *arg)
{
	struct office *o = arg;
	int me = atomic_fetch_add(&o->next_sender, 1);

	for (int i = 0; i < MAILS; i++) {
		struct letter *l = malloc(sizeof(*l));

		if (!l)
			exit(99);
		l->sender = me;
		l->number = i;
		mailbox_send(o->mb, &l->mail);
		if (i % 7 == 0)
			sched_yield();
	}
	return NULL;
}

static bool open_office(struct office *o)
{
	struct event_config *conf = event_config_new();

	if (!conf)
		return false;
	event_config_set_flag(conf, EVENT_BASE_FLAG_NOLOCK);
	o->base = event_base_new_with_config(conf);
	event_config_free(conf);
	o->mb = o->base ? mailbox_new(o->base, on_mail, o) : NULL;
	return o->mb;
}

int main(void)
{
	struct office o = {.in_order = true};
	pthread_t threads[SENDERS];
	bool all;

	if (!open_office(&o))
		return 99;
	for (int i = 0; i < SENDERS; i++)
		if (pthread_create(&threads[i], NULL, send_all, &o) != 0)
			return 99;
	event_base_loopexit(o.base, &(struct timeval){.tv_sec = GIVE_UP_S});
	event_base_dispatch(o.base);
	for (int i = 0; i < SENDERS; i++)
		pthread_join(threads[i], NULL);
	mailbox_free(o.mb, NULL, NULL);
	event_base_free(o.base);
	all = o.read == SENDERS * MAILS;
	printf("# %d mails in %d batches\n", o.read, o.batches);
	printf("%s 1 - every mail arrives\n", all ? "ok" : "not ok");
	printf("%s 2 - the mails of one sender keep their order\n", o.in_order ? "ok" : "not ok");
	printf("1..2\n");
	return !all || !o.in_order;
}

/* One worker: a thread, its event loop, its listeners and its connections. Shares nothing but what worker_setup names.
 *
 * Threads: worker_new and worker_free are called by the daemon while the worker's thread does not run; worker_run is the
 * thread; orders come through worker_mailbox(). */
#ifndef DATA_WORKER_H
#define DATA_WORKER_H

#include "load.h"
#include "mailbox/mailbox.h"
#include "qsbr/qsbr.h"
#include "ring/ring.h"
#include "tally.h"
#include "view.h"

struct worker_setup {
	unsigned index;	    /* also the reader's number in `views` */
	struct qsbr *views; /* of struct view; the first is there */
	struct load *load;
	struct tally *tally;	   /* of this worker */
	struct ring *access;	   /* NULL: no access log */
	struct mailbox *control;   /* where reports go */
	struct verifier *verifier; /* of passwords */
};

struct worker;

struct worker *worker_new(
	const struct worker_setup *setup); /* NULL: out of memory or descriptors */
struct mailbox *worker_mailbox(struct worker *w);
void *worker_run(void *w); /* pthread's start function: returns NULL after ORDER_STOP */
void worker_free(struct worker *w);

#endif

/* Verifies passwords on a thread of its own: a hash that keeps a password takes tens of milliseconds, which no worker has.
 * One after the other, at a low priority, and so many may wait: a flood of passwords costs a part of one CPU.
 *
 * Threads: made and freed by the daemon while the thread does not run; verifier_run is the thread; any thread asks. */
#ifndef VERIFY_H
#define VERIFY_H

#include "mailbox/mailbox.h"
#include "users.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	VERIFY_WAITING_MAX = 64,
	VERIFY_PASSWORD_MAX = 512, /* with its NUL: as long as crypt(3) allows */
};

struct verifier;

/* One question. The answer is one ORDER_VERIFIED to `to`, with the tag. */
struct verify_question {
	struct mailbox *to;
	uint64_t tag;
	const char *hash;     /* of crypt(3) */
	struct span password; /* shorter than VERIFY_PASSWORD_MAX; copied, and wiped afterwards */
	bool known;	      /* false: the answer is no, after the same time */
};

struct verifier *verifier_new(void);	/* NULL: out of memory or descriptors */
void verifier_free(struct verifier *v); /* NULL is allowed */

void *verifier_run(void *v); /* pthread's start function: returns after verifier_stop */
void verifier_stop(struct verifier *v);

/* False: too many wait, or out of memory. */
bool verifier_ask(struct verifier *v, const struct verify_question *q);

#endif

/* The pipes of a worker: opened when bulk first needs them, kept for the next bulk, never held by a
 * connection that has no bytes in it. owner: worker. */
#ifndef DATA_PIPES_H
#define DATA_PIPES_H

#include "base/mono.h"
#include "net/pipe.h"
#include "tally.h"

struct pipes_entry;

struct pipes {
	struct pipes_entry *free;
	unsigned open, n_free;
	unsigned max, fd_end;
	struct mono again_at; /* after a refusal of the system: no attempt before */
	struct tally *tally;
};

/* max: how many may be open at once; two descriptors each, with numbers below fd_end. */
void pipes_init(struct pipes *p, unsigned max, unsigned fd_end, struct tally *tally);
void pipes_release(struct pipes *p); /* all were given back */

/* NULL: none to be had now; the caller copies instead. */
struct pipe *pipes_take(struct pipes *p, struct mono now);

/* An empty pipe waits for its next use; one that still holds bytes is closed with them. */
void pipes_give(struct pipes *p, struct pipe *pipe);

/* Closes those that nobody uses: their descriptors are needed elsewhere. */
void pipes_trim(struct pipes *p);

#endif

/* Publishes one pointer to n reader threads without locks: quiescent-state based reclamation
 * (McKenney and Slingwine 1998). A reader takes the pointer at the start of a piece of work and
 * does not keep it past the end; between two pieces it announces the generation it has seen. An
 * object that was replaced is released once every reader has announced a later generation. The
 * writer never waits for them.
 *
 *	writer:	qsbr_publish(q, new_view); … now and then: qsbr_reclaim(q);
 *	reader:	qsbr_online(q, me); for (;;) { run_loop_once(); qsbr_quiescent(q, me); } qsbr_offline(q, me);
 *	        … in callbacks: const struct view *v = qsbr_read(q);
 * / */
#ifndef QSBR_QSBR_H
#define QSBR_QSBR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct qsbr;

/* Readers are numbered 0 … n_readers-1 and start offline. `release` frees one object, on the
 * writer's thread. Returns owned, NULL when out of memory. */
struct qsbr *qsbr_new(size_t n_readers, void (*release)(void *object));
void qsbr_free(struct qsbr *q); /* releases everything; all readers are gone; NULL is allowed */

/* Writer only. Takes the object and retires the present one. False: out of memory, nothing has
 * changed. */
bool qsbr_publish(struct qsbr *q, void *object) __attribute__((warn_unused_result));

/* Writer only. Releases what no reader can hold any more; returns how many objects still wait. */
size_t qsbr_reclaim(struct qsbr *q);

/* Readers that are online, and the writer. NULL before the first publish. */
void *qsbr_read(const struct qsbr *q);

/* Any thread: counts publishes. */
uint64_t qsbr_generation(const struct qsbr *q);

/* Reader `reader` only. Quiescent: I hold nothing I read before. Offline: and I shall not read
 * until I am online again, so do not wait for me. */
void qsbr_quiescent(struct qsbr *q, size_t reader);
void qsbr_online(struct qsbr *q, size_t reader);
void qsbr_offline(struct qsbr *q, size_t reader);

#endif

/* Records of any length from one thread to one other, without a lock and without ever waiting: a
 * full ring drops the record and counts it. A record lies in one piece, so the reader needs no
 * copy.
 *
 *	reader:	while ((p = ring_peek(r, &n))) { … use p[0 … n-1] …; ring_release(r); }
 */
#ifndef RING_RING_H
#define RING_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring;

/* size_bytes: a power of two, 64 or more. Returns owned, NULL when out of memory. */
struct ring *ring_new(size_t size_bytes);
void ring_free(struct ring *r); /* NULL is allowed; both threads are done with it */

/* Writer. False: no room (or n above half the ring, less 8), and the drop is counted. */
bool ring_put(struct ring *r, const void *record, size_t n);

/* Reader. The oldest record, borrowed until ring_release; NULL: empty. */
const void *ring_peek(struct ring *r, size_t *ret_n);
void ring_release(struct ring *r);

/* Records dropped so far. Any thread. */
uint64_t ring_dropped(const struct ring *r);

#endif

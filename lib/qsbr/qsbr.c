#include "qsbr/qsbr.h"

#include "base/bug.h"

#include <stdatomic.h>
#include <stdlib.h>

/* The writer stores the object, then the generation (release). A reader that announces generation g
 * has loaded g (acquire) and so sees g's object, or a later one, from then on; its announcement
 * (release) comes after its last use of older ones. So when the writer sees all announcements
 * (acquire) at g or later, objects retired by g are nobody's.
 *
 * Coming online is the one place with a race of "store mine, then load yours" on both sides: the
 * reader stores its announcement and then loads the generation, the writer stores the generation
 * and then loads the announcements. All four are sequentially consistent, so either the writer sees
 * the reader online, or the reader sees the new generation, and with it the new object. */

#define OFFLINE UINT64_MAX

struct reader {
	_Alignas(64) _Atomic uint64_t announced; /* writer: its reader; read by: the writer */
};

struct retired {
	void *object;
	uint64_t generation; /* the one that replaced it */
};

struct qsbr {
	/* writer: the writer; read by: readers */
	_Atomic(void *) object;
	_Atomic uint64_t generation;

	struct reader *readers;
	size_t n_readers;

	/* owner: the writer; oldest first */
	void (*release)(void *object);
	struct retired *retired;
	size_t n_retired, room;
};

struct qsbr *qsbr_new(size_t n_readers, void (*release)(void *object))
{
	struct qsbr *q = calloc(1, sizeof(*q));
	size_t n = n_readers > 0 ? n_readers : 1;

	if (!q)
		return NULL;
	q->release = release;
	q->n_readers = n_readers;
	q->readers = aligned_alloc(_Alignof(struct reader), n * sizeof(*q->readers));
	if (!q->readers) {
		free(q);
		return NULL;
	}
	for (size_t i = 0; i < n_readers; i++)
		atomic_init(&q->readers[i].announced, OFFLINE);
	return q;
}

void qsbr_free(struct qsbr *q)
{
	if (!q)
		return;
	for (size_t i = 0; i < q->n_retired; i++)
		q->release(q->retired[i].object);
	if (qsbr_read(q))
		q->release(qsbr_read(q));
	free(q->retired);
	free(q->readers);
	free(q);
}

static bool make_room(struct qsbr *q)
{
	size_t room = q->room > 0 ? 2 * q->room : 8;
	struct retired *r;

	if (q->n_retired < q->room)
		return true;
	r = realloc(q->retired, room * sizeof(*r));
	if (!r)
		return false;
	q->retired = r;
	q->room = room;
	return true;
}

bool qsbr_publish(struct qsbr *q, void *object)
{
	void *old = qsbr_read(q);
	uint64_t next = qsbr_generation(q) + 1;

	if (!make_room(q))
		return false;
	atomic_store_explicit(&q->object, object, memory_order_release);
	atomic_store(&q->generation, next);
	if (old)
		q->retired[q->n_retired++] = (struct retired){old, next};
	return true;
}

/* What every reader has passed; all of them offline: everything. */
static uint64_t slowest(const struct qsbr *q)
{
	uint64_t least = UINT64_MAX;

	for (size_t i = 0; i < q->n_readers; i++) {
		uint64_t announced = atomic_load(&q->readers[i].announced);

		if (announced < least)
			least = announced;
	}
	return least;
}

size_t qsbr_reclaim(struct qsbr *q)
{
	uint64_t passed;
	size_t done = 0;

	if (q->n_retired == 0)
		return 0;
	passed = slowest(q);
	while (done < q->n_retired && q->retired[done].generation <= passed)
		q->release(q->retired[done++].object);
	q->n_retired -= done;
	for (size_t i = 0; i < q->n_retired; i++)
		q->retired[i] = q->retired[i + done];
	return q->n_retired;
}

void *qsbr_read(const struct qsbr *q)
{
	return atomic_load_explicit(&q->object, memory_order_acquire);
}

uint64_t qsbr_generation(const struct qsbr *q)
{
	return atomic_load(&q->generation);
}

void qsbr_quiescent(struct qsbr *q, size_t reader)
{
	BUG_ON(reader >= q->n_readers);
	atomic_store_explicit(
		&q->readers[reader].announced, qsbr_generation(q), memory_order_release);
}

void qsbr_online(struct qsbr *q, size_t reader)
{
	BUG_ON(reader >= q->n_readers);
	atomic_store(&q->readers[reader].announced, qsbr_generation(q));
	/* its load of the generation, after the store above, is the one that counts */
	qsbr_quiescent(q, reader);
}

void qsbr_offline(struct qsbr *q, size_t reader)
{
	BUG_ON(reader >= q->n_readers);
	atomic_store_explicit(&q->readers[reader].announced, OFFLINE, memory_order_release);
}

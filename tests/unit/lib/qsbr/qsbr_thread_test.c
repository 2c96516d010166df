/* One writer that replaces an object as fast as it can, readers that look at it all the time and go
 * offline now and then: nobody ever sees a torn or a released object. A plain program that speaks
 * TAP, as ThreadSanitizer needs it. */
#include "qsbr/qsbr.h"

#include "base/mono.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { READERS = 3, RUN_MS = 1000, WORDS = 16 };

/* All words are equal while it lives, and zero after: no atomics, so a race is one for the tools.
 */
struct object {
	uint64_t words[WORDS];
};

struct stage {
	struct qsbr *q;
	_Atomic int next_reader, stop;
	_Atomic uint64_t looks, torn;
};

static void release(void *object)
{
	struct object *o = object;

	for (int i = 0; i < WORDS; i++)
		o->words[i] = 0;
	free(o);
}

static struct object *object_new(uint64_t number)
{
	struct object *o = malloc(sizeof(*o));

	if (!o)
		exit(99);
	for (int i = 0; i < WORDS; i++)
		o->words[i] = number;
	return o;
}

static void look(struct stage *s)
{
	const struct object *o = qsbr_read(s->q);
	uint64_t first = o->words[0];

	for (int i = 0; i < WORDS; i++)
		if (o->words[i] != first || first == 0)
			atomic_fetch_add_explicit(&s->torn, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&s->looks, 1, memory_order_relaxed);
}

static void *read_on(void *arg)
{
	struct stage *s = arg;
	size_t me = (size_t)atomic_fetch_add(&s->next_reader, 1);

	qsbr_online(s->q, me);
	for (unsigned turn = 1; !atomic_load(&s->stop); turn++) {
		look(s);
		look(s);
		if (turn % 64 != 0) {
			qsbr_quiescent(s->q, me);
			continue;
		}
		qsbr_offline(s->q, me);
		sched_yield();
		qsbr_online(s->q, me);
	}
	qsbr_offline(s->q, me);
	return NULL;
}

static size_t publish_on(struct stage *s)
{
	struct mono end = mono_add_ms(mono_now(), RUN_MS);
	size_t waiting_most = 0;

	for (uint64_t number = 2; !mono_reached(mono_now(), end); number++) {
		size_t waiting;

		if (!qsbr_publish(s->q, object_new(number)))
			exit(99);
		waiting = qsbr_reclaim(s->q);
		if (waiting > waiting_most)
			waiting_most = waiting;
		if (waiting > 1000)
			sched_yield();
	}
	return waiting_most;
}

int main(void)
{
	struct stage s = {.q = qsbr_new(READERS, release)};
	pthread_t threads[READERS];
	size_t waiting_most, waiting;

	if (!s.q || !qsbr_publish(s.q, object_new(1)))
		return 99;
	for (int i = 0; i < READERS; i++)
		if (pthread_create(&threads[i], NULL, read_on, &s) != 0)
			return 99;
	waiting_most = publish_on(&s);
	atomic_store(&s.stop, 1);
	for (int i = 0; i < READERS; i++)
		pthread_join(threads[i], NULL);
	waiting = qsbr_reclaim(s.q);
	printf("# %lu objects, %lu looks, at most %zu waiting\n",
		(unsigned long)qsbr_generation(s.q), (unsigned long)s.looks, waiting_most);
	printf("%s 1 - no reader sees a torn or released object\n",
		s.looks > 0 && s.torn == 0 ? "ok" : "not ok");
	printf("%s 2 - nothing waits when all are offline\n", waiting == 0 ? "ok" : "not ok");
	printf("1..2\n");
	qsbr_free(s.q);
	return s.torn > 0 || waiting > 0;
}

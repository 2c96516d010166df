/* A writer and a reader at full speed: every record arrives whole, once and in order. A plain
 * program that speaks TAP, as ThreadSanitizer needs it. */
#include "ring/ring.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { RECORDS = 200000, MAX_LEN = 200 };

struct pipe {
	struct ring *ring;
	uint64_t dropped; /* writer's own count */
};

/* Record number i: the number, then bytes that follow from it. */
static size_t make(uint32_t i, unsigned char *to)
{
	size_t n = sizeof(i) + i * 31 % (MAX_LEN - sizeof(i));

	memcpy(to, &i, sizeof(i));
	memset(to + sizeof(i), (int)(i % 251), n - sizeof(i));
	return n;
}

static void *write_all(void *arg)
{
	struct pipe *p = arg;
	unsigned char record[MAX_LEN];

	for (uint32_t i = 0; i < RECORDS; i++) {
		size_t n = make(i, record);

		while (!ring_put(p->ring, record, n)) {
			p->dropped++;
			sched_yield();
		}
	}
	return NULL;
}

static bool read_all(struct pipe *p)
{
	unsigned char expected[MAX_LEN];
	bool ok = true;

	for (uint32_t i = 0; i < RECORDS; i++) {
		size_t want = make(i, expected), n;
		const void *got;

		while (!(got = ring_peek(p->ring, &n)))
			sched_yield();
		ok = ok && n == want && memcmp(got, expected, n) == 0;
		ring_release(p->ring);
	}
	return ok;
}

int main(void)
{
	struct pipe p = {.ring = ring_new(4096)};
	pthread_t writer;
	bool whole, counted;
	size_t n;

	if (!p.ring || pthread_create(&writer, NULL, write_all, &p) != 0)
		return 99;
	whole = read_all(&p);
	pthread_join(writer, NULL);
	whole = whole && !ring_peek(p.ring, &n);
	counted = ring_dropped(p.ring) == p.dropped;
	printf("%s 1 - every record arrives whole, once and in order\n", whole ? "ok" : "not ok");
	printf("%s 2 - drops are counted\n", counted ? "ok" : "not ok");
	printf("# %lu drops\n1..2\n", (unsigned long)p.dropped);
	ring_free(p.ring);
	return !whole || !counted;
}

/* Limits per source under four threads and a table so small that sources push each other out all
 * the time: no source may ever be found twice, which would let in twice as many. A plain program
 * that speaks TAP, as ThreadSanitizer needs it. */
#include "ratelimit/sources.h"

#include "base/prng.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 4, KEYS = 20, MAX_OPEN = 2, RUN_MS = 600 };

struct crowd {
	struct sources *sources;
	struct mono start;
	_Atomic uint64_t seed;
	_Atomic uint32_t open[KEYS]; /* what the table should know */
	_Atomic uint64_t entered, too_many_open, granted;
};

static struct mono crowd_end(const struct crowd *c)
{
	return mono_add_ms(c->start, RUN_MS);
}

static bool is_over(const struct crowd *c)
{
	return mono_reached(mono_now(), crowd_end(c));
}

static uint64_t key(uint64_t n)
{
	return (n + 1) << 32;
}

static void *come_and_go(void *arg)
{
	const struct sources_limit limit = {.max_connections = MAX_OPEN};
	struct crowd *c = arg;
	struct prng g;

	prng_init(&g, atomic_fetch_add(&c->seed, 1));
	while (!is_over(c)) {
		uint64_t k = prng_below(&g, KEYS);

		if (sources_enter(c->sources, key(k), c->start, &limit) != SOURCES_OK)
			continue;
		atomic_fetch_add(&c->entered, 1);
		if (atomic_fetch_add(&c->open[k], 1) >= MAX_OPEN)
			atomic_fetch_add(&c->too_many_open, 1);
		atomic_fetch_sub(&c->open[k], 1);
		sources_leave(c->sources, key(k));
	}
	return NULL;
}

/* A token is worth a microsecond, so that a bucket tells how many were taken from it. */
static struct sources_limit bucket_of(uint32_t burst)
{
	return (struct sources_limit){.count = 1000000, .per_us = 1000000, .burst = burst};
}

/* Key 0 has a connection open, so it stays; the others come and go around it. */
static void *take_tokens(void *arg)
{
	const struct sources_limit limit = bucket_of(UINT32_MAX);
	struct crowd *c = arg;
	struct prng g;
	uint64_t wait_us;

	prng_init(&g, atomic_fetch_add(&c->seed, 1));
	while (!is_over(c)) {
		uint64_t k = prng_below(&g, 4) > 0 ? 0 : 1 + prng_below(&g, KEYS - 1);

		if (sources_take(c->sources, key(k), c->start, &limit, &wait_us) == SOURCES_OK &&
			k == 0)
			atomic_fetch_add(&c->granted, 1);
	}
	return NULL;
}

static void run(struct crowd *c, void *(*body)(void *))
{
	pthread_t threads[THREADS];

	c->start = mono_now();
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, body, c) != 0)
			exit(99);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

/* Nobody runs any more: one token more than were granted, no less, empties the bucket. */
static bool has_lost_no_token(const struct crowd *c)
{
	const struct sources_limit full = bucket_of((uint32_t)c->granted);
	const struct sources_limit one_left = bucket_of((uint32_t)c->granted + 1);
	uint64_t wait_us;

	return sources_take(c->sources, key(0), c->start, &full, &wait_us) == SOURCES_TOO_FAST &&
	       sources_take(c->sources, key(0), c->start, &one_left, &wait_us) == SOURCES_OK;
}

static int count, failed;

static void result(bool ok, const char *name)
{
	failed += !ok;
	printf("%s %d - %s\n", ok ? "ok" : "not ok", ++count, name);
}

int main(void)
{
	const struct sources_limit none = {0};
	struct crowd c = {.sources = sources_new(3)};

	if (!c.sources)
		return 99;
	run(&c, come_and_go);
	printf("# %lu connections\n", (unsigned long)c.entered);
	result(c.entered > 0 && c.too_many_open == 0, "no source has more open than it may");
	result(sources_count(c.sources) == 0, "all that left are gone");

	if (sources_enter(c.sources, key(0), c.start, &none) != SOURCES_OK)
		return 99;
	run(&c, take_tokens);
	printf("# %lu tokens\n", (unsigned long)c.granted);
	result(c.granted > 0 && has_lost_no_token(&c), "threads share one bucket exactly");
	result(sources_open(c.sources, key(0)) == 1, "its connection is still counted");
	sources_free(c.sources);
	printf("1..%d\n", count);
	return failed > 0;
}

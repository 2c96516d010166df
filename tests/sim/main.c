/* The simulation's program. Speaks TAP:
 *
 *	sim --check DIR [N]	replays the scenarios in DIR, then N seeds: what `make check` does
 *	sim --seeds FIRST N	N seeds from FIRST on, one line a thousand
 *	sim --seed N [-v]	one seed; -v tells its story
 *	sim --file FILE [-v]	one scenario from a file
 *	sim --write N		the scenario of a seed, to be kept in a file
 *	sim --measure WHAT	figures: see measure.h
 *
 * Exit status: 0 all held, 1 something did not, 64 wrong usage, 99 the scenarios cannot be read. */
#include "measure.h"
#include "sim.h"

#include <dirent.h>
#include <stdlib.h>
#include <time.h>

enum { CHECK_SEEDS = 10000, BATCH = 1000 };

struct total {
	uint64_t seeds, failed, steps, packets, deaths, false_deaths;
	uint64_t converged_us, overlap_us; /* the longest */
};

static void add(struct total *t, const struct sim *s)
{
	const struct sim_figures *f = &s->figures;

	t->seeds++;
	t->failed += s->failure[0] != 0;
	t->steps += f->steps;
	t->packets += f->packets;
	t->deaths += f->deaths;
	t->false_deaths += f->false_deaths;
	if (f->converged_us != UINT64_MAX && f->converged_us > t->converged_us)
		t->converged_us = f->converged_us;
	if (f->overlap_us > t->overlap_us)
		t->overlap_us = f->overlap_us;
}

/* A run's own memory is too large for a stack. */
static struct sim *world(void)
{
	static struct sim s;

	return &s;
}

static bool run_one(const struct scenario *scenario, bool verbose, struct total *t)
{
	struct sim *s = world();

	sim_whole(s, scenario, verbose);
	add(t, s);
	return !s->failure[0];
}

static bool run_seeds(uint64_t first, uint64_t n, struct total *t)
{
	uint64_t failed = t->failed;
	struct scenario scenario;

	for (uint64_t seed = first; seed < first + n; seed++) {
		scenario_draw(&scenario, seed);
		if (run_one(&scenario, false, t))
			continue;
		printf("# seed %llu: %s\n", (unsigned long long)seed, world()->failure);
		fflush(stdout);
	}
	return t->failed == failed;
}

static void say_total(const struct total *t)
{
	printf("# %llu runs, %llu failed; %llu steps, %llu packets, %llu deaths, %llu false; "
	       "agreed after "
	       "%llu ms at most, two owners for %.1f ms at most; %.1f s of CPU\n",
		(unsigned long long)t->seeds, (unsigned long long)t->failed,
		(unsigned long long)t->steps, (unsigned long long)t->packets,
		(unsigned long long)t->deaths, (unsigned long long)t->false_deaths,
		(unsigned long long)t->converged_us / 1000, (double)t->overlap_us / 1e3,
		(double)clock() / CLOCKS_PER_SEC);
}

static unsigned int test_line(unsigned int n, bool good, const char *name)
{
	printf("%sok %u - %s\n", good ? "" : "not ", ++n, name);
	fflush(stdout);
	return n;
}

static unsigned int run_batches(uint64_t first, uint64_t n, struct total *t, unsigned int tests)
{
	char name[64];

	for (uint64_t done = 0; done < n; done += BATCH) {
		uint64_t count = n - done < BATCH ? n - done : BATCH;
		unsigned long long from = first + done, to = from + count - 1;
		bool good = run_seeds(from, count, t);

		snprintf(name, sizeof name, "seeds %llu to %llu hold", from, to);
		tests = test_line(tests, good, name);
	}
	return tests;
}

static int is_scenario(const struct dirent *entry)
{
	const char *end = strrchr(entry->d_name, '.');

	return end && strcmp(end, ".scenario") == 0;
}

static int run_files(const char *dir, struct total *t, unsigned int *tests)
{
	struct dirent **entries;
	struct scenario scenario;
	int n = scandir(dir, &entries, is_scenario, alphasort), status = 0;

	if (n < 0) {
		fprintf(stderr, "sim: %s cannot be read\n", dir);
		return 99;
	}
	for (int i = 0; i < n; i++) {
		char path[4096];

		snprintf(path, sizeof path, "%s/%s", dir, entries[i]->d_name);
		if (!scenario_read(&scenario, path)) {
			status = 99;
		} else {
			bool good = run_one(&scenario, false, t);

			if (!good)
				printf("# %s: %s\n", entries[i]->d_name, world()->failure);
			*tests = test_line(*tests, good, entries[i]->d_name);
		}
		free(entries[i]);
	}
	free(entries);
	return status;
}

static int check(const char *dir, uint64_t first, uint64_t n)
{
	struct total t = {0};
	unsigned int tests = 0;
	int status = dir ? run_files(dir, &t, &tests) : 0;

	tests = run_batches(first, n, &t, tests);
	say_total(&t);
	printf("1..%u\n", tests);
	return status ? status : t.failed > 0;
}

static int one(const struct scenario *scenario, bool verbose)
{
	struct total t = {0};
	bool good = run_one(scenario, verbose, &t);

	if (!good)
		printf("# %s\n", world()->failure);
	say_total(&t);
	test_line(0, good, "the scenario holds");
	printf("1..1\n");
	return !good;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: sim --check DIR [N] | --seeds FIRST N | --seed N [-v] | --file FILE [-v] | "
		"--write N | --measure WHAT\n");
	return 64;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";
	bool verbose = argc > 3 && strcmp(argv[3], "-v") == 0;
	uint64_t number = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
	struct scenario scenario;

	if (strcmp(what, "--check") == 0)
		return check(argv[2], 1, argc > 3 ? strtoull(argv[3], NULL, 10) : CHECK_SEEDS);
	if (strcmp(what, "--seeds") == 0 && argc > 3)
		return check(NULL, number, strtoull(argv[3], NULL, 10));
	if (strcmp(what, "--measure") == 0)
		return measure(argv[2]) ? 0 : usage();
	if (strcmp(what, "--file") == 0) {
		if (!scenario_read(&scenario, argv[2]))
			return 99;
		return one(&scenario, verbose);
	}
	scenario_draw(&scenario, number);
	if (strcmp(what, "--seed") == 0)
		return one(&scenario, verbose);
	if (strcmp(what, "--write") == 0) {
		scenario_write(&scenario, stdout);
		return 0;
	}
	return usage();
}

#include "scenario.h"

#include "base/prng.h"

#include <stddef.h>
#include <string.h>

static const char *const names[FAULT_KINDS] = {
	[FAULT_KILL] = "kill",
	[FAULT_HALT] = "halt",
	[FAULT_STOP] = "stop",
	[FAULT_PAUSE] = "pause",
	[FAULT_ISOLATE] = "isolate",
	[FAULT_DEAF] = "deaf",
	[FAULT_MUTE] = "mute",
	[FAULT_LINK] = "link",
	[FAULT_ONEWAY] = "oneway",
	[FAULT_SPLIT] = "split",
	[FAULT_GATEWAY] = "gateway",
	[FAULT_LOSS] = "loss",
	[FAULT_DOUBLE] = "double",
	[FAULT_SHUFFLE] = "shuffle",
	[FAULT_REPLAY] = "replay",
	[FAULT_CLOCK] = "clock",
	[FAULT_ITEM] = "item",
	[FAULT_RECORD] = "record",
	[FAULT_MOVE] = "move",
	[FAULT_PRIORITY] = "priority",
	[FAULT_FORGET] = "forget",
	[FAULT_LEAVE] = "leave",
	[FAULT_STUCK] = "stuck",
	[FAULT_CANNOT] = "cannot",
	[FAULT_DIGEST] = "digest",
	[FAULT_ITEMS] = "items",
	[FAULT_RECORDS] = "records",
};

/* Numbers of a scenario, by name. */
static const struct {
	const char *name;
	size_t offset;
	uint32_t max;
} numbers[] = {
	{"nodes", offsetof(struct scenario, nodes), SIM_NODES_MAX},
	{"balancers", offsetof(struct scenario, balancers), SIM_NODES_MAX},
	{"beat-ms", offsetof(struct scenario, beat_ms), 1000},
	{"silent-ms", offsetof(struct scenario, silent_ms), 60000},
	{"vips", offsetof(struct scenario, vips), SIM_VIPS_MAX},
	{"prefer", offsetof(struct scenario, prefer), SIM_NODES_MAX},
	{"loss", offsetof(struct scenario, loss), 1000},
	{"delay-us", offsetof(struct scenario, delay_us), 1000000},
	{"jitter-us", offsetof(struct scenario, jitter_us), 1000000},
	{"peers", offsetof(struct scenario, peers), SIM_NODES_MAX},
	{"tight", offsetof(struct scenario, tight), 1000},
	{"quiet-ms", offsetof(struct scenario, quiet_ms), 60000},
};

enum { NUMBERS = sizeof numbers / sizeof numbers[0] };

const char *fault_name(enum fault_kind kind)
{
	return names[kind];
}

static uint32_t *number(struct scenario *s, size_t i)
{
	return (uint32_t *)(void *)((char *)s + numbers[i].offset);
}

void scenario_write(const struct scenario *s, FILE *out)
{
	struct scenario copy = *s;

	fprintf(out, "seed %llu\n", (unsigned long long)s->seed);
	for (size_t i = 0; i < NUMBERS; i++)
		fprintf(out, "%s %u\n", numbers[i].name, *number(&copy, i));
	fprintf(out, "quorum %s\ngateway %s\n", s->quorum ? "majority" : "none",
		s->gateway ? "yes" : "no");
	fprintf(out, "# from and to in ms (0: for good), what, a, b, p\n");
	for (uint32_t i = 0; i < s->n_faults; i++) {
		const struct fault *f = &s->faults[i];

		fprintf(out, "fault %u %u %s %u %u %d%s\n", f->at_ms, f->until_ms, names[f->kind],
			f->a, f->b, f->p, f->forgets ? " forgets" : "");
	}
}

static bool read_fault(struct scenario *s, const char *text)
{
	struct fault f = {.kind = FAULT_KINDS};
	char name[16], forgets[16] = "";

	if (s->n_faults == SIM_FAULTS_MAX ||
		sscanf(text, "%u %u %15s %u %u %d %15s", &f.at_ms, &f.until_ms, name, &f.a, &f.b,
			&f.p, forgets) < 6)
		return false;
	for (int i = 0; i < FAULT_KINDS; i++) {
		if (strcmp(name, names[i]) == 0)
			f.kind = (enum fault_kind)i;
	}
	f.forgets = strcmp(forgets, "forgets") == 0;
	if (f.kind == FAULT_KINDS || f.a >= SIM_NODES_MAX || f.b >= SIM_NODES_MAX)
		return false;
	s->faults[s->n_faults++] = f;
	return true;
}

static bool read_number(struct scenario *s, const char *name, const char *text)
{
	unsigned int value;

	for (size_t i = 0; i < NUMBERS; i++) {
		if (strcmp(name, numbers[i].name) != 0)
			continue;
		if (sscanf(text, "%u", &value) != 1 || value > numbers[i].max)
			return false;
		*number(s, i) = value;
		return true;
	}
	return false;
}

static bool read_line(struct scenario *s, const char *line)
{
	char name[16], value[16];
	unsigned long long seed;
	int behind = 0;

	if (line[0] == '#' || sscanf(line, " %15s %n%15s", name, &behind, value) < 1)
		return true;
	if (strcmp(name, "seed") == 0 && sscanf(line + behind, "%llu", &seed) == 1) {
		s->seed = seed;
		return true;
	}
	if (strcmp(name, "fault") == 0)
		return read_fault(s, line + behind);
	if (strcmp(name, "quorum") == 0)
		s->quorum = strcmp(value, "majority") == 0;
	else if (strcmp(name, "gateway") == 0)
		s->gateway = strcmp(value, "yes") == 0;
	else
		return read_number(s, name, line + behind);
	return true;
}

static bool is_whole(const struct scenario *s)
{
	return s->nodes >= 2 && s->balancers <= s->nodes && s->prefer <= s->balancers &&
	       s->beat_ms > 0 && s->silent_ms >= 12 * s->beat_ms;
}

bool scenario_read(struct scenario *s, const char *path)
{
	FILE *in = fopen(path, "r");
	char line[256];
	unsigned int at = 0;
	bool good = in != NULL;

	memset(s, 0, sizeof *s);
	while (good && fgets(line, sizeof line, in)) {
		at++;
		good = read_line(s, line);
	}
	if (!in)
		fprintf(stderr, "sim: %s cannot be opened\n", path);
	else if (!good)
		fprintf(stderr, "sim: %s:%u: not a line of a scenario: %s", path, at, line);
	else if (!is_whole(s))
		fprintf(stderr, "sim: %s: too few nodes, or a silence of less than 12 beats\n",
			path);
	if (in)
		fclose(in);
	return good && is_whole(s);
}

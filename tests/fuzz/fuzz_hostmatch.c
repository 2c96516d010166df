/* lib/hostmatch against the rules written down plainly: the first line of the input is the name
 * that is looked up, every other one a pattern, whose value is its number. */
#include "base/bug.h"
#include "hostmatch/hostmatch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PATTERNS_MAX = 64 };

struct pattern {
	char name[HOSTNAME_SIZE];
	size_t len;
	bool wildcard;
};

static struct span next_line(struct span *text)
{
	const uint8_t *lf = text->n > 0 ? memchr(text->p, '\n', text->n) : NULL;
	struct span line = *text;

	if (lf) {
		line.n = (size_t)(lf - text->p);
		*text = span_of(lf + 1, text->n - line.n - 1);
	} else {
		*text = span_of(text->p + text->n, 0);
	}
	return line;
}

static bool matches(const struct pattern *p, const char *name, size_t n)
{
	if (!p->wildcard)
		return n == p->len && memcmp(name, p->name, n) == 0;
	return n > p->len + 1 && name[n - p->len - 1] == '.' &&
	       memcmp(name + n - p->len, p->name, p->len) == 0;
}

/* Exact beats wildcard, the longest wildcard wins. */
static int best_of(const struct pattern *patterns, int count, const char *name, size_t n)
{
	int best = HOSTMATCH_NONE;

	for (int i = 0; i < count; i++) {
		if (patterns[i].len == 0 || !matches(&patterns[i], name, n))
			continue;
		if (!patterns[i].wildcard)
			return i;
		if (best == HOSTMATCH_NONE || patterns[i].len > patterns[best].len)
			best = i;
	}
	return best;
}

static int same_pattern(const struct pattern *patterns, int count, const struct pattern *p)
{
	for (int i = 0; i < count; i++)
		if (patterns[i].len == p->len && patterns[i].wildcard == p->wildcard &&
			memcmp(patterns[i].name, p->name, p->len) == 0)
			return i;
	return HOSTMATCH_NONE;
}

/* Adds a pattern to the table and, if it was taken, to the list. */
static void add(struct hostmatch *m, struct pattern *patterns, int count, struct span line)
{
	int twin = HOSTMATCH_NONE, value = HOSTMATCH_NONE, n;
	enum hostmatch_status status = hostmatch_add(m, line, count, &value);
	struct pattern *p = &patterns[count];

	p->len = 0;
	if (status != HOSTMATCH_ADDED && status != HOSTMATCH_DUPLICATE)
		return;
	p->wildcard = line.p[0] == '*';
	if (p->wildcard)
		line = span_of(line.p + 2, line.n - 2);
	n = hostname_normalize(line, p->name);
	BUG_ON(n <= 0);
	p->len = (size_t)n;
	twin = same_pattern(patterns, count, p);
	BUG_ON((status == HOSTMATCH_DUPLICATE) != (twin != HOSTMATCH_NONE) || value != twin);
	if (status == HOSTMATCH_DUPLICATE)
		p->len = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pattern patterns[PATTERNS_MAX];
	struct span text = span_of(data, size), line = next_line(&text);
	struct arena *a = arena_new();
	struct hostmatch *m = hostmatch_new(a);
	char name[HOSTNAME_SIZE], again[HOSTNAME_SIZE];
	int n = hostmatch_normalize(line, name), count = 0;

	while (text.n > 0 && count < PATTERNS_MAX) {
		add(m, patterns, count, next_line(&text));
		count++;
	}
	for (int i = 0; i < count; i++)
		if (patterns[i].len > 0 && !patterns[i].wildcard)
			BUG_ON(hostmatch_find(m, span_of(patterns[i].name, patterns[i].len)) != i);
	if (n > 0) {
		BUG_ON(hostmatch_normalize(span_of(name, (size_t)n), again) != n ||
			strcmp(name, again) != 0);
		BUG_ON(hostmatch_find(m, span_of(name, (size_t)n)) !=
			best_of(patterns, count, name, (size_t)n));
	}
	arena_free(a);
	return 0;
}

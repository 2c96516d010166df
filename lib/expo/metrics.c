#include "expo/expo.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char total[] = "_total";

static bool ends_with_total(struct span name)
{
	size_t n = sizeof(total) - 1;

	return name.n > n && memcmp(name.p + name.n - n, total, n) == 0;
}

/* In OpenMetrics the family of a counter has no suffix, only its samples do. */
static struct span family_name(const struct expo_family *f, enum expo_format format)
{
	struct span name = span_str(f->name);

	if (format == EXPO_OPENMETRICS && f->type == EXPO_COUNTER && ends_with_total(name))
		name.n -= sizeof(total) - 1;
	return name;
}

/* Backslash and line end; quotes too in label values and in OpenMetrics help texts, while the older
 * format takes a backslash before a quote in a help text for a backslash. Runs of other bytes are
 * copied at once: names seldom hold any of these. */
static void escape(struct expo *e, struct span s, bool quotes)
{
	size_t run = 0;

	for (size_t i = 0; i < s.n; i++) {
		char c = (char)s.p[i];

		if (c != '\n' && c != '\\' && !(quotes && c == '"'))
			continue;
		expo_span(e, span_of(s.p + run, i - run));
		expo_char(e, '\\');
		expo_char(e, c == '\n' ? 'n' : c);
		run = i + 1;
	}
	if (run < s.n)
		expo_span(e, span_of(s.p + run, s.n - run));
}

void expo_family(struct expo *e, const struct expo_family *f, enum expo_format format)
{
	static const char *const types[] = {"counter", "gauge", "histogram"};
	struct span name = family_name(f, format);

	expo_str(e, "# HELP ");
	expo_span(e, name);
	expo_char(e, ' ');
	escape(e, span_str(f->help), format == EXPO_OPENMETRICS);
	expo_str(e, "\n# TYPE ");
	expo_span(e, name);
	expo_fmt(e, " %s\n", types[f->type]);
}

/* The shortest of the forms that read back as the same number. */
static void number(struct expo *e, double v)
{
	char text[32];

	if (isnan(v) || isinf(v)) {
		expo_str(e, isnan(v) ? "NaN" : v > 0 ? "+Inf" : "-Inf");
		return;
	}
	for (int digits = 6; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	expo_str(e, text);
}

struct series {
	const char *name;
	const struct expo_label *labels;
	size_t n_labels;
};

/* What stands before the value. `le` is a bucket's bound, NULL for other samples. */
static void series(struct expo *e, const struct series *s, const char *suffix, const double *le)
{
	char before = '{';

	expo_str(e, s->name);
	expo_str(e, suffix);
	for (size_t i = 0; i < s->n_labels; i++) {
		expo_char(e, before);
		expo_str(e, s->labels[i].name);
		expo_str(e, "=\"");
		escape(e, s->labels[i].value, true);
		expo_char(e, '"');
		before = ',';
	}
	if (le) {
		expo_char(e, before);
		expo_str(e, "le=\"");
		number(e, *le);
		expo_char(e, '"');
		before = ',';
	}
	expo_str(e, before == ',' ? "} " : " ");
}

static void value_u64(struct expo *e, uint64_t v)
{
	expo_u64(e, v);
	expo_char(e, '\n');
}

static void value_double(struct expo *e, double v)
{
	number(e, v);
	expo_char(e, '\n');
}

void expo_sample_u64(struct expo *e, const struct expo_family *f, const struct expo_label *labels,
	size_t n_labels, uint64_t v)
{
	series(e, &(struct series){f->name, labels, n_labels}, "", NULL);
	value_u64(e, v);
}

void expo_sample_double(struct expo *e, const struct expo_family *f,
	const struct expo_label *labels, size_t n_labels, double v)
{
	series(e, &(struct series){f->name, labels, n_labels}, "", NULL);
	value_double(e, v);
}

/* Exact, where a double would have to be searched for its shortest form. */
static void value_seconds(struct expo *e, uint64_t us)
{
	char digits[6];
	size_t n = sizeof(digits);

	expo_u64(e, us / 1000000);
	for (uint64_t rest = us % 1000000, i = n; i > 0; rest /= 10)
		digits[--i] = (char)('0' + rest % 10);
	while (n > 0 && digits[n - 1] == '0')
		n--;
	if (n > 0) {
		expo_char(e, '.');
		expo_span(e, span_of(digits, n));
	}
	expo_char(e, '\n');
}

void expo_sample_seconds(struct expo *e, const struct expo_family *f,
	const struct expo_label *labels, size_t n_labels, uint64_t us)
{
	series(e, &(struct series){f->name, labels, n_labels}, "", NULL);
	value_seconds(e, us);
}

void expo_sample_histogram(struct expo *e, const struct expo_family *f,
	const struct expo_label *labels, size_t n_labels, const struct expo_histogram *h)
{
	const struct series s = {f->name, labels, n_labels};
	const double above = INFINITY;
	uint64_t count = 0;

	for (size_t i = 0; i <= h->n; i++) {
		count += h->counts[i];
		series(e, &s, "_bucket", i < h->n ? &h->bounds[i] : &above);
		value_u64(e, count);
	}
	series(e, &s, "_sum", NULL);
	value_double(e, h->sum);
	series(e, &s, "_count", NULL);
	value_u64(e, count);
}

void expo_metrics_end(struct expo *e, enum expo_format format)
{
	if (format == EXPO_OPENMETRICS)
		expo_str(e, "# EOF\n");
}

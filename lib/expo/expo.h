/* Writes text for machines and people into a growing buffer: CSV cells in HAProxy's way, Prometheus
 * and OpenMetrics exposition, HTML, and client-given text in log lines. Out of memory is sticky:
 * write everything, then check `failed` once. One owner.
 *
 *	struct expo e;
 *	expo_init(&e);
 *	expo_str(&e, "hello "); expo_html(&e, span_str(name));
 *	if (!e.failed) send(e.buf, e.len);
 *	expo_release(&e);
 */
#ifndef EXPO_EXPO_H
#define EXPO_EXPO_H

#include "base/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct expo {
	char *buf; /* not ended by NUL; NULL while nothing was written */
	size_t len;
	bool failed;
	size_t _room;
};

void expo_init(struct expo *e);
void expo_release(struct expo *e);
void expo_clear(struct expo *e); /* empty again, memory kept */

void expo_char(struct expo *e, char c);
void expo_str(struct expo *e, const char *s);
void expo_span(struct expo *e, struct span s);
void expo_u64(struct expo *e, uint64_t v);
void expo_fmt(struct expo *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Text inside HTML, attribute values included. */
void expo_html(struct expo *e, struct span s);

/* Client-given text in a log line, which it can neither split nor forge: control bytes, non-ASCII,
 * quotes and backslashes become \xNN. A word has its spaces escaped too and is "-" when empty;
 * quoted text brings its quotes. */
void expo_log_word(struct expo *e, struct span s);
void expo_log_quoted(struct expo *e, struct span s);

/* One cell and the comma after it. Text is quoted only where it must be (comma, quote, line end),
 * quotes are doubled. A row ends after its last comma, as in HAProxy's `show stat`. */
void expo_csv_text(struct expo *e, struct span s);
void expo_csv_u64(struct expo *e, uint64_t v);
void expo_csv_blank(struct expo *e);
void expo_csv_end(struct expo *e);

/* Metrics. EXPO_PROMETHEUS is text format 0.0.4, EXPO_OPENMETRICS is OpenMetrics 1.0; they differ
 * in the family name of counters, in the escaping of help texts, and in the closing line. */
enum expo_format { EXPO_PROMETHEUS, EXPO_OPENMETRICS };
enum expo_type { EXPO_COUNTER, EXPO_GAUGE, EXPO_HISTOGRAM };

/* Names are ours and valid; those of counters end with "_total". */
struct expo_family {
	const char *name;
	const char *help;
	enum expo_type type;
};

struct expo_label {
	const char *name;
	struct span value; /* escaped here */
};

/* HELP and TYPE: once for a family, then all its samples. */
void expo_family(struct expo *e, const struct expo_family *f, enum expo_format format);
void expo_sample_u64(struct expo *e, const struct expo_family *f, const struct expo_label *labels,
	size_t n_labels, uint64_t v);
void expo_sample_double(struct expo *e, const struct expo_family *f,
	const struct expo_label *labels, size_t n_labels, double v);

/* A time or duration of so many microseconds, in seconds: "1.5" for 1500000. */
void expo_sample_seconds(struct expo *e, const struct expo_family *f,
	const struct expo_label *labels, size_t n_labels, uint64_t us);

/* Not cumulative: counts[i] is what fell into (bounds[i-1], bounds[i]], counts[n] what lies above
 * all. */
struct expo_histogram {
	const double *bounds; /* ascending */
	const uint64_t *counts;
	size_t n;
	double sum;
};

void expo_sample_histogram(struct expo *e, const struct expo_family *f,
	const struct expo_label *labels, size_t n_labels, const struct expo_histogram *h);

/* After the last family: the end mark, where the format has one. */
void expo_metrics_end(struct expo *e, enum expo_format format);

#endif

#include "expo/expo.h"

#include "../../fault.h"

#include <criterion/criterion.h>
#include <math.h>

/* Ends the case: compares all that was written, and frees it. */
static void check(struct expo *e, const char *expected)
{
	expo_char(e, '\0');
	cr_assert_not(e->failed);
	cr_assert_str_eq(e->buf, expected);
	expo_release(e);
}

Test(expo, text_and_numbers)
{
	struct expo e;

	expo_init(&e);
	expo_str(&e, "a=");
	expo_u64(&e, 0);
	expo_fmt(&e, " %s=%d ", "b", -7);
	expo_u64(&e, UINT64_MAX);
	check(&e, "a=0 b=-7 18446744073709551615");
}

Test(expo, grows_as_needed_and_can_be_used_again)
{
	struct expo e;

	expo_init(&e);
	for (int i = 0; i < 100000; i++)
		expo_str(&e, "0123456789");
	cr_expect_eq(e.len, 1000000);
	expo_clear(&e);
	expo_str(&e, "new");
	check(&e, "new");
}

Test(expo, running_out_of_memory_is_remembered_and_keeps_what_is_there)
{
	struct expo e;

	expo_init(&e);
	expo_str(&e, "kept");
	fault_next(1);
	while (!e.failed)
		expo_fmt(&e, " %d", 12345);
	cr_assert(fault_struck());
	cr_expect_lt(e.len, 1000);
	cr_expect_eq(memcmp(e.buf, "kept 12345 12345", 16), 0);
	expo_str(&e, "not written any more");
	cr_expect_lt(e.len, 1000);
	expo_release(&e);
}

Test(expo, more_than_memory_can_hold_fails_and_keeps_what_is_there)
{
	struct expo e;

	expo_init(&e);
	expo_str(&e, "kept");
	expo_span(&e, span_of("", SIZE_MAX - 16));
	cr_expect(e.failed);
	cr_expect_eq(e.len, 4);
	expo_release(&e);
}

Test(expo, html_cannot_be_broken_out_of)
{
	struct expo e;

	expo_init(&e);
	expo_html(&e, span_str("<a b=\"c\" d='e'>&amp;</a>"));
	check(&e, "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;amp;&lt;/a&gt;");
}

Test(expo, csv_quotes_only_where_it_must)
{
	struct expo e;

	expo_init(&e);
	expo_csv_text(&e, span_str("plain text"));
	expo_csv_text(&e, span_str("a,b"));
	expo_csv_text(&e, span_str("say \"hi\""));
	expo_csv_text(&e, span_str("two\nlines"));
	expo_csv_text(&e, span_str(""));
	expo_csv_blank(&e);
	expo_csv_u64(&e, 42);
	expo_csv_end(&e);
	check(&e, "plain text,\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\",,,42,\n");
}

Test(expo, client_text_neither_splits_nor_forges_a_log_line)
{
	struct expo e;

	expo_init(&e);
	expo_log_quoted(&e, span_str("curl\r\n2026 \"x\" \\x41 \xc3\xa9\x7f"));
	expo_char(&e, ' ');
	expo_log_word(&e, span_str("a b\tc"));
	expo_char(&e, ' ');
	expo_log_word(&e, span_str(""));
	expo_char(&e, ' ');
	expo_log_quoted(&e, span_of("a\0b", 3));
	check(&e, "\"curl\\x0d\\x0a2026 \\x22x\\x22 \\x5cx41 \\xc3\\xa9\\x7f\" a\\x20b\\x09c - "
		  "\"a\\x00b\"");
}

static const struct expo_family requests = {
	"aegislb_requests_total", "Requests by \"class\",\nall\\of them.", EXPO_COUNTER};
static const struct expo_family up = {"aegislb_up", "Is it up?", EXPO_GAUGE};
static const struct expo_family seconds = {"aegislb_seconds", "How long.", EXPO_HISTOGRAM};

Test(expo, prometheus_counters_keep_their_suffix)
{
	struct expo e;

	expo_init(&e);
	expo_family(&e, &requests, EXPO_PROMETHEUS);
	expo_sample_u64(&e, &requests, NULL, 0, 3);
	expo_metrics_end(&e, EXPO_PROMETHEUS);
	check(&e, "# HELP aegislb_requests_total Requests by \"class\",\\nall\\\\of them.\n"
		  "# TYPE aegislb_requests_total counter\n"
		  "aegislb_requests_total 3\n");
}

Test(expo, openmetrics_counters_have_it_on_samples_only)
{
	struct expo e;

	expo_init(&e);
	expo_family(&e, &requests, EXPO_OPENMETRICS);
	expo_sample_u64(&e, &requests, NULL, 0, 3);
	expo_metrics_end(&e, EXPO_OPENMETRICS);
	check(&e, "# HELP aegislb_requests Requests by \\\"class\\\",\\nall\\\\of them.\n"
		  "# TYPE aegislb_requests counter\n"
		  "aegislb_requests_total 3\n"
		  "# EOF\n");
}

Test(expo, label_values_are_escaped)
{
	const struct expo_label labels[] = {{"backend", {(const uint8_t *)"a\"b\\c\nd", 7}},
		{"node", {(const uint8_t *)"n1", 2}}};
	struct expo e;

	expo_init(&e);
	expo_sample_u64(&e, &up, labels, 2, 1);
	check(&e, "aegislb_up{backend=\"a\\\"b\\\\c\\nd\",node=\"n1\"} 1\n");
}

Test(expo, numbers_are_short_and_read_back_the_same)
{
	const double values[] = {0, 0.1, 1e21, 1.0 / 3, -2.5, 123456789};
	struct expo e;

	expo_init(&e);
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		expo_sample_double(&e, &up, NULL, 0, values[i]);
	expo_sample_double(&e, &up, NULL, 0, INFINITY);
	expo_sample_double(&e, &up, NULL, 0, -INFINITY);
	expo_sample_double(&e, &up, NULL, 0, NAN);
	check(&e, "aegislb_up 0\naegislb_up 0.1\naegislb_up 1e+21\n"
		  "aegislb_up 0.3333333333333333\naegislb_up -2.5\naegislb_up 123456789\n"
		  "aegislb_up +Inf\naegislb_up -Inf\naegislb_up NaN\n");
}

Test(expo, microseconds_become_exact_seconds)
{
	const uint64_t values[] = {0, 1, 64, 1000000, 1500000, 1795480536123456};
	struct expo e;

	expo_init(&e);
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		expo_sample_seconds(&e, &up, NULL, 0, values[i]);
	check(&e, "aegislb_up 0\naegislb_up 0.000001\naegislb_up 0.000064\naegislb_up 1\n"
		  "aegislb_up 1.5\naegislb_up 1795480536.123456\n");
}

Test(expo, histogram_buckets_are_cumulative)
{
	const double bounds[] = {0.001, 0.5};
	const uint64_t counts[] = {2, 0, 5};
	const struct expo_histogram h = {bounds, counts, 2, 12.25};
	const struct expo_label label = {"backend", {(const uint8_t *)"b", 1}};
	struct expo e;

	expo_init(&e);
	expo_family(&e, &seconds, EXPO_PROMETHEUS);
	expo_sample_histogram(&e, &seconds, &label, 1, &h);
	expo_sample_histogram(&e, &seconds, NULL, 0, &h);
	check(&e, "# HELP aegislb_seconds How long.\n"
		  "# TYPE aegislb_seconds histogram\n"
		  "aegislb_seconds_bucket{backend=\"b\",le=\"0.001\"} 2\n"
		  "aegislb_seconds_bucket{backend=\"b\",le=\"0.5\"} 2\n"
		  "aegislb_seconds_bucket{backend=\"b\",le=\"+Inf\"} 7\n"
		  "aegislb_seconds_sum{backend=\"b\"} 12.25\n"
		  "aegislb_seconds_count{backend=\"b\"} 7\n"
		  "aegislb_seconds_bucket{le=\"0.001\"} 2\n"
		  "aegislb_seconds_bucket{le=\"0.5\"} 2\n"
		  "aegislb_seconds_bucket{le=\"+Inf\"} 7\n"
		  "aegislb_seconds_sum 12.25\n"
		  "aegislb_seconds_count 7\n");
}
